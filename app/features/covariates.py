"""One series and what is known beside it, as the arrays of a network that has learned both.

Knows numbers only: no names of covariates, no network. Training and serving call the same
functions. A window is centred on the median of its last `scale_length` values and measured in
their mean absolute deviation; the network answers the inverse hyperbolic sine of that, so that
spikes stay in reach. Beside each step ahead stand the same steps of the cycles before it, and by
how much the covariates have changed since then.

Channels of one system, which a network learns together, have each their window; of their numbers at
a step those come first that are a channel's own, channel by channel, then what they share.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from app.features.calendar import Cycles
from app.features.seasonal import impute
from app.features.series import Window

Array = NDArray[np.float64]

CALENDAR_FEATURES = 15
_VALUES = 2  # of the context: the value, and whether it was missing
OWN_AHEAD = 10  # of a step ahead, beside covariates and the calendar; the first is a cycle ago
_LAGS = 8  # of a channel among others: so many values before a step, as far as they are known
_HOURLY, _DAYS = ("hourly",), ("hourly", "daily")
_NEAR = 8
_LEAST = 1e-3  # of the level: the deviation of a series that does not move
_FAR = 10.0  # units of a covariate: what lies beyond is taken to lie there


@dataclass(frozen=True)
class BesideOptions:
    """What `prepare_beside` does; stored in the manifest, so that serving repeats training.

    context_length: steps that the encoder reads; scale_length: steps that give level and unit;
    trained_horizon: steps ahead in training, at most.
    """

    context_length: int
    scale_length: int
    trained_horizon: int


def memory_for(context_length: int, scale_length: int, cycles: Cycles) -> int:
    """How many values a window looks at: the encoder's, those of the unit, and its cycles."""
    near = cycles.long <= _NEAR * cycles.short  # such as a week of days
    long = 2 * cycles.long if near else cycles.long
    return max(context_length, scale_length, 2 * cycles.short, long)


def context_features(columns: int, channels: int = 1) -> int:
    """Numbers of a step that the encoder reads, with so many columns of covariates."""
    return channels * _VALUES + columns + CALENDAR_FEATURES


def future_features(columns: int, channels: int = 1) -> int:
    """The same of the decoder."""
    lags = channels * _LAGS if channels > 1 else 0
    return channels * OWN_AHEAD + lags + 4 * columns + CALENDAR_FEATURES


def calendar_beside(dates: pd.DatetimeIndex, kind: str | None, *, years: bool) -> Array:
    """(time, CALENDAR_FEATURES): the hour, the day of the week and the time of the year, as far as
    steps of `kind` (see `Cycles`) tell them apart; the year only with `years`."""
    columns = np.zeros((len(dates), CALENDAR_FEATURES))
    if kind in _HOURLY:
        day = 2.0 * np.pi * (dates.hour.to_numpy() + dates.minute.to_numpy() / 60.0) / 24.0
        columns[:, 0:4] = _waves(day)
    if kind in _DAYS:
        columns[:, 4:11] = np.eye(7)[dates.dayofweek]
    if years and kind not in (None, "yearly"):
        columns[:, 11:15] = _waves(2.0 * np.pi * dates.dayofyear.to_numpy() / 365.25)
    return columns


def prepare_beside(values: Array, past: Array, cycles: Cycles, options: BesideOptions) -> Window:
    """Scale one series (time,), NaN = missing, at least one finite value.

    past (time, columns + CALENDAR_FEATURES): covariates in units of what was learned, and the
    calendar.
    """
    missing = np.isnan(values)
    factor = float(np.nanmax(np.abs(values))) or 1.0
    x = values / factor
    if missing.any():
        x = impute(x, cycles.short)
    recent = x[-options.scale_length :]
    level = float(np.median(recent))
    deviation = float(np.abs(recent - level).mean())
    spread = max(deviation, _LEAST * abs(level)) or 1.0
    context = np.concatenate(
        [_bent((x - level) / spread)[:, None], missing[:, None], np.clip(past, -_FAR, _FAR)], axis=1
    )
    return Window(
        context=context[-options.context_length :],  # (time, context_features)
        x=x,
        adjusted=x,
        irregular=np.zeros(len(x)),
        seasonal=(),
        cycles=cycles,
        static=np.zeros(0),
        level=level,
        spread=spread,
        growth=0.0,
        log=False,
        exact=False,
        factor=factor,
        lowest=0.0 if float(x.min()) >= 0.0 else -np.inf,
        imputed=int(missing.sum()),
        bent=True,
    )


def future_beside(
    window: Window, beside: Array, known: NDArray[np.bool_], options: BesideOptions
) -> Array:
    """Decoder inputs (horizon, future_features); step h never depends on how many follow it.

    beside (time + horizon, columns + CALENDAR_FEATURES); known (columns,): which covariates are
    known ahead. Of the others the same step of the last cycle stands for what is not known. The
    first number is the series a cycle ago: what is answered is told from there.
    """
    points, columns = len(window.x), np.clip(beside[:, : len(known)], -_FAR, _FAR)
    steps = np.arange(1, len(beside) - points + 1)
    z = _bent((window.x - window.level) / window.spread)
    short, long = max(window.cycles.short, 1), window.cycles.long
    last, sure = _places(points, steps, short, 0)
    last = np.where(sure, last, points - 1)
    lags = [(last, sure)]
    for period, back in ((short, 1), (long if long > 1 else short, 0)):
        place, there = _places(points, steps, period, back)
        lags.append((np.where(there, place, last), there))
    ahead = np.where(known, columns[points:], columns[last])
    relative = np.log(window.spread / (abs(window.level) + window.spread) + 1e-6) / 4.0 + 1.0
    numbers = [
        *(z[place] for place, _ in lags),
        *(there.astype(np.float64) for _, there in lags),
        np.full(len(steps), z[-1]),
        np.full(len(steps), z[-short:].mean()),
        np.minimum(steps, options.trained_horizon) / options.trained_horizon,
        np.full(len(steps), relative),
    ]
    changes = [ahead - columns[place] for place, _ in lags]
    calendar = beside[points:, len(known) :]
    return np.concatenate([np.stack(numbers, axis=1), ahead, *changes, calendar], axis=1)


def context_of(windows: Sequence[Window]) -> Array:
    """Encoder inputs (time, context_features) of channels."""
    return _side_by_side([window.context for window in windows], _VALUES)


def future_of(
    windows: Sequence[Window], beside: Array, known: NDArray[np.bool_], options: BesideOptions
) -> Array:
    """Decoder inputs (horizon, future_features) of channels; arguments as of `future_beside`.

    Of several channels the values shortly before a step stand beside it, since what one does others
    may do some steps later.
    """
    steps = [future_beside(window, beside, known, options) for window in windows]
    if len(windows) == 1:
        return steps[0]
    both = _side_by_side(steps, OWN_AHEAD)
    own = OWN_AHEAD * len(windows)
    lags = [_lagged(window, len(both)) for window in windows]
    return np.concatenate([both[:, :own], *lags, both[:, own:]], axis=1)


def _lagged(window: Window, horizon: int) -> Array:
    """(horizon, lags): the values 1, 2, ... steps before each step ahead, 0 where not known."""
    points = len(window.x)
    z = _bent((window.x - window.level) / window.spread)
    places = points + np.arange(horizon)[:, None] - np.arange(1, _LAGS + 1)
    known = (places >= 0) & (places < points)
    return np.where(known, z[np.clip(places, 0, points - 1)], 0.0)


def _side_by_side(channels: Sequence[Array], own: int) -> Array:
    return np.concatenate([*(each[:, :own] for each in channels), channels[0][:, own:]], axis=1)


def _places(
    points: int, steps: NDArray[np.int64], period: int, back: int
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Where the same step of the last cycle but `back` stands, and whether it is there at all."""
    place = points - 1 + steps - period * (-(-steps // period) + back)
    return np.maximum(place, 0), place >= 0


def _bent(z: Array) -> Array:
    return np.arcsinh(z)


def _waves(angle: Array) -> Array:
    return np.stack([wave(k * angle) for k in (1, 2) for wave in (np.sin, np.cos)], axis=1)
