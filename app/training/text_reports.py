"""What an evaluation of text classifiers found, as JSON and as a table; knows numbers only."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from pydantic import JsonValue
from rich.table import Table

from app.training.cards import markdown_table

Interval = tuple[float, float]
NOTHING: Interval = (math.nan, math.nan)


@dataclass(frozen=True)
class TextRow:
    """Scores of one method on the texts of one part of one board; intervals are of 95 %.

    Of a model with more labels than the board, ``accuracy``, ``macro_f1``, ``balanced_accuracy``
    and ``calibration_error`` are those of its probabilities among the board's labels;
    ``as_served`` and ``calibration_error_as_served`` take the likeliest of all its labels.
    ``ahead`` is its accuracy minus that of ``rival``, the most accurate baseline, on the same
    texts. NaN where a method has no probabilities, or there is no rival.
    """

    board: str
    part: str
    texts: int
    method: str
    accuracy: float
    accuracy_interval: Interval
    macro_f1: float
    macro_f1_interval: Interval
    balanced_accuracy: float
    calibration_error: float
    as_served: float = math.nan
    calibration_error_as_served: float = math.nan
    truncated: float = math.nan
    rival: str = ""
    ahead: float = math.nan
    ahead_interval: Interval = NOTHING

    def to_json(self) -> dict[str, JsonValue]:
        """JSON has no NaN: a score that is not defined is null."""
        return {
            key: [_known(one) for one in value] if isinstance(value, tuple) else _known(value)
            for key, value in asdict(self).items()
        }


HEADINGS = ("accuracy", "macro-F1", "ECE", "as served", "ECE")


def text_table(rows: Sequence[TextRow]) -> Table:
    """The rows for a terminal; the highest accuracy and macro-F1 of each board stand out."""
    table = Table(title="Texts that were not trained on (95 % intervals over texts)")
    table.add_column("method", no_wrap=True)
    for heading in HEADINGS:
        table.add_column(heading, justify="right", no_wrap=True)
    last = None
    for row in rows:
        group = [one for one in rows if (one.board, one.part) == (row.board, row.part)]
        if (row.board, row.part) != last:
            table.add_section()
            table.add_row(f"[bold]{row.board}[/bold] {row.part} ({row.texts})")
        accuracy, macro_f1, *others = _cells(row)
        table.add_row(
            f"  {row.method}",
            _bold(accuracy, row.accuracy == max(one.accuracy for one in group)),
            _bold(macro_f1, row.macro_f1 == max(one.macro_f1 for one in group)),
            *others,
        )
        if row.rival:
            low, high = row.ahead_interval
            by = f"{100 * row.ahead:+.1f} points ({100 * low:+.1f} to {100 * high:+.1f})"
            table.add_row(f"    [dim]ahead of {row.rival}[/dim]", f"[dim]{by}[/dim]")
        last = (row.board, row.part)
    return table


def text_markdown(rows: Sequence[TextRow]) -> str:
    """The rows as a table in Markdown, for model cards and docs."""
    cells = [(f"{r.board}, {r.part}, {r.texts}", r.method, *_cells(r)) for r in rows]
    return markdown_table(("set, part, texts", "method", *HEADINGS), cells)


def _cells(row: TextRow) -> list[str]:
    return [
        _with_interval(row.accuracy, row.accuracy_interval),
        _with_interval(row.macro_f1, row.macro_f1_interval),
        *(
            "-" if math.isnan(number) else f"{number:.3f}"
            for number in (
                row.calibration_error,
                row.as_served,
                row.calibration_error_as_served,
            )
        ),
    ]


def _with_interval(score: float, interval: Interval) -> str:
    return f"{score:.3f} ({interval[0]:.3f}, {interval[1]:.3f})"


def _bold(cell: str, yes: bool) -> str:
    return f"[bold]{cell}[/bold]" if yes else cell


def _known(value: JsonValue) -> JsonValue:
    return None if isinstance(value, float) and math.isnan(value) else value
