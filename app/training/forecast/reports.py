"""What an evaluation found, as JSON and as a table; knows numbers, not where they come from."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from pydantic import JsonValue
from rich.table import Table

from app.training.common.cards import markdown_table


@dataclass(frozen=True)
class Row:
    """Scores of one method, averaged over the series of one part of one collection.

    Widths and pinball loss are in units of each series' own in-sample seasonal naive error,
    so that series of any scale average; NaN where a method has no intervals.
    """

    collection: str
    part: str
    series: int
    method: str
    owa: float
    smape: float
    mase: float
    coverage_80: float
    coverage_95: float
    width_80: float
    width_95: float
    pinball: float
    fell_back: int = 0

    def to_json(self) -> dict[str, JsonValue]:
        return _json(asdict(self))


@dataclass(frozen=True)
class WaveRow:
    """Mean squared errors of one method on fresh generated series.

    ``one_step`` and ``ten_steps`` (the mean over them) follow 50 of 60 points;
    ``one_step_of_51`` follows 50 of 51, which spaces the points a little wider.
    """

    method: str
    series: int
    one_step: float
    ten_steps: float
    one_step_of_51: float

    def to_json(self) -> dict[str, JsonValue]:
        return _json(asdict(self))


_SCORES = ("OWA", "sMAPE", "MASE", "in 80 %", "in 95 %")


def forecast_table(rows: Sequence[Row]) -> Table:
    """The rows for a terminal; the lowest OWA of each group stands out."""
    table = Table(title="Backtest on the last horizon (number of series)")
    table.add_column("method", no_wrap=True)
    for heading in _SCORES:
        table.add_column(heading, justify="right", no_wrap=True)
    last = None
    for row in rows:
        group = (row.collection, row.part)
        if group != last:
            table.add_section()
            table.add_row(f"[bold]{row.collection}[/bold] {row.part} ({row.series})")
        best = min(one.owa for one in rows if (one.collection, one.part) == group)
        owa, *others = _cells(row)
        table.add_row(
            "  " + row.method + (f" ({row.fell_back} fell back)" if row.fell_back else ""),
            f"[bold]{owa}[/bold]" if row.owa == best else owa,
            *others,
        )
        last = group
    return table


def _cells(row: Row) -> list[str]:
    numbers = (row.owa, row.smape, row.mase, row.coverage_80, row.coverage_95)
    return ["-" if math.isnan(number) else f"{number:.3f}" for number in numbers]


def forecast_markdown(rows: Sequence[Row]) -> str:
    """The rows as a table in Markdown, for model cards and docs."""
    cells = [(f"{r.collection}, {r.part}, {r.series}", r.method, *_cells(r)) for r in rows]
    return markdown_table(("collection, part, series", "method", *_SCORES), cells)


def wave_table(rows: Sequence[WaveRow]) -> Table:
    """The rows for a terminal."""
    table = Table(title=f"Mean squared error on {rows[0].series:,} fresh series")
    table.add_column("method")
    for heading in ("one step", "ten steps", "one step of 51"):
        table.add_column(heading, justify="right")
    for row in rows:
        numbers = (row.one_step, row.ten_steps, row.one_step_of_51)
        table.add_row(row.method, *(f"{number:.5f}" for number in numbers))
    return table


def _json(values: dict[str, JsonValue]) -> dict[str, JsonValue]:
    """JSON has no NaN: a score that is not defined is null."""
    return {
        key: None if isinstance(value, float) and math.isnan(value) else value
        for key, value in values.items()
    }
