"""The figures of an evaluation of language models, as JSON and as tables. Knows numbers only."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import JsonValue
from rich.table import Table

from app.training.common.cards import markdown_table


@dataclass(frozen=True)
class GenerateRow:
    """One way to predict a text. nats: the mean negative log-probability of a character."""

    method: str
    characters: int
    nats: float

    @property
    def bits(self) -> float:
        return self.nats / math.log(2)

    @property
    def perplexity(self) -> float:
        """As many equally likely characters are as hard to predict."""
        return math.exp(self.nats)

    def to_json(self) -> dict[str, JsonValue]:
        return {
            "method": self.method,
            "characters": self.characters,
            "nats": round(self.nats, 4),
            "bits": round(self.bits, 4),
            "perplexity": round(self.perplexity, 4),
        }


_HEADINGS = ("predicted by", "characters", "nats", "bits", "perplexity")


def generate_table(rows: Sequence[GenerateRow]) -> Table:
    """The rows for a terminal."""
    table = Table(title="a character, on the validation text")
    for heading in _HEADINGS:
        table.add_column(heading, justify="left" if heading == _HEADINGS[0] else "right")
    for row in rows:
        table.add_row(*_cells(row))
    return table


def generate_markdown(rows: Sequence[GenerateRow]) -> str:
    """The rows as a table in Markdown, for model cards and docs."""
    return markdown_table(_HEADINGS, [_cells(row) for row in rows])


def _cells(row: GenerateRow) -> tuple[str, ...]:
    return (
        row.method,
        f"{row.characters:,}",
        f"{row.nats:.3f}",
        f"{row.bits:.3f}",
        f"{row.perplexity:.2f}",
    )
