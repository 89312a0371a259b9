"""Scores published models next to baselines; knows the served path, not the network.

Nothing is scored that training saw: the last horizon of a series is the future here and is
held out there, and the parts `unseen` and `report` choose nothing (see `data`).
"""

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from app.tasks.forecast import scores
from app.tasks.forecast.backtest import score
from app.training.common.comparison import Score
from app.training.forecast.baselines import METHODS, SIMPLE, baseline_forecasts
from app.training.forecast.covariates.channels import channels_of
from app.training.forecast.data import OWN, Part, Series, collections_in, read_series
from app.training.forecast.reports import Row
from app.training.forecast.served import Answer, Question, Served, served
from app.training.forecast.tables.options import TableOptions
from app.training.forecast.tables.series import Table

Array = NDArray[np.float64]
Baselines = Literal["none", "simple", "all"]

BENCHMARKS = ("m3", "tourism", "m4_hourly", "m4_weekly")
REPORTED: tuple[Part, ...] = ("report", "unseen")
LEVELS = (0.025, 0.1, 0.5, 0.9, 0.975)
_SCORES = ("smape", "mase", "coverage_80", "width_80", "coverage_95", "width_95", "pinball")
_BASELINES: dict[Baselines, tuple[str, ...]] = {
    "none": ("naive2",),
    "simple": tuple(SIMPLE),
    "all": METHODS,
}


def evaluate_forecast(
    model: str,
    root: Path,
    data: Path,
    collections: Sequence[str] = (),
    parts: Sequence[Part] = REPORTED,
    *,
    version: str | None = None,
    url: str | None = None,
    baselines: Baselines = "simple",
    cache: Path | None = None,
    limit: int | None = None,
    own: TableOptions | None = None,
    tell: Callable[[Table], None] | None = None,
    progress: Callable[[str, int], None] | None = None,
) -> list[Row]:
    """Backtest `model` on the last horizon of every series of `parts`.

    It is asked at `url`, or without one from the repository folder `root`. Without `collections`
    these are the benchmarks and one's own files that stand in `data`, else whatever does. One
    group of rows for each part of each collection, and one over all `parts` where these are
    several. `own` and `tell` are those of `read_series`. `limit` takes that many series of a
    collection, evenly spread. `cache` is the folder of `baseline_forecasts`. `progress` is told a
    label and how many series of it are done.

    Raises:
        FileNotFoundError, TableRefused, ValueError: as `read_series`.
        ValueError: no series is in `parts`.
        UnrollError: the model is not served, or refuses a series.
    """
    rows: list[Row] = []
    with served(model, root, version=version, url=url) as one:
        for collection in collections or _scored_by_default(data):
            read = read_series(data, (collection,), own=own, tell=tell)
            series = [s for s in read if s.part in parts]
            if limit is not None and limit < len(series):
                kept = np.linspace(0, len(series) - 1, limit).round().astype(int)
                series = [series[i] for i in kept]
            if one.channels:
                series = channels_of(series)
                if len(series) != one.channels:
                    raise ValueError(
                        f"{model} forecasts {one.channels} channels together, and {data} has "
                        f"{len(series)} series"
                    )
            if series:
                rows += _backtest(one, series, _BASELINES[baselines], cache, progress)
    if not rows:
        raise ValueError(
            f"no series of {data} is in the part {'+'.join(parts)}; series of one's own are all in "
            "the part report"
        )
    return rows


def _scored_by_default(data: Path) -> list[str]:
    """The benchmarks and one's own series, of what stands in `data`; else everything there."""
    present = collections_in(data)
    chosen = [name for name in present if name in (*BENCHMARKS, OWN)] or present
    if not chosen:
        read_series(data)  # says what was expected
    return chosen


def _backtest(
    model: Served,
    series: Sequence[Series],
    baselines: Sequence[str],
    cache: Path | None,
    progress: Callable[[str, int], None] | None,
) -> list[Row]:
    collection = series[0].dataset
    name = f"{model.model}/{model.version}"
    questions = [
        Question(s.known(), s.horizon, s.frequency, s.first, *s.covariates()) for s in series
    ]
    answers: list[Answer] = []
    for start in range(0, len(series), 500):
        answers += model.ask(questions[start : start + 500], LEVELS)
        if progress:
            progress(f"{collection} {name}", len(answers))
    scored: dict[str, list[dict[str, float]]] = {
        f"{name} median": [
            _scores(s, a.quantiles[LEVELS.index(0.5)], a.quantiles)
            for s, a in zip(series, answers, strict=True)
        ],
        f"{name} mean": [
            _scores(s, a.mean, a.quantiles) for s, a in zip(series, answers, strict=True)
        ],
    }
    told = progress and (lambda method, done: progress(f"{collection} {method}", done))
    for method, forecasts in baseline_forecasts(series, baselines, cache, told).items():
        scored[method] = []
        for s in series:
            forecast = forecasts[s.dataset, s.id]
            low, high = np.split(forecast.quantiles, 2)  # (levels / 2, horizon) each
            five = np.concatenate([low, forecast.mean[None], high])  # (levels, horizon)
            scored[method].append(
                _scores(s, forecast.mean, five) | {"fell_back": forecast.fell_back}
            )
    parts = np.array([s.part for s in series])
    present = list(dict.fromkeys(parts.tolist()))
    groups = {part: parts == part for part in sorted(present)}
    if len(groups) > 1:
        groups["+".join(sorted(present))] = np.ones(len(series), dtype=bool)
    return [
        row
        for part, chosen in groups.items()
        for row in _rows(series, part, scored, np.flatnonzero(chosen))
    ]


def _scores(series: Series, point: Array, quantiles: Array) -> dict[str, float]:
    """The scores of a row; `quantiles` (LEVELS, horizon)."""
    known, season = series.known(), series.season_length
    every = score(series.future(), known, season, point, point, quantiles, LEVELS)
    return {name: every[name] for name in _SCORES}


def _rows(
    series: Sequence[Series],
    part: str,
    scored: dict[str, list[dict[str, float]]],
    chosen: NDArray[np.intp],
) -> list[Row]:
    rows = []
    horizons = [series[i].horizon for i in chosen]
    naive2 = {key: [scored["naive2"][i][key] for i in chosen] for key in ("smape", "mase")}
    for method, of in scored.items():
        lists = {key: [of[i][key] for i in chosen] for key in of[0]}
        fell_back = int(sum(lists.pop("fell_back", [])))
        means = {key: _mean(values) for key, values in lists.items()}
        owa = scores.owa(lists, naive2)
        rows.append(
            Row(
                series[0].dataset,
                part,
                len(chosen),
                method,
                owa,
                **means,
                fell_back=fell_back,
                horizon_min=min(horizons),
                horizon_max=max(horizons),
            )
        )
    return rows


def _mean(values: Sequence[float]) -> float:
    """Mean over the series on which a score is defined."""
    defined = np.asarray(values)[np.isfinite(values)]
    return float(defined.mean()) if defined.size else math.nan


def forecast_score(
    model: str,
    root: Path,
    data: Path,
    version: str,
    *,
    collections: Sequence[str] = (),
    own: TableOptions | None = None,
) -> Score:
    """OWA of the medians of one version, the mean over all series that `evaluate_forecast` scores.

    Raises:
        FileNotFoundError, ValueError, UnrollError: as `evaluate_forecast`.
    """
    rows = evaluate_forecast(
        model, root, data, collections, version=version, baselines="none", own=own
    )
    ours = [r for r in rows if r.method == f"{model}/{version} median" and "+" not in r.part]
    known = [row for row in ours if math.isfinite(row.owa)]
    count = sum(row.series for row in known)
    owa = sum(row.owa * row.series for row in known) / count if count else math.nan
    return Score("OWA on the last horizon", owa)
