"""Scores a streaming forecaster next to baselines by the same code. Knows the served path.

Two kinds of data: a folder of the Numenta Anomaly Benchmark, and collections of series, on whose
held-out ends every value is forecast one step ahead.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from pydantic import JsonValue

from app.training.anomalies.baselines import DETECTORS, FORECASTS
from app.training.anomalies.benchmark import (
    PROFILES,
    Labelled,
    benchmark_score,
    read_benchmark,
)
from app.training.anomalies.served import Question, ServedStreams, served_streams
from app.training.common.comparison import Score
from app.training.common.reports import row_to_json
from app.training.forecast.data import Series, read_series
from app.training.forecast.served import Question as ForecastQuestion
from app.training.forecast.served import served

Array = NDArray[np.float64]
COLLECTIONS: Final = ("m4_hourly", "nn5", "ett", "classic")
_LEVELS: Final = (0.1, 0.5, 0.9)
_CONTEXT: Final = 512  # points that `forecast` is sent for each step
_LONGEST: Final = 2000  # values of a series that are read before its end


@dataclass(frozen=True)
class BenchmarkRow:
    """The score of one detector in the three profiles of the benchmark."""

    method: str
    files: int
    standard: float
    low_fp: float
    low_fn: float
    threshold: float  # that gives the standard score

    def to_json(self) -> dict[str, JsonValue]:
        return row_to_json(asdict(self))


@dataclass(frozen=True)
class StepRow:
    """One-step forecasts of the held-out ends of a collection.

    error: mean absolute error, in units of that of the naive forecast on the same series;
    pinball: mean loss at 0.1, 0.5 and 0.9 in the same units; coverage: share of the values in the
    80 % interval. NaN where a method gives no quantiles.
    """

    collection: str
    method: str
    series: int
    steps: int
    error: float
    pinball: float
    coverage: float

    def to_json(self) -> dict[str, JsonValue]:
        return row_to_json(asdict(self))


@dataclass(frozen=True)
class Evaluation:
    """What was measured; a part that there was no data for is empty."""

    benchmark: list[BenchmarkRow]
    steps: list[StepRow]


def evaluate_anomalies(
    name: str,
    root: Path,
    data: Path,
    *,
    version: str | None = None,
    files: Sequence[str] = (),
    beside: str | None = "forecast",
    limit: int | None = None,
) -> Evaluation:
    """Score a version on what is found in `data`.

    files: names of files of the benchmark; all of them if it is empty. beside: a forecaster of
    `root` that is sent the last 512 points for every step; None for none. limit: so many series of
    a collection.

    Raises:
        ModelNotFound: the model is not there.
        FileNotFoundError: there is no data.
    """
    folder = next((each for each in (data, data / "nab") if (each / "windows.json").exists()), None)
    benchmark: list[BenchmarkRow] = []
    steps: list[StepRow] = []
    with served_streams(name, root, version=version) as one:
        if folder is not None:
            labelled = read_benchmark(folder)
            chosen = [each for each in labelled if not files or each.name in files]
            benchmark = benchmark_rows(one, chosen)
        if folder != data:
            for series in _collections(data, limit):
                steps += step_rows(one, series, root, beside)
    if not benchmark and not steps:
        raise FileNotFoundError(f"neither a benchmark nor a collection of series is in {data}")
    return Evaluation(benchmark, steps)


def benchmark_rows(one: ServedStreams, files: Sequence[Labelled]) -> list[BenchmarkRow]:
    """The version without anything told of the files, and the simple detectors."""
    answers = one.ask([Question(each.values) for each in files])
    found = {
        f"{one.model}/{one.version}": {
            each.name: np.array(answer.scores) for each, answer in zip(files, answers, strict=True)
        }
    }
    for method, detect in DETECTORS.items():
        found[method] = {each.name: detect(each.values, 288) for each in files}
    rows = []
    for method, scores in found.items():
        marks = {each: benchmark_score(files, scores, each)[0] for each in PROFILES}
        threshold = benchmark_score(files, scores)[1]
        rows.append(BenchmarkRow(method, len(files), **marks, threshold=threshold))
    return rows


def step_rows(
    one: ServedStreams, series: Sequence[Series], root: Path, beside: str | None
) -> list[StepRow]:
    """The ends of `series`, all of one collection, one step ahead."""
    kept = [each.values[-_LONGEST - each.horizon :] for each in series]
    questions = [
        Question(values, each.frequency) for values, each in zip(kept, series, strict=True)
    ]
    truth = [each.future() for each in series]
    units = [_unit(values, each.horizon) for values, each in zip(kept, series, strict=True)]
    found: dict[str, list[Array]] = {}
    # (levels, horizon) of each series
    found[f"{one.model}/{one.version}"] = [
        np.array(answer.quantiles[-each.horizon :]).T
        for answer, each in zip(one.ask(questions), series, strict=True)
    ]
    for method, forecast in FORECASTS.items():
        found[method] = [
            forecast(_filled(values), each.season_length)[None, -each.horizon :]
            for values, each in zip(kept, series, strict=True)
        ]
    if beside is not None:
        found[f"{beside}, {_CONTEXT} points a step"] = _forecast(kept, series, root, beside)
    return [
        _row(series[0].dataset, method, answers, truth, units) for method, answers in found.items()
    ]


def anomalies_score(name: str, root: Path, data: Path, version: str) -> Score:
    """What `--promote` compares: the mean error of one step, or the standard score without series.

    Raises:
        UnrollError: as `evaluate_anomalies`.
    """
    found = evaluate_anomalies(name, root, data, version=version, beside=None, limit=30)
    ours = [row.error for row in found.steps if row.method.startswith(f"{name}/")]
    if ours:
        return Score("error of one step, naive 1", float(np.mean(ours)))
    return Score("standard score", found.benchmark[0].standard, higher_is_better=True)


def _collections(data: Path, limit: int | None) -> list[list[Series]]:
    found = []
    for name in COLLECTIONS:
        try:
            series = read_series(data, (name,))
        except FileNotFoundError:
            continue
        held = [each for each in series if each.part != "select"]
        found.append(held[:: max(1, len(held) // limit)][:limit] if limit else held)
    return found


def _forecast(
    kept: Sequence[Array], series: Sequence[Series], root: Path, beside: str
) -> list[Array]:
    questions = []
    for values, each in zip(kept, series, strict=True):
        for step in range(each.horizon):
            past = values[: len(values) - each.horizon + step][-_CONTEXT:]
            questions.append(ForecastQuestion(past, 1, each.frequency))
    with served(beside, root) as other:
        answers = [answer.quantiles[:, 0] for answer in other.ask(questions, _LEVELS)]
    ends = np.cumsum([each.horizon for each in series])[:-1]
    return [part.T for part in np.split(np.array(answers), ends)]


def _row(
    collection: str,
    method: str,
    answers: Sequence[Array],
    truth: Sequence[Array],
    units: Sequence[float],
) -> StepRow:
    """answers: (levels, horizon) of each series, or (1, horizon) for the middle alone."""
    errors, pinball, inside, steps = [], [], [], 0
    for answer, values, unit in zip(answers, truth, units, strict=True):
        known = np.isfinite(values) & np.isfinite(answer).all(axis=0)
        if not known.any() or not unit > 0:
            continue
        steps += int(known.sum())
        middle = answer[len(answer) // 2]
        errors.append(float(np.abs(values - middle)[known].mean()) / unit)
        if len(answer) == len(_LEVELS):
            distance = values - answer
            level = np.array(_LEVELS)[:, None]
            loss = np.maximum(level * distance, (level - 1) * distance)
            pinball.append(float(loss[:, known].mean()) / unit)
            inside.append(((values >= answer[0]) & (values <= answer[2]))[known])
    return StepRow(
        collection,
        method,
        len(errors),
        steps,
        float(np.mean(errors)) if errors else np.nan,
        float(np.mean(pinball)) if pinball else np.nan,
        float(np.concatenate(inside).mean()) if inside else np.nan,
    )


def _unit(values: Array, horizon: int) -> float:
    """Mean absolute error of the naive forecast before the end of a series."""
    return float(np.abs(np.diff(_filled(values[:-horizon]))).mean())


def _filled(values: Array) -> Array:
    steps = np.arange(len(values))
    known = np.isfinite(values)
    return np.interp(steps, steps[known], values[known])
