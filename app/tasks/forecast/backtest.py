"""Forecasts of what is known already: rolling origins, simple methods, errors. Knows no network.

`POST /backtest` and `unroll evaluate forecast` score with the same function.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from app.errors import InvalidInput
from app.tasks.forecast import scores

Array = NDArray[np.float64]

IN_SAMPLE = 10_000  # values before an origin that simple methods and scales look at, at most
_NORMAL = NormalDist()


@dataclass(frozen=True)
class Guess:
    """`point` (horizon,) of a simple method, and the standard deviation of its error there."""

    point: Array
    deviation: Array

    def quantiles(self, levels: Sequence[float]) -> Array:
        """Normal quantiles (levels, horizon); NaN where the deviation is not known."""
        deviates = np.array([_NORMAL.inv_cdf(level) for level in levels])
        return self.point + deviates[:, None] * self.deviation


def naive(known: Array, season_length: int, horizon: int) -> Guess:
    """The last value of `known` (time,), without NaN; the errors are those of a random walk."""
    return seasonal_naive(known, 1, horizon)


def seasonal_naive(known: Array, season_length: int, horizon: int) -> Guess:
    """The last season again and again; the naive forecast where none has passed yet.

    Hyndman and Athanasopoulos, Forecasting: Principles and Practice, 3rd edition, 5.2 and 5.5.
    """
    lag = season_length if len(known) >= season_length else 1
    steps = np.arange(horizon)
    errors = known[lag:] - known[:-lag]
    spread = np.sqrt(np.mean(errors**2)) if errors.size else np.nan
    return Guess(known[len(known) - lag + steps % lag], spread * np.sqrt(steps // lag + 1.0))


def drift(known: Array, season_length: int, horizon: int) -> Guess:
    """The line through the first and the last value; same book, same sections."""
    steps, before = np.arange(1, horizon + 1), len(known) - 1
    if before < 1:
        return naive(known, 1, horizon)
    slope = (known[-1] - known[0]) / before
    errors = np.diff(known) - slope
    spread = np.sqrt(np.mean(errors**2)) if before > 1 else np.nan
    return Guess(known[-1] + slope * steps, spread * np.sqrt(steps * (1.0 + steps / before)))


METHODS = {"naive": naive, "seasonal_naive": seasonal_naive, "drift": drift}


def origins(points: int, horizon: int, windows: int, step: int) -> list[int]:
    """How many values are known at each origin, oldest first; the last horizon ends the series.

    Raises:
        InvalidInput: there are fewer than two values before the first origin.
    """
    last = points - horizon
    first = last - (windows - 1) * step
    if first < 2:
        raise InvalidInput(
            f"{windows} windows of {horizon} steps, {step} apart, need {points + 2 - first} "
            f"points, and there are {points}",
            field="series",
            allowed="two points before the first window; fewer windows, or shorter ones",
        )
    return list(range(first, last + 1, step))


def score(
    actual: Array,
    known: Array,
    season_length: int,
    median: Array,
    mean: Array,
    quantiles: Array,
    levels: Sequence[float],
) -> dict[str, float]:
    """Every score of one forecast; what is not defined is NaN.

    actual, median, mean (horizon,); known (time,), NaN = missing; quantiles (levels, horizon) at
    `levels`, increasing. Absolute errors are those of the median, squared ones and the bias those
    of the mean. "coverage_80" is the share of values between the quantiles 0.1 and 0.9, for each
    pair of levels that stands symmetric to the middle, and "width_80" their distance. Widths and
    "pinball" are in units of MASE's denominator.
    """
    seen = np.isfinite(actual)
    error = (mean - actual)[seen]
    scale = scores.naive_scale(known, season_length)
    answer = {
        "mae": float(np.abs(median - actual)[seen].mean()) if seen.any() else np.nan,
        "rmse": float(np.sqrt((error**2).mean())) if seen.any() else np.nan,
        "bias": float(error.mean()) if seen.any() else np.nan,
        "smape": scores.smape(actual, median),
        "mase": scores.mase(actual, median, known, season_length),
    }
    for name, low, high in pairs(levels):
        lower, upper = quantiles[low], quantiles[high]
        given = bool(np.isfinite(lower).all() and np.isfinite(upper).all())
        answer[f"coverage_{name}"] = scores.coverage(actual, lower, upper) if given else np.nan
        answer[f"width_{name}"] = scores.mean_width(lower, upper) / scale
    answer["pinball"] = scores.pinball(actual, quantiles, levels) / scale
    return answer


def pairs(levels: Sequence[float]) -> list[tuple[str, int, int]]:
    """(per cent between them, index of the lower, of the upper) of symmetric levels."""
    found = []
    for low, level in enumerate(levels):
        for high, other in enumerate(levels):
            if level < 0.5 and abs(level + other - 1.0) < 1e-9:
                found.append((f"{100 * (other - level):.6g}", low, high))
    return found


def averaged(parts: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """The mean of each score over the windows that have it; root mean squares as such."""
    answer = {}
    for name in parts[0]:
        values = np.array([part[name] for part in parts])
        values = values[np.isfinite(values)]
        square = name == "rmse"
        mean = float((values**2 if square else values).mean()) if values.size else np.nan
        answer[name] = float(np.sqrt(mean)) if square else mean
    return answer


def looked_at(series: Sequence[float | None] | Array) -> Array:
    """What methods see of a series (time,), None or NaN = missing: its newest values, without gaps.

    Raises:
        ValueError: none of them was observed.
    """
    return interpolated(np.array(series[-IN_SAMPLE:], dtype=np.float64))


def interpolated(values: Array) -> Array:
    """Missing values filled linearly from their neighbours; missing ends repeat the nearest.

    Raises:
        ValueError: nothing was observed.
    """
    seen = np.flatnonzero(np.isfinite(values))
    if not seen.size:
        raise ValueError("a series without a single value")
    return np.interp(np.arange(len(values)), seen, values[seen])
