"""Turns one series into the arrays a recurrent forecaster reads, and its output back into values.

Knows numbers only: no HTTP, no network, no timestamps. Training and serving call the same
functions, so both see the same numbers. Everything is computed from the past of the window
alone; nothing looks at the future.

The window is put on a common scale in four steps (`prepare`):

1. only the last `memory` points count; missing values are imputed;
2. log domain where the series is safely positive, else linear;
3. two additive seasonal components (a short and a long cycle, see `calendar.Cycles`)
   estimated as differences from a moving average, smoothed from cycle to cycle and shrunk
   towards zero as far as they did not foretell the next cycle;
4. level = exponentially smoothed last values of the seasonally adjusted window,
   spread = how far the adjusted window usually moves in a step. A past that repeats exactly moves
   not at all; after n values the chance that the next one is unlike all before is taken to be
   1 / (n + 2) (Laplace's rule of succession), and that share of its size is its spread.

The network sees `(x - level) / spread` and answers step h in units of `spread * h ** growth`
(growth 1/2: the errors of a random walk grow with the root of time); `restore` undoes it.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.features.calendar import Cycles
from app.features.seasonal import Parts, deseasonalise, impute, smoothed_last, spread_of

Array = NDArray[np.float64]

CONTEXT_FEATURES = 6
FUTURE_FEATURES = 32
_LAGS = 3
_STATICS = 17
_FAR_BELOW = -20.0  # units
_FAR = 6.9  # log of a thousand
_STEEP = 20.0  # its hyperbolic sine is a quarter of a billion
_LARGE = 1e300  # from here on sums and differences may leave the range of doubles
_SHRINK = 2.0**-20
_EXACT = 1e-6  # of the size of a series: smaller moves are those of rounding
_MAX = float(np.finfo(np.float64).max)
_KINDS = ("yearly", "quarterly", "monthly", "weekly", "daily", "hourly")


@dataclass(frozen=True)
class SeriesOptions:
    """What `prepare` does; stored in the manifest, so that serving repeats training.

    context_length: steps the encoder reads; memory: steps kept for the seasonal estimates;
    normalise: False leaves values as they are (level 0, spread 1, linear, no season); trends:
    whether the decoder also reads plain ways on (see `trends`).
    """

    context_length: int = 80
    memory: int = 1100
    normalise: bool = True
    trends: bool = False


@dataclass(frozen=True)
class Window:
    """One prepared series: all arrays float64, time running to the forecast origin.

    context (time, CONTEXT_FEATURES); x, adjusted, irregular (memory,) in the working domain,
    which is log(values) or values / factor; seasonal: an array per cycle, by phase after the
    origin.
    """

    context: Array
    x: Array
    adjusted: Array
    irregular: Array
    seasonal: tuple[Array, ...]
    cycles: Cycles
    static: Array
    level: float
    spread: float
    growth: float
    log: bool
    exact: bool  # whether the past repeats itself without a difference
    factor: float
    lowest: float
    imputed: int
    bent: bool = False  # whether the network answers the inverse hyperbolic sine of units

    def unit(self, horizon: int) -> Array:
        """What one unit of the network's answer is worth per step: (horizon, 1)."""
        steps = np.arange(1, horizon + 1, dtype=np.float64)[:, None]
        return self.spread * steps**self.growth


def prepare(values: Array, cycles: Cycles, options: SeriesOptions) -> Window:
    """Scale one series (time,), NaN = missing, at least one finite value; see the module."""
    values = values[-options.memory :]
    missing = np.isnan(values)
    imputed = int(missing.sum())
    if imputed:
        values = _impute(values, cycles.short)
    if not options.normalise:
        return _plain(values, missing, imputed, cycles, options)

    log = _is_log_safe(values)
    factor = 1.0 if log else float(np.abs(values).max()) or 1.0
    x = np.log(values) if log else values / factor
    parts = deseasonalise(x, cycles)
    tail = parts.adjusted[-max(options.context_length, 4 * cycles.short) :]
    level, smoothing = smoothed_last(tail[-options.context_length :])
    spread = spread_of(tail, parts.surprise, cycles.short)
    size = float(x.std()) if values.min() < values.max() else 1.0
    exact = spread <= _EXACT * size
    spread = size / (len(x) + 2) if exact else spread
    context = _context(
        x, parts.adjusted, missing, cycles.short, level, spread, options.context_length
    )
    static = _static(x, parts, cycles, smoothing, spread, log)
    return Window(
        context=context,
        x=x,
        adjusted=parts.adjusted,
        irregular=parts.adjusted - parts.trend,
        seasonal=parts.seasonal,
        cycles=cycles,
        static=static,
        level=level,
        spread=spread,
        growth=0.5,
        log=log,
        exact=exact,
        factor=factor,
        lowest=0.0 if float(values.min()) >= 0.0 else -np.inf,
        imputed=imputed,
    )


def seasonal_path(window: Window, horizon: int) -> Array:
    """The seasonal component over the next `horizon` steps: (horizon,), working domain."""
    steps = np.arange(horizon)
    path = np.zeros(horizon)
    for index in window.seasonal:
        path += index[steps % len(index)]
    return path


def future(window: Window, horizon: int, trained_horizon: int) -> Array:
    """Decoder inputs: (horizon, FUTURE_FEATURES). Step h never depends on `horizon`."""
    steps = np.arange(1, horizon + 1)
    seasonal = seasonal_path(window, horizon)
    columns = [_squash(seasonal / window.spread)]
    for period in (window.cycles.short, window.cycles.long):
        for k in range(_LAGS):
            adjusted, irregular, known = _lagged(window, period, steps, k)
            if k == 0:
                columns.append(known)
            if k < 2:
                columns.append(_squash(adjusted))
            columns.append(_squash(irregular))
    capped = np.minimum(steps, trained_horizon)
    columns.append(np.log(capped) / 4.0)
    columns.append(np.minimum(capped / window.cycles.short, 8.0) / 4.0)
    table = np.stack(columns, axis=1)  # (horizon, step features)
    static = np.broadcast_to(window.static, (horizon, len(window.static)))
    return np.concatenate([table, static], axis=1)


def restore(window: Window, scaled: Array) -> Array:
    """Network output (horizon, quantiles) -> values of the series, same shape.

    A series that was never negative is not forecast to be, one of zeros stays zero, and a
    positive one stays within a thousand times what was seen.
    """
    horizon = len(scaled)
    if window.bent:
        scaled = np.sinh(np.clip(scaled, -_STEEP, _STEEP))
    x = window.level + window.unit(horizon) * scaled + seasonal_path(window, horizon)[:, None]
    if window.exact and not window.log and not window.x.any():
        return np.zeros_like(x)
    # nothing may overflow or leave what has been seen by orders of magnitude
    if window.log:
        low, high = float(window.x.min()) - _FAR, float(window.x.max()) + _FAR
        return np.exp(np.clip(x, max(low, -744.0), min(high, 709.7)))
    largest = _MAX / max(window.factor, 1.0) * (1.0 - 1e-15)  # rounding must not lead beyond
    return np.maximum(np.clip(x, -largest, largest) * window.factor, window.lowest)


def scale(window: Window, values: Array) -> Array:
    """Inverse of `restore` for one path of values (horizon,), NaN kept; for training."""
    horizon = len(values)
    if window.bent:
        return np.arcsinh((values / window.factor - window.level) / window.unit(horizon)[:, 0])
    # a future at or below zero has no logarithm: it becomes a value that is merely far below
    x = np.log(np.maximum(values, 1e-300)) if window.log else values / window.factor
    scaled = (x - window.level - seasonal_path(window, horizon)) / window.unit(horizon)[:, 0]
    return np.where(values <= 0, np.maximum(scaled, _FAR_BELOW), scaled) if window.log else scaled


def _impute(values: Array, period: int) -> Array:
    """`impute`, also between values whose difference no double can hold."""
    if float(np.nanmax(np.abs(values))) < _LARGE:
        return impute(values, period)
    largest = _MAX * _SHRINK
    filled = np.clip(impute(values * _SHRINK, period), -largest, largest) / _SHRINK
    return np.where(np.isnan(values), filled, values)


def _is_log_safe(values: Array) -> bool:
    return bool(values.min() > 0.02 * (np.abs(values) * _SHRINK).mean() / _SHRINK)


def _squash(z: Array) -> Array:
    return np.arcsinh(z) / 2.0


def _context(
    x: Array,
    adjusted: Array,
    missing: NDArray[np.bool_],
    period: int,
    level: float,
    spread: float,
    length: int,
) -> Array:
    step = np.diff(adjusted, prepend=adjusted[0])
    cycle = np.zeros(len(x))
    if 1 < period < len(x):
        cycle[period:] = x[period:] - x[:-period]
    columns = (
        _squash((adjusted - level) / spread),
        _squash((x - level) / spread),
        _squash(step / spread),
        _squash(cycle / spread),
        missing.astype(np.float64),
        np.ones(len(x)),
    )
    return np.stack([c[-length:] for c in columns], axis=1)  # (time, CONTEXT_FEATURES)


def _static(
    x: Array, parts: Parts, cycles: Cycles, smoothing: float, spread: float, log: bool
) -> Array:
    """What does not change over the window, in a fixed order: `_STATICS` numbers."""
    n, adjusted = len(x), parts.adjusted
    half = adjusted[-(n // 2) :] if n > 3 else adjusted
    slope = (adjusted[-1] - adjusted[0]) / (max(n - 1, 1) * spread)
    recent = (half[-1] - half[0]) / (max(len(half) - 1, 1) * spread)
    relative = spread if log else spread / (abs(float(x.mean())) + spread)
    return np.array(
        [
            float(log),
            np.log(relative + 1e-6) / 4.0 + 1.0,
            # capped: in series that share a clock, a longer count would tell the date
            np.log(min(n, 96)) / 5.0,
            np.log(cycles.short) / 4.0,
            *parts.trust,
            *parts.smoothing,
            smoothing,
            float(slope),
            float(recent),
            *(float(cycles.kind == kind) for kind in _KINDS),
        ]
    )


def _lagged(window: Window, period: int, steps: NDArray[np.int64], k: int) -> tuple[Array, ...]:
    """Same phase, the k-th newest cycle: adjusted and irregular in spreads, and known."""
    zeros = np.zeros(len(steps))
    n = len(window.x)
    if period < 2:
        return zeros, zeros, zeros
    index = n - 1 + steps - period * (-(-steps // period) + k)
    known = index >= 0
    safe = np.maximum(index, 0)
    adjusted = np.where(known, (window.adjusted[safe] - window.level) / window.spread, 0.0)
    irregular = np.where(known, window.irregular[safe] / window.spread, 0.0)
    return adjusted, irregular, known.astype(np.float64)


def _plain(
    values: Array, missing: NDArray[np.bool_], imputed: int, cycles: Cycles, o: SeriesOptions
) -> Window:
    context = _context(values, values, missing, 1, 0.0, 1.0, o.context_length)
    return Window(
        context=context,
        x=values,
        adjusted=values,
        irregular=np.zeros(len(values)),
        seasonal=(),
        cycles=Cycles(1, 1, None),
        static=np.zeros(_STATICS),
        level=0.0,
        spread=1.0,
        growth=0.0,
        log=False,
        exact=False,
        factor=1.0,
        lowest=-np.inf,
        imputed=imputed,
    )
