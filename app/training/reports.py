"""What an evaluation found, as JSON and as a table; knows numbers, not where they come from."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from pydantic import JsonValue
from rich.table import Table

from app.training.cards import markdown_table


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


def forecast_table(rows: Sequence[Row]) -> Table:
    """The rows for a terminal; the lowest OWA of each group stands out."""
    table = Table(title="Backtest on the last horizon; lower is better but for coverage")
    for heading in ("collection", "part", "series", "method"):
        table.add_column(heading)
    for heading in ("OWA", "sMAPE", "MASE", "cover 80", "cover 95", "width 80", "pinball"):
        table.add_column(heading, justify="right")
    last = None
    for row in rows:
        group = (row.collection, row.part)
        if last not in (None, group):
            table.add_section()
        best = min(one.owa for one in rows if (one.collection, one.part) == group)
        shown = (row.collection, row.part, str(row.series)) if group != last else ("", "", "")
        owa = f"{row.owa:.3f}"
        table.add_row(
            *shown,
            row.method + (f" ({row.fell_back} fell back)" if row.fell_back else ""),
            f"[bold]{owa}[/bold]" if row.owa == best else owa,
            f"{row.smape:.3f}",
            f"{row.mase:.3f}",
            *(
                "-" if math.isnan(number) else f"{number:.3f}"
                for number in (row.coverage_80, row.coverage_95, row.width_80, row.pinball)
            ),
        )
        last = group
    return table


def forecast_markdown(rows: Sequence[Row]) -> str:
    """The rows as a table in Markdown, for model cards and docs."""
    header = ("collection, part, series", "method", "OWA", "sMAPE", "MASE", "cover 80", "cover 95")
    cells = []
    for row in rows:
        group = f"{row.collection}, {row.part}, {row.series}"
        numbers = [f"{x:.3f}" for x in (row.owa, row.smape, row.mase)]
        covers = ["-" if math.isnan(x) else f"{x:.3f}" for x in (row.coverage_80, row.coverage_95)]
        cells.append((group, row.method, *numbers, *covers))
    return markdown_table(header, cells)


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
