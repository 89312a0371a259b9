"""What an evaluation found, as JSON and as a table; knows numbers, not where they come from."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from pydantic import JsonValue
from rich.table import Table

from app.training.common.cards import markdown_table
from app.training.common.reports import bold, number, row_to_json


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
    horizon_min: int = 0  # steps of the shortest and of the longest forecast; 0 if not recorded
    horizon_max: int = 0

    @property
    def group(self) -> tuple[str, str]:
        return self.collection, self.part

    @property
    def horizon(self) -> str:
        """In words: "horizon 12" or "horizons 6 to 18"; empty if it was not recorded."""
        if not self.horizon_max:
            return ""
        if self.horizon_min == self.horizon_max:
            return f"horizon {self.horizon_max}"
        return f"horizons {self.horizon_min} to {self.horizon_max}"

    def to_json(self) -> dict[str, JsonValue]:
        return row_to_json(asdict(self))


_WIDTH = 7  # of a score: a narrow terminal wraps names, not numbers
_SCORES = ("OWA", "sMAPE", "MASE", "in 80 %", "in 95 %")


def forecast_table(rows: Sequence[Row]) -> Table:
    """The rows for a terminal; the lowest OWA of each group stands out."""
    table = Table(title="Backtest on the last horizon")
    table.add_column("method", overflow="fold")
    for heading in _SCORES:
        table.add_column(heading, justify="right", no_wrap=True, min_width=_WIDTH)
    last = None
    for row in rows:
        if row.group != last:
            table.add_section()
            about = ", ".join(filter(None, [f"{row.series} series", row.horizon]))
            table.add_row(f"[bold]{row.collection}[/bold] {row.part} ({about})")
        scored = [one.owa for one in rows if one.group == row.group and one.owa == one.owa]
        best = min(scored, default=None)
        owa, *others = _cells(row)
        table.add_row(
            "  " + row.method + (f" ({row.fell_back} fell back)" if row.fell_back else ""),
            bold(owa, row.owa == best),
            *others,
        )
        last = row.group
    return table


def _cells(row: Row) -> list[str]:
    scores = (row.owa, row.smape, row.mase, row.coverage_80, row.coverage_95)
    return [number(score) for score in scores]


def forecast_markdown(rows: Sequence[Row]) -> str:
    """The rows as a table in Markdown, for model cards and docs."""
    cells = [
        (
            ", ".join(filter(None, [r.collection, r.part, str(r.series), r.horizon])),
            r.method,
            *_cells(r),
        )
        for r in rows
    ]
    return markdown_table(("collection, part, series", "method", *_SCORES), cells)
