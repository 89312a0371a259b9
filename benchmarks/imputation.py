"""Gaps made in real series, filled by a published forecaster, beside two interpolations.

Knows the series of ../shared/data/series; asks the task as the service does, without HTTP.
"""

import csv
import gzip
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import typer
from numpy.typing import NDArray

from app.features.seasonal import impute
from app.serving.models.manifest import read_manifest
from app.serving.runtime.session import Session
from app.tasks.forecast.backtest import interpolated
from app.tasks.forecast.imputation import encode_gaps
from app.tasks.forecast.task import ForecastTask
from app.training.common.cards import markdown_table

Array = NDArray[np.float64]
MOST_POINTS = 1200
MISSING = 0.1  # share of the points that are taken out
SIZES = ("points", "runs", "seasons")


@dataclass(frozen=True)
class Known:
    """A series without gaps, or none that count, and its season."""

    name: str
    values: Array
    frequency: str | None
    season: int


@dataclass(frozen=True)
class Row:
    """Mean absolute errors over the gaps of one series; covered: share inside of 80 %."""

    name: str
    gaps: str
    season: int
    linear: float
    seasonal: float
    network: float
    covered: float

    @property
    def ratio(self) -> float:
        return self.network / min(self.linear, self.seasonal)


def read(root: Path) -> Iterator[Known]:
    """The series of the folder; Chicago without its repeated rows, in order of dates."""
    one = (
        ("airline-passengers", "Passengers", "MS", 12),
        ("monthly-sunspots", "Sunspots", "MS", 1),
        ("daily-min-temperatures", "Temp", "D", 1),
        ("daily-max-temperatures", "Temperature", "D", 1),
        ("shampoo", "Sales", "MS", 12),
    )
    for name, column, frequency, season in one:
        yield Known(name, _numbers(_rows(root, name), column), frequency, season)
    rows = {row["service_date"]: row for row in _rows(root, "cta-ridership-daily")}
    dated = sorted(rows.values(), key=lambda row: row["service_date"][6:] + row["service_date"])
    for column in ("bus", "rail_boardings"):
        yield Known(f"cta {column}", _numbers(dated, column), "D", 7)
    hours = _rows(root, "pollution")
    for column in ("TEMP", "PRES", "DEWP"):
        yield Known(f"pollution {column}", _numbers(hours, column), "h", 24)
    with gzip.open(root / "exchange-rate.csv.gz", "rt") as file:
        table = np.array([[float(x) for x in row] for row in csv.reader(file)])
    for currency in (0, 4):
        yield Known(f"exchange rate {currency}", table[:, currency], None, 1)


def _rows(root: Path, name: str) -> list[dict[str, str]]:
    with gzip.open(root / f"{name}.csv.gz", "rt", newline="") as file:
        return list(csv.DictReader(file))


def _numbers(rows: list[dict[str, str]], column: str) -> Array:
    found = []
    for row in rows:
        try:
            found.append(float(row[column]))
        except (TypeError, ValueError):
            found.append(np.nan)
    return np.array(found)


def with_gaps(values: Array, season: int, size: str, rng: np.random.Generator) -> Array:
    """A tenth of the points taken out: single ones, runs of a third of a season (at least three),
    or whole seasons (at least seven)."""
    length = {"points": 1, "runs": max(season // 3, 3), "seasons": max(season, 7)}[size]
    holes = values.copy()
    for _ in range(max(1, round(MISSING * len(values) / length))):
        start = int(rng.integers(2, max(len(values) - length - 1, 3)))
        holes[start : start + length] = np.nan
    return holes


def score(task: ForecastTask, one: Known, size: str) -> Row:
    """All three ways on the same gaps."""
    rng = np.random.default_rng([len(one.name), SIZES.index(size)])
    holes = with_gaps(one.values, one.season, size, rng)
    asked = np.isnan(holes) & ~np.isnan(one.values)
    filling = encode_gaps(task, holes, (0.1, 0.9), one.frequency, None)
    predictions = [
        answer
        for start in range(0, len(filling.examples), 64)
        for answer in task.predict(filling.examples[start : start + 64])
    ]
    past = filling.filled(predictions)
    inside = (one.values >= past.quantiles["0.1"]) & (one.values <= past.quantiles["0.9"])

    def error(filled: Array) -> float:
        return float(np.abs(filled - one.values)[asked].mean())

    return Row(
        one.name,
        size,
        one.season,
        error(interpolated(holes)),
        error(impute(holes, one.season)),
        error(past.values),
        float(inside[asked].mean()),
    )


def main(
    data: Annotated[Path, typer.Option(help="The folder of the series.")] = Path(
        "../shared/data/series"
    ),
    model: Annotated[Path, typer.Option(help="A version of a forecaster.")] = Path(
        "models/forecast"
    ),
    part: Annotated[
        Literal["first", "second"],
        typer.Option(help="Half of each series: choices were made on the first."),
    ] = "second",
    out: Annotated[Path, typer.Option(help="Folder of the results.")] = Path("benchmarks/results"),
) -> None:
    """Fill gaps made in the series; print and keep the table."""
    folder = max(model.glob("[1-9]*"), key=lambda path: int(path.name))
    task = ForecastTask.load(folder, read_manifest(folder), lambda file: Session(folder / file))
    rows = []
    for one in read(data):
        half = len(one.values) // 2
        values = one.values[:half] if part == "first" else one.values[half:]
        cut = Known(one.name, values[-MOST_POINTS:], one.frequency, one.season)
        for size in SIZES:
            if size != "seasons" or len(cut.values) > 4 * max(one.season, 7):
                rows.append(score(task, cut, size))
    lines = [
        [f"{row.name}, {row.gaps}", f"{row.season}", f"{row.linear:.4g}", f"{row.seasonal:.4g}",
         f"{row.network:.4g}", f"{row.ratio:.2f}", f"{100 * row.covered:.0f} %"]
        for row in rows
    ]  # fmt: skip
    for name, some in (
        ("all", rows),
        ("season of 2 or more", [row for row in rows if row.season > 1]),
        ("no season", [row for row in rows if row.season == 1]),
    ):
        ratio = float(np.exp(np.mean([np.log(row.ratio) for row in some])))
        covered = float(np.mean([row.covered for row in some]))
        lines.append([f"**{name}**", "", "", "", "", f"{ratio:.2f}", f"{100 * covered:.0f} %"])
    table = markdown_table(
        ("series, gaps", "season", "linear", "seasonal", "both casts", "ratio", "inside 80 %"),
        lines,
    )
    typer.echo(table)
    out.mkdir(parents=True, exist_ok=True)
    result = {"model": str(folder), "part": part, "rows": [asdict(row) for row in rows]}
    (out / "imputation.json").write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    typer.run(main)
