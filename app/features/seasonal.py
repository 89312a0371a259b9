"""Takes series apart into season, level and noise; knows one array and its cycles, no window.

Everything looks at the past alone: indices and averages at the end use what came before it.
"""

import numpy as np
from numpy.typing import NDArray

from app.features.calendar import Cycles

Array = NDArray[np.float64]


def impute(values: Array, period: int) -> Array:
    """Fill NaN (time,) by linear interpolation of what is left after the mean seasonal shape.

    Before the first and after the last known value the nearest known one is carried.
    """
    steps = np.arange(len(values))
    known = ~np.isnan(values)
    seasonal = np.zeros(len(values))
    if period > 1 and known.sum() >= 2 * period:
        trend = np.interp(steps, steps[known], values[known])
        rest = np.where(known, values - moving_average(trend, period), np.nan)
        shape = by_phase(rest, period)
        mean = np.nanmean(np.where(np.isnan(shape).all(axis=0), 0.0, shape), axis=0)
        seasonal = (mean - mean.mean())[(steps - len(values)) % period]
    adjusted = values - seasonal
    filled = np.interp(steps, steps[known], adjusted[known]) + seasonal
    return np.where(known, values, filled)


def moving_average(x: Array, period: int) -> Array:
    """Centred 2 x `period` average (time,); the ends are extended along the local slope."""
    if len(x) < period + 1:
        return np.full(len(x), x.mean())
    kernel = np.ones(period) / period
    if period % 2 == 0:
        kernel = np.convolve(kernel, [0.5, 0.5])
    inner = np.convolve(x, kernel, mode="valid")
    front = (len(x) - len(inner)) // 2
    back = len(x) - len(inner) - front
    reach = min(period, len(inner) - 1)
    slope_front = (inner[reach] - inner[0]) / reach if reach else 0.0
    slope_back = (inner[-1] - inner[-1 - reach]) / reach if reach else 0.0
    # half the slope: a trend seldom goes on unchanged for half a cycle
    head = inner[0] - 0.5 * slope_front * np.arange(front, 0, -1)
    tail = inner[-1] + 0.5 * slope_back * np.arange(1, back + 1)
    return np.concatenate([head, inner, tail])


def by_phase(x: Array, period: int) -> Array:
    """(time,) -> (cycles, period), newest cycle last, NaN before the start."""
    rows = -(-len(x) // period)
    padded = np.concatenate([np.full(rows * period - len(x), np.nan), x])
    return padded.reshape(rows, period)  # (cycles, period)


def seasonal_index(rest: Array, period: int) -> tuple[Array, float]:
    """Shrunk seasonal index by phase after the origin (period,), and its signal share."""
    table = by_phase(rest, period)
    known = ~np.isnan(table)
    age = np.arange(len(table))[::-1, None]
    weights = known * 0.85**age
    total = np.maximum(weights.sum(axis=0), 1e-9)
    filled = np.where(known, table, 0.0)
    index: Array = (weights * filled).sum(axis=0) / total
    noise = (weights * (filled - index) ** 2).sum(axis=0) / total
    effective = total**2 / np.maximum((weights**2).sum(axis=0), 1e-9)
    error = float((noise / np.maximum(effective - 1.0, 0.5)).mean())
    index = index - index.mean()
    signal = float((index**2).mean())
    share = max(0.0, 1.0 - error / signal) if signal > 1e-18 else 0.0
    return index * share, share


def deseasonalise(x: Array, cycles: Cycles) -> tuple[Array, tuple[Array, ...], Array, Array]:
    """-> adjusted (time,), seasonal index per cycle, signal shares (2,), trend (time,)."""
    adjusted, indices, shares = x, [], np.zeros(2)
    trend = moving_average(x, max(cycles.short, 3))
    for slot, period in enumerate((cycles.short, cycles.long)):
        if period < 2 or len(x) < 2 * period:
            continue
        base = moving_average(adjusted, period)
        index, share = seasonal_index(adjusted - base, period)
        shares[slot] = share
        if share > 0:
            indices.append(index)
            adjusted = adjusted - index[(np.arange(len(x)) - len(x)) % period]
    if indices:
        trend = moving_average(adjusted, max(cycles.short, 3))
    return adjusted, tuple(indices), shares, trend


def spread_of(x: Array, period: int) -> float:
    """Root of the squared mean step and the squared mean cycle-to-cycle change per step.

    Either alone misleads: an hourly series may be smooth from hour to hour and yet differ
    from day to day. The floor keeps a constant series: its forecast is the constant.
    """
    step = float(np.abs(np.diff(x)).mean()) if len(x) > 1 else 0.0
    if 1 < period < len(x):
        step = float(np.hypot(step, np.abs(x[period:] - x[:-period]).mean() / np.sqrt(period)))
    return max(step, 1e-9)


def smoothed_last(x: Array, alpha: float) -> float:
    """Exponentially weighted mean of the end of x (time,); `alpha` is the newest one's weight."""
    recent = x[-round(6 / alpha) :]
    weights = (1.0 - alpha) ** np.arange(len(recent))[::-1]
    return float((weights * recent).sum() / weights.sum())
