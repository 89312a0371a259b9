"""Simple detectors and one-step forecasts that a network must beat. Knows arrays, no files.

Everything looks at the past alone. A detector gives each value a score, 0 to 1.
"""

import math
from collections.abc import Callable, Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
_WINDOW: Final = 6000  # values of the windowed Gaussian, as in the benchmark's own detector
_STEP: Final = 100  # values after which its window moves on
_ROBUST: Final = 500  # errors from which their usual size is taken
_NORMAL: Final = 1.4826  # standard deviations in a median absolute deviation of a normal
_SMOOTHINGS: Final = np.linspace(0.05, 1.0, 20)


def naive(values: Array, season_length: int) -> Array:
    """The value before (time,), NaN for the first one."""
    return np.concatenate([[np.nan], values[:-1]])


def seasonal_naive(values: Array, season_length: int) -> Array:
    """The value a season before (time,); the one before where no season has passed."""
    found = naive(values, 1)
    if 1 < season_length < len(values):
        found[season_length:] = values[:-season_length]
    return found


def exponential_smoothing(values: Array, season_length: int, fitted: int | None = None) -> Array:
    """One step ahead by the ETS model (A,N,N), with a seasonal index (A,N,A) where one is told.

    Hyndman et al. (2008), "Forecasting with Exponential Smoothing", section 2.3. The smoothings
    are those of a grid that foretell the first `fitted` values best, all of them if it is None.
    """
    best: tuple[float, Array] | None = None
    seasons = (0.05, 0.2, 0.5) if 1 < season_length < len(values) // 2 else (0.0,)
    for alpha in _SMOOTHINGS.tolist():
        for gamma in seasons:
            found = _smoothed(values, alpha, gamma, season_length)
            errors = np.abs(values - found)[:fitted]
            missed = float(np.nanmean(errors)) if np.isfinite(errors).any() else math.inf
            if best is None or missed < best[0]:
                best = missed, found
    assert best is not None
    return best[1]


def _smoothed(values: Array, alpha: float, gamma: float, season_length: int) -> Array:
    index = [0.0] * max(season_length, 1)
    level, found = math.nan, []
    for at, value in enumerate(values.tolist()):
        place = at % len(index)
        guess = level + (index[place] if gamma else 0.0)
        found.append(guess)
        if math.isnan(value):
            continue
        error = 0.0 if math.isnan(level) else value - guess
        level = value if math.isnan(level) else level + alpha * error
        if gamma:
            index[place] += gamma * (1 - alpha) * error
    return np.array(found)


def windowed_gaussian(values: Array, season_length: int) -> Array:
    """How far in the tail of the normal distribution of the values of late each one lies."""
    scores = np.zeros(len(values))
    mean = spread = 0.0
    for at, value in enumerate(values.tolist()):
        if at > 0 and (at < _WINDOW or at % _STEP == 0):
            window = values[max(0, at - _WINDOW) : at]
            mean, spread = float(window.mean()), float(window.std())
        if spread > 0:
            scores[at] = _tail(abs(value - mean) / spread)
    return scores


def by_errors(forecast: Callable[[Array, int], Array]) -> Callable[[Array, int], Array]:
    """A detector: how many usual errors the forecast of each value is off."""

    def detect(values: Array, season_length: int) -> Array:
        errors = values - forecast(values, season_length)
        scores = np.zeros(len(values))
        usual = math.nan
        for at in range(2, len(values)):
            if at < 50 or at % 10 == 0:
                past = np.abs(errors[max(0, at - _ROBUST) : at])
                past = past[np.isfinite(past)]
                usual = _NORMAL * float(np.median(past)) if len(past) else math.nan
            if usual > 0 and math.isfinite(errors[at]):
                scores[at] = _tail(abs(errors[at]) / usual)
        return scores

    return detect


def _tail(deviations: float) -> float:
    """1 minus a number that falls as the tail of a normal distribution, but never to 0."""
    if deviations < 5:
        return 1.0 - math.erfc(deviations / math.sqrt(2.0))
    return 1.0 - math.erfc(5 / math.sqrt(2.0)) * 5.0 / deviations


FORECASTS: Final[Mapping[str, Callable[[Array, int], Array]]] = {
    "naive": naive,
    "seasonal naive": seasonal_naive,
    "exponential smoothing": exponential_smoothing,
}
DETECTORS: Final[Mapping[str, Callable[[Array, int], Array]]] = {
    "windowed Gaussian": windowed_gaussian,
    "seasonal naive, robust z": by_errors(seasonal_naive),
    "exponential smoothing, robust z": by_errors(
        lambda values, season: exponential_smoothing(values, 1, math.floor(0.15 * len(values)))
    ),
}
