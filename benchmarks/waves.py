"""Every kind of network on the textbook's generated waves, on equal terms, next to baselines.

Trains each with the recipe of `forecast-waves` and scores it as served; knows no HTTP. What is
done stands in waves.json, a row a network and seed, and the same command goes on from there.
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
STEPS, RATE, SCORED = 3000, 5e-3, 5000
BATCH = WavesRecipe().batch_size
SCORES = ("1 of 51", "1 of 60", "10 of 60")
LEGEND = f"""\
{STEPS:,} steps of {BATCH} series each, learning rate {RATE}, 64 units, the best validation \
counts (the published model had its own budget); products in bfloat16 unless the table says \
float32. Least squares had as many fresh series as the networks, \
{STEPS * BATCH:,}. Scored on {SCORED:,} others.

Mean squared errors, means over the seeds; the noise alone is 0.00083. 1 of 51: the step after 50 \
of 51 points; 1 of 60 and 10 of 60: the first of, and the mean over, the ten after 50 of 60; \
apart: from the best to the worst seed. A network has one set of weights for both spacings (a \
quarter of its series have 51 points), least squares has one for each, from as many series each."""


@dataclass(frozen=True)
class Row:
    """Mean squared errors of one method, in the order of `SCORES`.

    series: how many it learned from, None for fresh ones at every step; seed: None for what has
    none.
    """

    method: str
    series: int | None
    seed: int | None
    bfloat16: bool
    parameters: int | None
    scores: tuple[float, ...]

    @property
    def key(self) -> tuple[str, int | None, int | None, bool]:
        return self.method, self.series, self.seed, self.bfloat16


class Results:
    """The rows that are done, in a file that is written with each."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.rows: list[Row] = []
        file = folder / "waves.json"
        if file.exists():
            for row in json.loads(file.read_text(encoding="utf-8"))["rows"]:
                self.rows.append(Row(**{**row, "scores": tuple(row["scores"])}))

    def done(self, key: tuple[str, int | None, int | None, bool]) -> bool:
        return any(row.key == key for row in self.rows)

    def add(self, row: Row) -> None:
        self.rows = [*(old for old in self.rows if old.key != row.key), row]
        self.folder.mkdir(parents=True, exist_ok=True)
        rows = [asdict(row) for row in self.rows]
        result = {"libraries": library_versions(), "rows": rows}
        for name, text in (
            ("waves.json", json.dumps(result, indent=1)),
            ("waves.md", self.table()),
        ):
            partial = self.folder / f"{name}.partial"
            partial.write_text(text + "\n", encoding="utf-8")
            partial.replace(self.folder / name)  # a cut while writing leaves the file before

    def table(self) -> str:
        """A line a method, with the mean over its seeds; what learned from fresh series first."""
        parts = [LEGEND]
        for series, title in (
            (None, "Fresh series at every step:"),
            (BOOK, f"The textbook's {BOOK:,} series:"),
        ):
            groups: dict[tuple[str, bool], list[Row]] = {}
            for row in self.rows:
                if row.series == series:
                    groups.setdefault((row.method, row.bfloat16), []).append(row)
            if groups:
                order = ["naive", "least squares", *NETWORKS]
                places = {name: place for place, name in enumerate(order)}
                ordered = sorted(groups.items(), key=lambda one: places.get(one[0][0], len(order)))
                lines = [_line(*key, rows) for key, rows in ordered]
                header = ("method", "seeds", "parameters", *SCORES, "apart, 10 of 60")
                parts += [title, markdown_table(header, lines)]
        return "\n\n".join(parts)


def _line(method: str, bfloat16: bool, rows: Sequence[Row]) -> Sequence[str]:
    scores = np.array([row.scores for row in rows])  # (seeds, scores)
    seeds = sum(row.seed is not None for row in rows)
    last = scores[:, -1]
    return (
        method if bfloat16 or not seeds else f"{method}, float32",
        f"{seeds or ''}",
        f"{rows[0].parameters:,}" if rows[0].parameters else "",
        *(f"{mean:.5f}" for mean in scores.mean(axis=0)),
        f"{last.min():.5f} to {last.max():.5f}" if len(rows) > 1 else "",
    )


@dataclass(frozen=True)
class Test:
    """Fresh series that nothing was trained, chosen or calibrated on."""

    short: Array
    long: Array

    def score(self, forecast: Forecast) -> tuple[float, ...]:
        one = (forecast(self.short[:, :PAST], 1) - self.short[:, PAST:]) ** 2  # (series, 1)
        ten = (forecast(self.long[:, :PAST], 10) - self.long[:, PAST:]) ** 2  # (series, 10)
        return float(one.mean()), float(ten[:, 0].mean()), float(ten.mean())


def main(
    network: Annotated[
        list[str] | None, typer.Option(help="Of these cells only, in this order; else all.")
    ] = None,
    seeds: Annotated[int, typer.Option(help="Networks of each kind.", min=1)] = 3,
    series: Annotated[int, typer.Option(help="0: fresh ones at every step.", min=0)] = 0,
    bfloat16: Annotated[bool, typer.Option(help="Products in bfloat16.")] = True,
    threads: Annotated[int, typer.Option(help="Of torch.", min=1)] = 1,
    models: Annotated[Path, typer.Option(help="Where the published model lies.")] = Path("models"),
    work: Annotated[Path, typer.Option(help="Checkpoints.")] = Path("runs/benchmark-waves"),
    out: Annotated[Path, typer.Option(help="Folder of the results.")] = Path("benchmarks/results"),
) -> None:
    """Train every network on the waves, score it, keep its row and print the table."""
    torch.set_num_threads(threads)
    rng = np.random.default_rng(30_000)
    test = Test(waves(rng, SCORED, PAST + 1), waves(rng, SCORED, PAST + 10))
    results, count = Results(out), series or None
    add_baselines(results, count, test, models)
    cells = network or dict.fromkeys(cell for cell, _ in NETWORKS.values())
    chosen = [name for cell in cells for name in NETWORKS if NETWORKS[name][0] == cell]
    for seed in range(seeds):
        for name in chosen:
            if not results.done((name, count, seed, bfloat16)):
                recipe = recipe_of(*NETWORKS[name], count, seed, bfloat16)
                results.add(trained(name, recipe, test, work))
    typer.echo(results.table())


def add_baselines(results: Results, series: int | None, test: Test, models: Path) -> None:
    """What is not trained here: the last value, least squares, the published model."""
    if not results.done(("naive", series, None, False)):
        scores = test.score(lambda past, horizon: np.repeat(past[:, -1:], horizon, axis=1))
        results.add(Row("naive", series, None, False, None, scores))
    if not results.done(("least squares", series, None, False)):
        scores = test.score(least_squares(series or STEPS * BATCH))
        results.add(Row("least squares", series, None, False, None, scores))
    folders = sorted((models / "forecast-waves").glob("[1-9]*"), key=lambda p: int(p.name))
    if folders and series is None:
        name = f"published forecast-waves/{folders[-1].name}"
        if not results.done((name, None, None, False)):
            count = read_manifest(folders[-1]).network.parameters
            scores = test.score(means_of(load(folders[-1])))
            results.add(Row(name, None, None, False, count, scores))


def recipe_of(cell: str, layers: int, series: int | None, seed: int, bfloat16: bool) -> WavesRecipe:
    """The published recipe, but for the cell, its layers, the series, the seed and the budget."""
    usual = WavesRecipe()
    return replace(
        usual,
        network=replace(usual.network, cell=cell, num_layers=layers),
        # no early stop: everyone gets the same number of steps, and the best of them counts
        loop=LoopOptions(
            steps=STEPS,
            learning_rate=RATE,
            weight_decay=0.0,
            validate_every=250,
            patience=STEPS,
            averaging=0.99,
        ),
        series=series,
        seed=seed,
        bfloat16=bfloat16,
    )


def trained(name: str, recipe: WavesRecipe, test: Test, work: Path) -> Row:
    """Train, export and score; a checkpoint is found again by its recipe."""
    mark = hashlib.sha256(json.dumps(asdict(recipe), sort_keys=True).encode()).hexdigest()[:16]
    start = time.process_time()

    def progress(told: Progress) -> None:
        if told.score is not None:
            at = f"{told.step} of {told.steps}, {time.process_time() - start:.0f} s of a core"
            typer.echo(f"{name}, seed {recipe.seed}: {at}, mse {told.score:.5f}", err=True)

    fit = train_member(recipe, 0, checkpoint=work / f"{mark}.pt", progress=progress)
    if fit.interrupted:
        raise KeyboardInterrupt
    assert isinstance(fit.network, Forecaster)
    graph = forecaster_graph([fit.network]).SerializeToString()
    task = ForecastTask(features_of([fit.network], recipe), Session(graph))
    parameters = sum(p.numel() for p in fit.network.parameters())
    scores = test.score(means_of(task))
    return Row(name, recipe.series, recipe.seed, recipe.bfloat16, parameters, scores)


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


if __name__ == "__main__":
    typer.run(main)
