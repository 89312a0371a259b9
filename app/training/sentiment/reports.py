"""What an evaluation of text classifiers found, as JSON and as a table; knows numbers only."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from pydantic import JsonValue
from rich.table import Table

from app.training.common.cards import markdown_table
from app.training.common.reports import bold, number, row_to_json

Interval = tuple[float, float]
NOTHING: Interval = (math.nan, math.nan)


@dataclass(frozen=True)
class TextRow:
    """Scores of one method on the texts of one part of one board; intervals are of 95 %.

    Of a model with more labels than the board, `accuracy`, `macro_f1`, `balanced_accuracy`
    and `calibration_error` are those of its probabilities among the board's labels;
    `as_served` and `calibration_error_as_served` take the likeliest of all its labels.
    `calibration_error_by_chance` is what it would be if the probabilities were right.
    `ahead` is its accuracy minus that of `rival`, the most accurate baseline, on the same
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
    calibration_error_by_chance: float = math.nan
    as_served: float = math.nan
    calibration_error_as_served: float = math.nan
    truncated: float = math.nan
    rival: str = ""
    ahead: float = math.nan
    ahead_interval: Interval = NOTHING

    def to_json(self) -> dict[str, JsonValue]:
        return row_to_json(asdict(self))


_HEADINGS = ("accuracy", "95 %", "macro-F1", "ECE", "served")


def text_table(rows: Sequence[TextRow]) -> Table:
    """The rows for a terminal; the highest accuracy and macro-F1 of each board stand out."""
    parts = " and ".join(dict.fromkeys(row.part for row in rows))
    table = Table(title=f"Texts that were not trained on, {parts} (number of texts)")
    table.add_column("method")
    for heading in _HEADINGS:
        table.add_column(heading, justify="right", no_wrap=True)
    last = None
    for row in rows:
        group = [one for one in rows if (one.board, one.part) == (row.board, row.part)]
        if (row.board, row.part) != last:
            table.add_section()
            table.add_row(f"[bold]{row.board}[/bold] ({row.texts})")
        table.add_row(
            f"  {row.method}",
            bold(number(row.accuracy), row.accuracy == max(one.accuracy for one in group)),
            _interval(row.accuracy_interval),
            bold(number(row.macro_f1), row.macro_f1 == max(one.macro_f1 for one in group)),
            number(row.calibration_error),
            number(row.as_served),
        )
        if row.rival:
            lead = f"{row.ahead:+.3f}", _interval(row.ahead_interval)
            table.add_row(*(f"[dim]{cell}[/dim]" for cell in (f"  over {row.rival}", *lead)))
        last = (row.board, row.part)
    return table


def text_markdown(rows: Sequence[TextRow]) -> str:
    """The rows as a table in Markdown, for model cards and docs."""
    header = (
        "set, part, texts",
        "method",
        "accuracy (95 %)",
        "macro-F1 (95 %)",
        "ECE",
        "ECE by chance",
        "as served",
        "ECE as served",
        "lead in accuracy (95 %)",
    )
    cells = [
        (
            f"{row.board}, {row.part}, {row.texts}",
            row.method,
            f"{number(row.accuracy)} ({_interval(row.accuracy_interval)})",
            f"{number(row.macro_f1)} ({_interval(row.macro_f1_interval)})",
            number(row.calibration_error),
            number(row.calibration_error_by_chance),
            number(row.as_served),
            number(row.calibration_error_as_served),
            f"{row.ahead:+.3f} ({_interval(row.ahead_interval)}) over {row.rival}"
            if row.rival
            else "",
        )
        for row in rows
    ]
    return markdown_table(header, cells)


def _interval(interval: Interval) -> str:
    return f"{interval[0]:.3f}, {interval[1]:.3f}"
