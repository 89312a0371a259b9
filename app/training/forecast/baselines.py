"""The simple methods every network must beat; knows series and how to cache, not networks.

============================ ================================================= ===========
method                       what                                              intervals
============================ ================================================= ===========
`naive`                    the last value                                    normal
`seasonal_naive`           the last season                                   normal
`naive2`                   naive on deseasonalised values, as M4 defines it  none
`theta`                    standard Theta method (statsforecast)             simulated
`autoets`                  best ETS by AICc (statsforecast)                  normal
`autotheta`                best of four Theta models (statsforecast)         simulated
`autoets_autotheta`        mean of the two above                             mean of both
============================ ================================================= ===========

A method that fails on a series (too short, no finite forecast) falls back to `naive2` on
that series and says so in `fell_back`. Missing values are interpolated first.
"""

import hashlib
import importlib.metadata
import math
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.tasks.forecast import backtest
from app.tasks.forecast.autoets import autoets
from app.tasks.forecast.backtest import Guess, interpolated
from app.training.forecast.data import Series

Array = NDArray[np.float64]
Key = tuple[str, str]

LEVELS = (0.025, 0.1, 0.9, 0.975)
_SAVE_EVERY_SECONDS = 60.0


@dataclass(frozen=True)
class Baseline:
    """`mean` (horizon,) and `quantiles` (len(LEVELS), horizon), NaN where not given."""

    mean: Array
    quantiles: Array
    fell_back: bool = False


def _simple(method: Callable[[Array, int, int], Guess]) -> Callable[[Array, int, int], Baseline]:
    def forecast(known: Array, season_length: int, horizon: int) -> Baseline:
        guess = method(known, season_length, horizon)
        return Baseline(guess.point, guess.quantiles(LEVELS))

    return forecast


def naive2(known: Array, season_length: int, horizon: int) -> Baseline:
    """Naive2 of the M4 competition: seasonally adjusted where a 90 % test finds a season.

    Makridakis et al. (2020). The indices are of the classical multiplicative decomposition;
    a series on which they are not positive (zeros, negative values) is left unadjusted.
    """
    indices = np.ones(1)
    if is_seasonal(known, season_length):
        found = seasonal_indices(known, season_length)
        if np.all(np.isfinite(found)) and np.all(found > 0):
            indices = found
    future = indices[(len(known) + np.arange(horizon)) % len(indices)]
    last = known[-1] / indices[(len(known) - 1) % len(indices)]
    return Baseline(last * future, np.full((len(LEVELS), horizon), math.nan))


def is_seasonal(known: Array, season_length: int) -> bool:
    """Whether the autocorrelation at the season exceeds its 90 % limit (M4's test).

    False below three seasons, and for a season beyond the 10 log10(n) lags that R's `acf`
    computes, which the competition's own code inherits.
    """
    n = len(known)
    if season_length < 2 or n < 3 * season_length or season_length > 10 * math.log10(n):
        return False
    centred = known - known.mean()
    power = float(centred @ centred)
    if power == 0:
        return False
    r = np.array([float(centred[k:] @ centred[:-k]) / power for k in range(1, season_length + 1)])
    limit = 1.645 * math.sqrt((1.0 + 2.0 * float(np.sum(r[:-1] ** 2))) / n)
    return abs(float(r[-1])) > limit


def seasonal_indices(known: Array, season_length: int) -> Array:
    """Multiplicative indices (season_length,) with mean 1; the first is of `known[0]`."""
    m, n = season_length, len(known)
    weights = np.full(m, 1.0 / m)
    if m % 2 == 0:  # an even season has no middle: half a point more on either side
        weights = np.concatenate([[0.5 / m], weights[1:], [0.5 / m]])
    half = m // 2
    trend = np.convolve(known, weights, mode="valid")  # (n - 2 * half,)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = known[half : n - half] / trend
        seasons = (np.arange(half, n - half)) % m
        indices = np.array([ratio[seasons == i].mean() for i in range(m)])
        scaled: Array = indices / indices.mean()
    return scaled


def _fitted(name: str) -> Callable[[Array, int, int], Baseline]:
    """A method of statsforecast, imported at its first use because that takes seconds."""

    def forecast(known: Array, season_length: int, horizon: int) -> Baseline:
        from statsforecast import models

        model: Any = getattr(models, name)(season_length=season_length)
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            # what they warn of (too few residuals, no convergence) is judged by the result
            warnings.simplefilter("ignore")
            answer = model.forecast(y=known, h=horizon, level=[80, 95])
        bounds = [answer[key] for key in ("lo-95", "lo-80", "hi-80", "hi-95")]
        quantiles = np.array(bounds, dtype=np.float64)  # (levels, horizon)
        return Baseline(np.asarray(answer["mean"], dtype=np.float64), quantiles)

    return forecast


SIMPLE: dict[str, Callable[[Array, int, int], Baseline]] = {
    "naive": _simple(backtest.naive),
    "seasonal_naive": _simple(backtest.seasonal_naive),
    "naive2": naive2,
}
FITTED: dict[str, Callable[[Array, int, int], Baseline]] = {
    "theta": _fitted("Theta"),
    "autoets": _simple(autoets),
    "autotheta": _fitted("AutoTheta"),
}
MEANS: dict[str, tuple[str, ...]] = {"autoets_autotheta": ("autoets", "autotheta")}
METHODS = (*SIMPLE, *FITTED, *MEANS)


def baseline_forecasts(
    series: Sequence[Series],
    methods: Sequence[str],
    cache: Path | None = None,
    progress: Callable[[str, int], None] | None = None,
) -> dict[str, dict[Key, Baseline]]:
    """Forecast the last horizon of every series from what stands before it.

    `cache` is a folder: what it holds is not computed again, and what is computed is added
    to `<cache>/<collection>.<method>.npz` every minute. An entry counts only for the very
    values, horizon, season and library version it was made from. `progress` is told the
    method and how many series of it are done.

    Returns:
        method -> (collection, id) -> forecast; every method has every series.

    Raises:
        ValueError: a method is unknown.
    """
    if unknown := set(methods) - set(METHODS):
        raise ValueError(f"unknown method {sorted(unknown)}; known: {sorted(METHODS)}")
    parts = [part for name in methods for part in MEANS.get(name, (name,))]
    done: dict[str, dict[Key, Baseline]] = {}
    for name in dict.fromkeys(parts):
        done[name] = {}
        for collection in dict.fromkeys(one.dataset for one in series):
            those = [one for one in series if one.dataset == collection]
            path = cache / f"{collection}.{name}.npz" if cache and name in FITTED else None
            done[name] |= _one_method(name, those, path, progress)
    for name in set(methods) & set(MEANS):
        keys = [(one.dataset, one.id) for one in series]
        done[name] = {key: _mean([done[part][key] for part in MEANS[name]]) for key in keys}
    return {name: done[name] for name in methods}


def _mean(of: list[Baseline]) -> Baseline:
    mean = np.mean([one.mean for one in of], axis=0)
    quantiles = np.mean([one.quantiles for one in of], axis=0)
    return Baseline(mean, quantiles, any(one.fell_back for one in of))


def _one_method(
    name: str,
    series: Sequence[Series],
    path: Path | None,
    progress: Callable[[str, int], None] | None,
) -> dict[Key, Baseline]:
    stored = _load(path) if path else {}
    answer: dict[Key, Baseline] = {}
    saved = time.monotonic()
    changed = False
    for one in series:
        mark = _fingerprint(name, one)
        if mark not in stored:
            stored[mark] = _forecast(name, one)
            changed = True
            if path and time.monotonic() - saved > _SAVE_EVERY_SECONDS:
                _save(path, stored)
                saved, changed = time.monotonic(), False
        answer[one.dataset, one.id] = stored[mark]
        if progress:
            progress(name, len(answer))
    if path and changed:
        _save(path, stored)
    return answer


def _forecast(name: str, series: Series) -> Baseline:
    known = interpolated(series.known())
    try:
        answer = (SIMPLE | FITTED)[name](known, series.season_length, series.horizon)
    except ImportError:
        raise
    except Exception:  # the library raises anything from ZeroDivisionError to bare Exception
        answer = None
    if answer is not None and np.all(np.isfinite(answer.mean)):
        return answer
    spare = naive2(known, series.season_length, series.horizon)
    return Baseline(spare.mean, spare.quantiles, fell_back=True)


def _fingerprint(name: str, series: Series) -> str:
    version = importlib.metadata.version("statsforecast") if name in FITTED else ""
    what = f"{name} {version} {series.id} {series.season_length} {series.horizon}"
    return hashlib.sha256(what.encode() + series.known().tobytes()).hexdigest()[:32]


def _load(path: Path) -> dict[str, Baseline]:
    if not path.exists():
        return {}
    with np.load(path) as z:
        cuts = z["offsets"][1:-1]
        means = np.split(z["mean"], cuts)
        quantiles = np.split(z["quantiles"], cuts, axis=1)
        marks = [str(mark) for mark in z["fingerprints"]]
        fell_back = [bool(flag) for flag in z["fell_back"]]
    parts = zip(means, quantiles, fell_back, strict=True)
    return {mark: Baseline(*part) for mark, part in zip(marks, parts, strict=True)}


def _save(path: Path, stored: dict[str, Baseline]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    entries = list(stored.values())
    part = path.with_name(path.name + ".part")
    with part.open("wb") as file:
        np.savez_compressed(
            file,
            fingerprints=np.array(list(stored)),
            offsets=np.cumsum([0, *(len(one.mean) for one in entries)]),
            mean=np.concatenate([one.mean for one in entries]),  # (all horizons,)
            quantiles=np.concatenate([one.quantiles for one in entries], axis=1),
            fell_back=np.array([one.fell_back for one in entries]),
        )
    part.replace(path)
