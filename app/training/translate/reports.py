"""The figures of an evaluation of translators, as JSON and as tables. Knows numbers only."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from pydantic import JsonValue
from rich.table import Table

from app.training.common.cards import markdown_table
from app.training.common.repetition import repeating_share
from app.training.translate.scores import bleu, chrf


@dataclass(frozen=True)
class TranslateRow:
    """One way to translate one set of sentences. BLEU and chrF: 0 to 100.

    repeated: the share that repeats a phrase, 0 to 1. length: words of a translation over those of
    its reference.
    """

    method: str
    pair: str
    sentences: int
    bleu: float
    chrf: float
    repeated: float
    length: float

    def to_json(self) -> dict[str, JsonValue]:
        return {
            name: round(value, 4) if isinstance(value, float) else value
            for name, value in asdict(self).items()
        }


def translate_row(
    method: str, pair: str, translations: Sequence[str], references: Sequence[str]
) -> TranslateRow:
    """The row of `translations`, one per reference."""
    words = sum(len(each.split()) for each in references)
    return TranslateRow(
        method,
        pair,
        len(references),
        bleu(translations, references),
        chrf(translations, references),
        repeating_share([each.lower().replace(",", " ,").split() for each in translations]),
        sum(len(each.split()) for each in translations) / words,
    )


_HEADINGS = ("translated by", "pair", "sentences", "BLEU", "chrF", "repeated", "length")


def translate_table(rows: Sequence[TranslateRow], title: str) -> Table:
    """The rows for a terminal."""
    table = Table(title=title)
    for place, heading in enumerate(_HEADINGS):
        table.add_column(heading, justify="left" if place < 2 else "right")
    for row in rows:
        table.add_row(*_cells(row))
    return table


def translate_markdown(rows: Sequence[TranslateRow]) -> str:
    """The rows as a table in Markdown, for model cards and docs."""
    return markdown_table(_HEADINGS, [_cells(row) for row in rows])


def _cells(row: TranslateRow) -> tuple[str, ...]:
    return (
        row.method,
        row.pair,
        f"{row.sentences:,}",
        f"{row.bleu:.1f}",
        f"{row.chrf:.1f}",
        f"{100 * row.repeated:.1f} %",
        f"{row.length:.2f}",
    )
