"""Plain ways on from a series: a straight line, a growth, a level. Knows arrays, no network.

Four candidates are fitted to the season-free past of a window, each over as many of its last
points as foretold the past best (a rolling origin: Tashman 2000, "Out-of-sample tests of
forecasting accuracy"):

* line: straight in values, with an additive season;
* product: straight in values, with a multiplicative season (logarithmic windows only);
* growth: straight in logarithms, with a multiplicative season (logarithmic windows only);
* level: a mean.

A network reads where each leads and how far it missed before, and weighs them against an answer
of its own. Single outliers are cut to the median around them before anything is fitted (Hampel
1974).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.features.calendar import Cycles
from app.features.series import SeriesOptions, Window, future, seasonal_path

Array = NDArray[np.float64]

CANDIDATES = 4
TREND_FEATURES = 4 * CANDIDATES  # columns of `trend_table`
_POINTS = 256  # last points that are fitted
_ORIGINS = 128  # last origins at which errors are measured
_LINES = np.array([6, 12, 24, 48, 96, 256])  # points of a line
_MEANS = np.array([1, 2, 4, 8, 16, 48])  # points of a level
_AHEAD = np.array([1, 3, 8, 20, 50])  # steps at which errors are measured
_LEAST = 3  # points before the first origin, and origins that make an error
_AROUND = 3  # points on either side that tell an outlier
_OUTLIER = 6.0  # times the usual deviation from the median around
_FADING = 0.85  # what a cycle counts for against the next newer one
_MOST_CYCLES = 40
_FAR = 40.0  # units: candidates further off are cut
_NONE = 3.0  # log of an error that could not be measured


@dataclass(frozen=True)
class Fits:
    """The fit of each series that foretold it best: `level` and `slope` (series,) at the origin,
    and errors (series, AHEAD) of it and of repeating the last value, NaN where not measured."""

    level: Array
    slope: Array
    errors: Array
    naive: Array


def decoder_inputs(
    window: Window, horizon: int, trained_horizon: int, options: SeriesOptions
) -> Array:
    """All that a decoder reads: `future`, and `trend_table` where the options ask for it."""
    steps = future(window, horizon, trained_horizon)
    if not options.trends:
        return steps
    return np.concatenate([steps, trend_table(window, horizon)], axis=1)


def trend_table(window: Window, horizon: int) -> Array:
    """Columns per candidate (horizon, TREND_FEATURES): first where all of them lead, in the unit
    of the network's answer; then the same, squashed; the log of their past error against that of
    repeating the last value; and the log of their past error in units. Step h never depends on
    `horizon`."""
    steps = np.arange(1, horizon + 1, dtype=np.float64)
    base = window.level + seasonal_path(window, horizon)
    unit = window.unit(horizon)[:, 0]
    paths, sizes, errors, naive = _candidates(window, steps)
    where = ((paths - base) / unit).clip(-_FAR, _FAR)  # (candidates, horizon)
    found = _over(steps, np.concatenate([errors, naive]))
    if found is None:
        against = units = np.full_like(where, _NONE)
    else:
        missed, plain = found[:CANDIDATES], found[CANDIDATES:]
        against = np.log((missed + 1e-12) / (plain + 1e-12)).clip(-2.0 * _NONE, _NONE)
        units = np.log((missed / sizes + 1e-12) / unit).clip(-8.0, _NONE)
    return np.concatenate([where, np.arcsinh(where) / 2.0, against, units]).T


def _candidates(window: Window, steps: Array) -> tuple[Array, Array, Array, Array]:
    """Paths (CANDIDATES, horizon) in the working domain, what one unit of each one's errors is in
    that domain (same shape), and errors and those of the last value (CANDIDATES, AHEAD)."""
    horizon = len(steps)
    centre = float(window.x.mean()) if window.log else 0.0
    logs = window.x - centre
    x = np.stack([np.exp(logs), logs]) if window.log else window.x[None]  # (1 or 2, time)
    adjusted, season = _taken_apart(x, window.cycles, horizon)
    if not window.log:
        lines, level = fit_lines(adjusted), fit_level(adjusted)
        straight = lines.level[0] + lines.slope[0] * steps + season[0]
        flat = np.full(horizon, level.level[0]) + season[0]
        pick = [0, 0, 0]
        paths = np.stack([straight, straight, straight, flat])
        sizes = np.ones((CANDIDATES, horizon))
    else:
        lines = fit_lines(np.stack([adjusted[0], np.exp(adjusted[1]), adjusted[1]]))
        level = fit_level(adjusted[1:])
        least = 0.05 * float(x[0, -_POINTS:].min())
        ways = lines.level[:, None] + lines.slope[:, None] * steps  # (3, horizon)
        straight = np.maximum(ways[0] + season[0], least)
        product = np.maximum(ways[1], least)
        flat = np.full(horizon, level.level[0])
        pick = [0, 1, 2]
        ends = [np.log(straight), np.log(product) + season[1], ways[2] + season[1]]
        paths = np.stack([*ends, flat + season[1]]) + centre
        ones = np.ones(horizon)
        sizes = np.stack([straight, product, ones, ones])
    errors = np.concatenate([lines.errors[pick], level.errors])
    return paths, sizes, errors, np.concatenate([lines.naive[pick], level.naive])


def _taken_apart(x: Array, cycles: Cycles, horizon: int) -> tuple[Array, Array]:
    """x (series, time) without season and outliers, its last points; the season (series, horizon).

    The slope is taken out before the season is looked for: at the ends of a series a moving
    average cannot follow it.
    """
    n = x.shape[1]
    steps = np.arange(n) - (n - 1.0)
    lag = max((p for p in (cycles.short, cycles.long) if p > 1 and 2 * p <= n), default=n // 2)
    slopes = _median(x[:, lag:] - x[:, :-lag]) / lag if n > 1 else np.zeros(len(x))
    line = slopes[:, None] * steps
    rest = x - line
    ahead = np.zeros((len(x), horizon))
    for period in (cycles.short, cycles.long):
        if period < 2 or n < 2 * period:
            continue
        index = _index(rest, period)
        rest = rest - index[:, (np.arange(n) - n) % period]
        ahead += index[:, np.arange(horizon) % period]
    return _without_outliers(rest[:, -_POINTS:]) + line[:, -_POINTS:], ahead


def _index(x: Array, period: int) -> Array:
    """Mean deviation from the moving average by phase after the origin (series, period), newer
    cycles counting for more, drawn to zero as far as the other cycles did not foretell each."""
    n = x.shape[1]
    # centred over one period, both ends counted half where it is even
    width = period + 1 - period % 2
    sums = np.concatenate([np.zeros((len(x), 1)), np.cumsum(x, axis=1)], axis=1)
    whole = sums[:, width:] - sums[:, :-width]
    if period % 2 == 0:
        whole = whole - (x[:, width - 1 :] + x[:, : n - width + 1]) / 2.0
    inner = whole / period
    half = width // 2
    average = np.concatenate(
        [np.repeat(inner[:, :1], half, axis=1), inner, np.repeat(inner[:, -1:], half, axis=1)],
        axis=1,
    )
    rest = x - average
    cycles = min(n // period, _MOST_CYCLES)  # whole ones
    table = rest[:, n - cycles * period :].reshape(len(x), cycles, period)
    weights = _FADING ** np.arange(cycles - 1, -1, -1.0)
    weights = (weights / weights.sum())[:, None]
    mean = (table * weights).sum(axis=1)  # (series, period)
    others = (mean[:, None] - table * weights) / (1.0 - weights)
    foretold, power = (table * others).sum(axis=(1, 2)), (others**2).sum(axis=(1, 2))
    trust = np.clip(foretold / (power + 1e-18), 0.0, 1.0)[:, None]
    index: Array = (mean - mean.mean(axis=1, keepdims=True)) * trust
    return index


def _without_outliers(x: Array) -> Array:
    width = 2 * _AROUND + 1
    if x.shape[1] < 2 * width:
        return x
    around = _median(np.lib.stride_tricks.sliding_window_view(x, width, axis=1))
    inner = x[:, _AROUND:-_AROUND]
    off = np.abs(inner - around)
    moves = np.abs(x[:, 1:] - x[:, :-1]).mean(axis=1)
    usual = np.maximum(1.4826 * _median(off), 0.5 * moves)[:, None]
    cleaned = x.copy()
    cleaned[:, _AROUND:-_AROUND] = np.where(off > _OUTLIER * usual, around, inner)
    return cleaned


def fit_lines(x: Array) -> Fits:
    """Least squares over the last points of x (series, time), as many as foretold best."""
    n = x.shape[1]
    mean = x.mean(axis=1)[:, None]
    sums = np.cumsum(np.stack([x - mean, np.arange(n) * (x - mean)]), axis=2)
    sums = np.concatenate([np.zeros((2, len(x), 1)), sums], axis=2)
    ends = np.arange(max(1, n - _ORIGINS), n + 1)  # an origin is after `ends` points
    used = np.minimum(_LINES[:, None], ends).astype(np.float64)  # (lines, origins)
    start = ends - used.astype(np.int64)
    # (series, lines, origins)
    total, moment = sums[:, :, None, ends[0] :] - sums.take(start, axis=2)
    centre = (start + ends - 1) / 2.0
    power = np.maximum(used * (used**2 - 1.0) / 12.0, 1e-9)
    slope = np.where(used > 2.0, (moment - centre * total) / power, 0.0)
    level = mean[:, None] + total / used + slope * (ends - 1 - centre)  # at the origin
    return _best(x, level, slope)


def fit_level(x: Array) -> Fits:
    """Means of the last points of x (series, time), as many as foretold best."""
    n = x.shape[1]
    ends = np.arange(max(1, n - _ORIGINS), n + 1)
    sums = np.cumsum(x - x[:, -1:], axis=1)
    sums = np.concatenate([np.zeros((len(x), 1)), sums], axis=1)
    used = np.minimum(_MEANS[:, None], ends)
    whole = sums[:, None, ends[0] :] - sums.take(ends - used, axis=1)
    level = x[:, -1:, None] + whole / used
    return _best(x, level, np.zeros_like(level))


def _best(x: Array, level: Array, slope: Array) -> Fits:
    """level, slope (series, fits, origins): of the last origin, the fit that foretold x best."""
    n, origins = x.shape[1], level.shape[2]
    offset = n + 1 - origins  # points before the first origin
    errors = np.full((*level.shape[:2], len(_AHEAD)), np.nan)
    naive = np.full((len(x), len(_AHEAD)), np.nan)
    for i, ahead in enumerate(_AHEAD.tolist()):
        first = max(_LEAST, n // 3 - ahead, offset)
        if n - ahead - first + 1 < _LEAST:
            break
        at = slice(first - offset, n - ahead - offset + 1)
        truth = x[:, first + ahead - 1 :]
        missed = truth[:, None] - level[:, :, at] - slope[:, :, at] * ahead
        errors[:, :, i] = np.abs(missed).sum(axis=2) / truth.shape[1]
        naive[:, i] = np.abs(truth - x[:, first - 1 : n - ahead]).sum(axis=1) / truth.shape[1]
    measured = int((~np.isnan(naive[0])).sum())
    best = np.full(len(x), level.shape[1] - 1)  # with nothing measured, all points
    if measured:
        share = errors[:, :, :measured] / (naive[:, None, :measured] + 1e-12)
        best = share.mean(axis=2).argmin(axis=1)
    rows = np.arange(len(x))
    return Fits(level[rows, best, -1], slope[rows, best, -1], errors[rows, best], naive)


def _over(steps: Array, errors: Array) -> Array | None:
    """Errors (rows, AHEAD) at all steps (rows, horizon): straight between measured ones on
    logarithmic steps, the last growing with the root of time. None if none was measured."""
    count = int((~np.isnan(errors[0])).sum())
    if not count:
        return None
    known = _AHEAD[:count]
    at = np.searchsorted(known, steps).clip(1, max(count - 1, 1))
    if count == 1:
        found = np.repeat(errors[:, :1], len(steps), axis=1)
    else:
        logs = np.log(known)
        left, right = logs[at - 1], logs[at]
        share = ((np.log(steps) - left) / (right - left)).clip(0.0, 1.0)
        found = errors[:, at - 1] * (1.0 - share) + errors[:, at] * share
    grown: Array = found * np.sqrt(np.maximum(steps / known[-1], 1.0))
    return grown


def _median(x: Array) -> Array:
    """Along the last axis; `np.median` takes ten times as long for so few values."""
    count = x.shape[-1]
    ordered = np.sort(x, axis=-1)
    middle: Array = (ordered[..., (count - 1) // 2] + ordered[..., count // 2]) / 2.0
    return middle
