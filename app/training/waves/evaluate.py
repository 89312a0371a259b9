"""Scores the forecaster of the generated waves on fresh ones, next to baselines.

Knows the served path and the formula, never the network.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import JsonValue
from rich.table import Table

from app.training.common.cards import markdown_table
from app.training.common.comparison import Score
from app.training.common.reports import row_to_json
from app.training.forecast.served import Question, Served, served
from app.training.waves.data import waves

Array = NDArray[np.float64]
_INTERVALS = {80: (0.1, 0.9), 95: (0.025, 0.975)}


@dataclass(frozen=True)
class WaveRow:
    """Mean squared errors of one method on fresh generated series.

    `one_step` and `ten_steps` (the mean over them) follow 50 of 60 points;
    `one_step_of_51` follows 50 of 51, which spaces the points a little wider.
    """

    method: str
    series: int
    one_step: float
    ten_steps: float
    one_step_of_51: float

    def to_json(self) -> dict[str, JsonValue]:
        return row_to_json(asdict(self))


def evaluate_waves(
    root: Path,
    model: str = "forecast-waves",
    *,
    version: str | None = None,
    url: str | None = None,
    count: int = 5000,
    train_count: int = 7000,
    seed: int = 20_000,
) -> list[WaveRow]:
    """Mean squared errors on `count` fresh series, next to naive and least squares.

    Least squares is fitted on `train_count` other series, the textbook's number of them.

    Raises:
        UnrollError: the model is not served.
    """
    rng = np.random.default_rng(seed)
    long, short = waves(rng, count, 60), waves(rng, count, 51)
    past, past_of_51 = long[:, :50], short[:, :50]
    fitted = _least_squares(waves(rng, train_count, 60))
    fitted_of_51 = _least_squares(waves(rng, train_count, 51))
    guesses: dict[str, tuple[Array, Array]] = {
        "naive": (np.repeat(past[:, -1:], 10, axis=1), past_of_51[:, -1:]),
        "least squares": (fitted(past), fitted_of_51(past_of_51)),
    }
    with served(model, root, version=version, url=url) as one:

        def mean(series: Array, horizon: int) -> Array:
            answers = one.ask([Question(row, horizon) for row in series], (0.5,))
            return np.stack([answer.mean for answer in answers])  # (count, horizon)

        guesses[f"{one.model}/{one.version}"] = mean(past, 10), mean(past_of_51, 1)
    rows = []
    for method, (ten, one_of_51) in guesses.items():
        error = (long[:, 50:] - ten) ** 2  # (count, 10)
        of_51 = (short[:, 50:] - one_of_51) ** 2  # (count, 1)
        numbers = float(error[:, 0].mean()), float(error.mean()), float(of_51.mean())
        rows.append(WaveRow(method, count, *numbers))
    return rows


def _least_squares(series: Array) -> Callable[[Array], Array]:
    """A linear map with intercept from the first 50 points to all that follow."""

    def design(past: Array) -> Array:
        return np.hstack([past, np.ones((len(past), 1))])  # (count, 51)

    weights = np.linalg.lstsq(design(series[:, :50]), series[:, 50:], rcond=None)[0]
    return lambda past: design(past) @ weights


def evaluate_version(repository: Path, name: str, version: str, count: int) -> dict[str, JsonValue]:
    """Errors and coverage of a published version on `count` fresh series, next to baselines."""
    rows = evaluate_waves(repository, name, version=version, count=count)
    with served(name, repository, version=version) as one:
        covered = coverage(one, count)
    evaluation: dict[str, JsonValue] = {"errors": [row.to_json() for row in rows]}
    evaluation |= {f"coverage_{percent}": share for percent, share in covered.items()}
    return evaluation | {"table": figures(rows, covered)}


def coverage(one: Served, count: int, seed: int = 20_001) -> dict[int, float]:
    """Share of the ten values after 50 of 60 points that lie in the 80 and 95 % intervals."""
    series = waves(np.random.default_rng(seed), count, 60)
    levels = [level for pair in _INTERVALS.values() for level in pair]
    answers = one.ask([Question(row[:50], 10) for row in series], levels)
    shares = {}
    for i, percent in enumerate(_INTERVALS):
        low = np.stack([answer.quantiles[2 * i] for answer in answers])  # (count, 10)
        high = np.stack([answer.quantiles[2 * i + 1] for answer in answers])
        inside = (series[:, 50:] >= low) & (series[:, 50:] <= high)
        shares[percent] = round(float(inside.mean()), 4)
    return shares


def figures(rows: list[WaveRow], covered: dict[int, float]) -> str:
    """The evaluation as a table and a line of Markdown."""
    header = ("method", "one step, 50 of 60", "mean of ten steps", "one step, 50 of 51")
    table = markdown_table(
        header,
        [
            (row.method, *(f"{x:.5f}" for x in (row.one_step, row.ten_steps, row.one_step_of_51)))
            for row in rows
        ],
    )
    intervals = ", ".join(f"{percent} %: {share:.1%}" for percent, share in covered.items())
    return (
        f"Mean squared error on {rows[0].series:,} fresh series, through the service's path; the "
        f"noise alone is 0.00083.\n\n{table}\n\nIntervals cover, of the ten steps, {intervals}."
    )


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


def waves_score(root: Path, model: str, version: str) -> Score:
    """Error of ten steps of one version.

    Raises:
        UnrollError: as `evaluate_waves`.
    """
    *_, ours = evaluate_waves(root, model, version=version)
    return Score("error of ten steps", ours.ten_steps)
