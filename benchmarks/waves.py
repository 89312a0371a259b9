"""Every kind of network on the textbook's generated waves, equal terms, next to baselines.

Trains each with the recipe of `forecast-waves` and scores it as served; knows no HTTP. What is
done is kept in `--work`, so that a run that was cut goes on where it was.
"""

import hashlib
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import typer
from numpy.typing import NDArray

from app.serving.models.manifest import read_manifest
from app.serving.runtime.session import Session
from app.tasks.forecast.task import ForecastTask
from app.training.common.cards import markdown_table
from app.training.common.loop import LoopOptions, Progress
from app.training.common.publish import library_versions
from app.training.forecast.network import Forecaster, forecaster_graph
from app.training.waves.data import waves
from app.training.waves.fit import train_member
from app.training.waves.recipe import WavesRecipe
from app.training.waves.train import features_of

Array = NDArray[np.float64]
Forecast = Callable[[Array, int], Array]
"""(series, 50) and a horizon -> means (series, horizon)."""

NETWORKS: dict[str, tuple[str, int]] = {
    "rnn (1 layer)": ("rnn", 1),
    "deep rnn (3 layers)": ("rnn", 3),
    "gru (2 layers)": ("gru", 2),
    "lstm (2 layers)": ("lstm", 2),
    "layernorm_lstm (2 layers)": ("layernorm_lstm", 2),
    "jordan (2 layers)": ("jordan", 2),
    "mingru (2 layers)": ("mingru", 2),
    "minlstm (2 layers)": ("minlstm", 2),
    "slstm (2 layers)": ("slstm", 2),
    "mlstm (2 layers)": ("mlstm", 2),
    "gated_delta (2 layers)": ("gated_delta", 2),
    "tdnn (2 layers)": ("tdnn", 2),
    "wavenet (2 blocks)": ("wavenet", 2),
}
BOOK = 7000
"""Series of the textbook's training set."""
PAST = 50
LEGEND = (
    "Mean squared errors; the noise alone is 0.00083. 1 of 51: the step after 50 of 51 points; "
    "1 of 60 and 10 of 60: the first of, and the mean over, the ten after 50 of 60. A network has "
    "one set of weights for both spacings (a quarter of its series have 51 points), least squares "
    "has one for each, from as many series each."
)


@dataclass(frozen=True)
class Scores:
    """Mean squared errors: the step after 50 of 51 and of 60 points, and the mean of ten steps."""

    one_of_51: float
    one_of_60: float
    ten_of_60: float


@dataclass
class Row:
    """A method on the textbook's fixed series and on fresh ones; seconds of training for both."""

    method: str
    fixed: Scores | None = None
    fresh: Scores | None = None
    parameters: int | None = None
    seconds: int | None = None


@dataclass(frozen=True)
class Test:
    """Fresh series that nothing was trained, chosen or calibrated on."""

    short: Array
    long: Array

    def score(self, forecast: Forecast) -> Scores:
        one = (forecast(self.short[:, :PAST], 1) - self.short[:, PAST:]) ** 2  # (series, 1)
        ten = (forecast(self.long[:, :PAST], 10) - self.long[:, PAST:]) ** 2  # (series, 10)
        return Scores(float(one.mean()), float(ten[:, 0].mean()), float(ten.mean()))


def main(
    steps: Annotated[int, typer.Option(help="Batches every network learns from.")] = 3000,
    rate: Annotated[float, typer.Option(help="Learning rate of every network.")] = 5e-3,
    series: Annotated[int, typer.Option(help="Fresh series to score on.")] = 5000,
    models: Annotated[Path, typer.Option(help="Where the published model lies.")] = Path("models"),
    work: Annotated[Path, typer.Option(help="Checkpoints.")] = Path("runs/benchmark-waves"),
    out: Annotated[Path, typer.Option(help="Folder of the results.")] = Path("benchmarks/results"),
) -> None:
    """Train every cell on the waves, once on 7,000 series and once on fresh ones, and compare."""
    torch.set_num_threads(1)
    rng = np.random.default_rng(30_000)
    test = Test(waves(rng, series, PAST + 1), waves(rng, series, PAST + 10))
    seen = steps * WavesRecipe().batch_size
    naive = test.score(lambda past, horizon: np.repeat(past[:, -1:], horizon, axis=1))
    rows = [
        Row("naive", naive, naive),
        Row("least squares", test.score(least_squares(BOOK)), test.score(least_squares(seen))),
    ]
    for name, (cell, layers) in NETWORKS.items():
        row = Row(name)
        for kind, count in (("fixed", BOOK), ("fresh", None)):
            recipe = recipe_of(cell, layers, count, steps, rate)
            trained(row, kind, recipe, test, work)
        rows.append(row)
    published = sorted((models / "forecast-waves").glob("[1-9]*"), key=lambda p: int(p.name))
    if published:
        folder = published[-1]
        row = Row(f"published forecast-waves/{folder.name}")
        row.fresh = test.score(means_of(load(folder)))
        row.parameters = read_manifest(folder).network.parameters
        rows.append(row)
    budget = (
        f"{steps:,} steps of {WavesRecipe().batch_size} series each, learning rate {rate}, 64 "
        f"units, the best validation counts (the published model had its own budget); least "
        f"squares on as many fresh series as the networks, {seen:,}; scored on {series:,} others"
    )
    report(rows, budget, out)


def recipe_of(cell: str, layers: int, count: int | None, steps: int, rate: float) -> WavesRecipe:
    """The published recipe, but for the cell, its layers, the series and the budget."""
    usual = WavesRecipe()
    return replace(
        usual,
        network=replace(usual.network, cell=cell, num_layers=layers),
        # no early stop: everyone gets the same number of steps, and the best of them counts
        loop=LoopOptions(
            steps=steps,
            learning_rate=rate,
            weight_decay=0.0,
            validate_every=250,
            patience=steps,
            averaging=0.99,
        ),
        series=count,
    )


def trained(row: Row, kind: str, recipe: WavesRecipe, test: Test, work: Path) -> None:
    """Train, export and score into `row`; a checkpoint is found again by its recipe."""
    mark = hashlib.sha256(json.dumps(asdict(recipe), sort_keys=True).encode()).hexdigest()[:16]
    start = time.monotonic()

    def progress(told: Progress) -> None:
        if told.score is not None:
            at = f"{told.step} of {told.steps}, {time.monotonic() - start:.0f} s"
            typer.echo(f"{row.method}, {kind}: {at}, mse {told.score:.5f}", err=True)

    fit = train_member(recipe, 0, checkpoint=work / f"{mark}.pt", progress=progress)
    if fit.interrupted:
        raise KeyboardInterrupt
    assert isinstance(fit.network, Forecaster)
    graph = forecaster_graph([fit.network]).SerializeToString()
    task = ForecastTask(features_of([fit.network], recipe), Session(graph))
    setattr(row, kind, test.score(means_of(task)))
    row.parameters = sum(p.numel() for p in fit.network.parameters())
    row.seconds = round(fit.seconds) + (row.seconds or 0)


def load(folder: Path) -> ForecastTask:
    return ForecastTask.load(folder, read_manifest(folder), lambda file: Session(folder / file))


def means_of(task: ForecastTask) -> Forecast:
    """The served path without the queue: encode, graph, calibration, mean."""

    def forecast(past: Array, horizon: int) -> Array:
        means: list[list[float]] = []
        for start in range(0, len(past), 100):
            rows = [task.encode(row, horizon) for row in past[start : start + 100]]
            means += [answer.mean for answer in task.predict(rows)]
        return np.array(means)  # (series, horizon)

    return forecast


def least_squares(count: int) -> Forecast:
    """A linear map with intercept, fitted on `count` series of 60 and as many of 51 points."""
    rng = np.random.default_rng(31_000)

    def fitted(horizon: int) -> Array:
        known = waves(rng, count, PAST + horizon)
        found = np.linalg.lstsq(_design(known[:, :PAST]), known[:, PAST:], rcond=None)[0]
        return found.astype(np.float64)  # (51, horizon)

    weights = {horizon: fitted(horizon) for horizon in (1, 10)}
    return lambda past, horizon: _design(past) @ weights[horizon]


def _design(past: Array) -> Array:
    return np.hstack([past, np.ones((len(past), 1))])  # (series, 51)


def report(rows: Sequence[Row], budget: str, out: Path) -> None:
    """Print the table and keep it with its numbers."""
    header = ["method", "parameters"]
    for kind in (f"{BOOK:,} series", "fresh series"):
        header += [f"{what}, {kind}" for what in ("1 of 51", "1 of 60", "10 of 60")]
    lines: list[Sequence[str]] = []
    for row in rows:
        cells = [row.method, f"{row.parameters:,}" if row.parameters else ""]
        for scores in (row.fixed, row.fresh):
            cells += [f"{x:.5f}" for x in asdict(scores).values()] if scores else [""] * 3
        lines.append(cells)
    table = f"{budget}.\n\n{LEGEND}\n\n{markdown_table(header, lines)}"
    typer.echo(table)
    out.mkdir(parents=True, exist_ok=True)
    result = {
        "budget": budget,
        "libraries": library_versions(),
        "rows": [asdict(row) for row in rows],
    }
    (out / "waves.json").write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    (out / "waves.md").write_text(table + "\n", encoding="utf-8")


if __name__ == "__main__":
    typer.run(main)
