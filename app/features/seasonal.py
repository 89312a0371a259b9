"""Takes series apart into season, level and noise; knows one array and its cycles, no window.

Everything looks at the past alone: indices and averages at the end use what came before it.
Season and level are smoothed as in the additive model of Holt and Winters (Hyndman et al. 2008,
Forecasting with Exponential Smoothing, section 2.3), with smoothings from a small grid.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from app.features.calendar import Cycles

Array = NDArray[np.float64]

SMOOTHINGS = np.array([0.15, 0.4, 0.7, 0.97])
_MOST_CYCLES = 40


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


def seasonal_index(rest: Array, period: int) -> tuple[Array, float, float, float]:
    """Smoothed seasonal index by phase after the origin (period,), its trust, its smoothing and
    its surprise: the mean absolute error with which it foretold the cycles it was made from.

    Every phase is exponentially smoothed from cycle to cycle. The smoothing (`SMOOTHINGS`) is
    the one that foretold each cycle best from those before it, and the index is multiplied by
    its trust: the regression coefficient (0 to 1) of the cycles on what was foretold.
    """
    table = by_phase(rest, period)[-_MOST_CYCLES:]
    known = ~np.isnan(table)
    table = np.where(known, table, 0.0)
    cycles = len(table)
    foretold = np.empty((cycles, len(SMOOTHINGS), period))  # each before its cycle, and the next
    foretold[0] = table[0]
    first = known[0] if not known[0].all() else known[0, :1]  # only the oldest may be cut
    seen = first + np.arange(1.0, cycles)[:, None, None]  # so far, by phase (cycles - 1, 1, phases)
    shares = np.maximum(SMOOTHINGS[:, None], 1.0 / seen)
    for at in range(1, cycles):
        before = foretold[at - 1]
        foretold[at] = before + shares[at - 1] * (table[at] - before)
    index, told = foretold[-1], foretold[:-1]
    rows = table[1:, None]
    usable = np.ones((cycles - 1, 1, period))
    usable[:1] = known[0]
    count = int(usable.sum())
    missed = (np.abs(rows - told) * usable).sum(axis=(0, 2))
    best = int(missed.argmin())
    kept = told[:, best] * usable[:, 0]
    trust = float(np.clip((table[1:] * kept).sum() / ((kept**2).sum() + 1e-18), 0.0, 1.0))
    chosen = index[best]
    surprise = float(missed[best]) / max(count, 1)
    return (chosen - chosen.mean()) * trust, trust, float(SMOOTHINGS[best]), surprise


@dataclass(frozen=True)
class Parts:
    """A series (time,) taken apart: `adjusted` is without season, `trend` its moving average.

    seasonal: an index (period,) for each cycle found, by phase after the origin; trust and
    smoothing: one number (0 to 1) for the short and the long cycle, 0 when there is none;
    surprise: how far the short cycle usually differs from what those before it foretold.
    """

    adjusted: Array
    trend: Array
    seasonal: tuple[Array, ...]
    trust: Array
    smoothing: Array
    surprise: float


def deseasonalise(x: Array, cycles: Cycles) -> Parts:
    """Take the short and then the long cycle out of x (time,), where two of them were seen."""
    adjusted, indices = x, []
    trust, smoothing, surprise = np.zeros((3, 2))
    for slot, period in enumerate((cycles.short, cycles.long)):
        if period < 2 or len(x) < 2 * period:
            continue
        rest = adjusted - moving_average(adjusted, period)
        index, trust[slot], smoothing[slot], surprise[slot] = seasonal_index(rest, period)
        if trust[slot] > 0:
            indices.append(index)
            adjusted = adjusted - index[(np.arange(len(x)) - len(x)) % period]
    trend = moving_average(adjusted, max(cycles.short, 3))
    return Parts(adjusted, trend, tuple(indices), trust, smoothing, float(surprise[0]))


def spread_of(adjusted: Array, surprise: float, period: int) -> float:
    """How far a series usually moves in a step: its mean step, and the surprise per step.

    Either alone misleads: an hourly series may be smooth from hour to hour and yet differ
    from day to day. The floor keeps a constant series: its forecast is the constant.
    """
    step = float(np.abs(np.diff(adjusted)).mean()) if len(adjusted) > 1 else 0.0
    return max(float(np.hypot(step, surprise / np.sqrt(period))), 1e-9)


def smoothed_last(x: Array) -> tuple[float, float]:
    """Level at the end of x (time,) by exponential smoothing, and the smoothing that was chosen:
    the one that foretold each value best from those before it."""
    values = x.tolist()
    best: tuple[float, float, float] | None = None
    for alpha, shares in zip(SMOOTHINGS.tolist(), _shares(len(values)), strict=True):
        level, missed = values[0], 0.0
        for value, share in zip(values[1:], shares, strict=True):
            error = value - level
            missed += error if error >= 0.0 else -error
            level += share * error
        if best is None or missed < best[0]:
            best = missed, level, alpha
    assert best is not None
    return best[1], best[2]


@lru_cache(maxsize=256)
def _shares(count: int) -> tuple[tuple[float, ...], ...]:
    """By how much each value but the first moves a level of `count` values, for each smoothing."""
    return tuple(
        tuple(max(alpha, 1.0 / seen) for seen in range(2, count + 1))
        for alpha in SMOOTHINGS.tolist()
    )
