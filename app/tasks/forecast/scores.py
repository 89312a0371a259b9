"""Scores of forecasts as the competitions define them; knows arrays, not series or models.

Everywhere `actual` is (time,), `forecast` is (time,), and a NaN in `actual` is a value
that was not observed: it is left out. A score that is not defined is NaN, never a guess.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def smape(actual: Array, forecast: Array) -> float:
    """Symmetric mean absolute percentage error, 0 to 200; a 0 forecast as 0 counts as 0.

    As in the M4 competition: Makridakis, Spiliotis and Assimakopoulos (2020), "The M4
    Competition: 100,000 time series and 61 forecasting methods", Int. J. Forecasting 36(1).
    """
    actual, forecast = _observed(actual, forecast)
    size = np.abs(actual) + np.abs(forecast)
    # where both are 0 the error is 0 too, so any divisor other than 0 gives the wanted 0
    return _mean(200.0 * np.abs(actual - forecast) / np.where(size == 0, 1.0, size))


def naive_scale(known: Array, season_length: int) -> float:
    """Mean absolute in-sample error of the seasonal naive forecast, in units of the series.

    The denominator of MASE. A series no longer than its season is scaled with the naive
    forecast instead. NaN for a constant series, on which MASE has no meaning.
    """
    lag = season_length if len(known) > season_length else 1
    errors = np.abs(known[lag:] - known[:-lag])
    scale = _mean(errors[np.isfinite(errors)])
    return scale if scale > 0 else float("nan")


def mase(actual: Array, forecast: Array, known: Array, season_length: int) -> float:
    """Mean absolute scaled error: 1 is as good as the seasonal naive forecast in-sample.

    Hyndman and Koehler (2006), "Another look at measures of forecast accuracy", Int. J.
    Forecasting 22(4); season as in the M4 competition (weekly: 1).
    """
    actual, forecast = _observed(actual, forecast)
    return _mean(np.abs(actual - forecast)) / naive_scale(known, season_length)


def owa(method: Mapping[str, Sequence[float]], naive2: Mapping[str, Sequence[float]]) -> float:
    """Overall weighted average of `smape` and `mase` against Naive2, over a collection.

    Both mappings hold the scores `smape` and `mase` of every series, in the same order.
    Each is averaged over the series first and divided after, as the M4 competition does
    (Makridakis et al. 2020, section 2.3). A series without MASE counts for sMAPE only;
    NaN where Naive2 is without error.

    Raises:
        ValueError: the two do not score the same number of series.
    """
    ratios = []
    for score in ("smape", "mase"):
        ours, theirs = np.asarray(method[score]), np.asarray(naive2[score])
        if ours.shape != theirs.shape:
            raise ValueError(f"{score} of {ours.shape} and {theirs.shape} series")
        both = np.isfinite(theirs)
        base = float(np.mean(theirs[both])) if both.any() else 0.0
        if base > 0:
            ratios.append(float(np.mean(ours[both])) / base)
    return sum(ratios) / len(ratios) if ratios else float("nan")


def coverage(actual: Array, lower: Array, upper: Array) -> float:
    """Share of the observed values inside [lower, upper], 0 to 1.

    Gneiting and Raftery (2007), "Strictly proper scoring rules, prediction, and estimation",
    J. American Statistical Association 102(477).
    """
    seen = np.isfinite(actual)
    return _mean(((lower <= actual) & (actual <= upper))[seen].astype(np.float64))


def mean_width(lower: Array, upper: Array) -> float:
    """Mean width of an interval, in units of the series: sharpness in Gneiting and Raftery."""
    return _mean(upper - lower)


def pinball(actual: Array, quantiles: Array, levels: Sequence[float]) -> float:
    """Mean quantile loss of `quantiles` (levels, time), in units of the series.

    Koenker and Bassett (1978), "Regression quantiles", Econometrica 46(1). Not doubled.
    """
    error = actual - quantiles  # (levels, time)
    level = np.asarray(levels, dtype=np.float64)[:, None]  # (levels, 1)
    loss = np.maximum(level * error, (level - 1.0) * error)
    return _mean(loss[:, np.isfinite(actual)])


def _observed(actual: Array, forecast: Array) -> tuple[Array, Array]:
    if actual.shape != forecast.shape:
        raise ValueError(f"actual {actual.shape} and forecast {forecast.shape} differ")
    seen = np.isfinite(actual)
    return actual[seen], forecast[seen]


def _mean(values: Array) -> float:
    return float(values.mean()) if values.size else float("nan")
