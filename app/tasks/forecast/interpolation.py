"""Interpolates gaps, plainly and after a season, and tells how far each way is usually off.

Knows arrays and seasons; knows no network.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from app.features.seasonal import impute, moving_average
from app.tasks.forecast.backtest import interpolated

Array = NDArray[np.float64]
MOST_POINTS: Final = 2000  # that are looked at to see how far a way is off: the newest
_SHARE: Final = 8  # one block in so many is taken out at a time
_NEAR: Final = 2  # seasons on each side that a local shape is made from
_FEWEST: Final = 4  # errors that say something
_DEVIATION: Final = float(np.sqrt(np.pi / 2.0))  # of a normal error, over its mean size


def ways(values: Array, periods: Sequence[int]) -> dict[tuple[str, int], Array]:
    """Every interpolation of values (time,), NaN = missing: by its name and period.

    "linear" and "curve" are of the values themselves. "seasonal" is linear after the mean shape of
    a season, "near" after that of the seasons nearby. Those with a period are there where two whole
    seasons are known.
    """
    found = {("linear", 1): interpolated(values), ("curve", 1): _curve(values)}
    count = int((~np.isnan(values)).sum())
    for period in periods:
        if period > 1 and count >= 2 * period:
            seasonal = impute(values, period)
            found["seasonal", period] = seasonal
            found["near", period] = _near(values, seasonal, period)
    return found


def _curve(values: Array) -> Array:
    """A cubic over each gap that goes on with the steps before and behind it (Hermite's form).

    Where such a step is not known, it is that of the straight line. Missing ends repeat the nearest
    value.
    """
    filled, places = interpolated(values), np.arange(len(values))
    known = ~np.isnan(values)
    before = np.maximum.accumulate(np.where(known, places, -1))  # the known place at or before each
    behind = np.minimum.accumulate(np.where(known, places, len(values))[::-1])[::-1]
    inside = ~known & (before >= 0) & (behind < len(values))
    start, end = before[inside], behind[inside]
    size = (end - start).astype(np.float64)
    at = (places[inside] - start) / size  # 0 to 1
    straight = (values[end] - values[start]) / size
    into = values[start] - values[np.maximum(start - 1, 0)]
    into = np.where(np.isnan(into) | (start == 0), straight, into)
    out = values[np.minimum(end + 1, len(values) - 1)] - values[end]
    out = np.where(np.isnan(out) | (end == len(values) - 1), straight, out)
    rise = at**2 * (3.0 - 2.0 * at)
    bend = at * (1.0 - at) * size * (into * (1.0 - at) - out * at)
    filled[inside] = (1.0 - rise) * values[start] + rise * values[end] + bend
    return filled


def _near(values: Array, filled: Array, period: int) -> Array:
    """Linear after a local shape: what the same phase was above its level, in the seasons around.

    Seasons count by the inverse of their distance, where the value was known.
    """
    rest = np.where(np.isnan(values), np.nan, filled - moving_average(filled, period))
    padded = np.pad(rest, _NEAR * period, constant_values=np.nan)
    total, weights = np.zeros((2, len(values)))
    for distance in range(-_NEAR, _NEAR + 1):
        if distance:
            start = (_NEAR + distance) * period
            there = padded[start : start + len(values)]
            known = ~np.isnan(there)
            weights += known / abs(distance)
            total += np.where(known, there, 0.0) / abs(distance)
    shape = total / np.maximum(weights, 1e-9)
    return np.where(np.isnan(values), interpolated(values - shape) + shape, values)


@dataclass
class UsualErrors:
    """How far each way is off in values (time,), by the length of a gap, found when asked.

    More gaps of that length are made in what is known, read forwards and backwards.
    """

    values: Array
    periods: Sequence[int]
    _found: dict[int, dict[tuple[str, int], float]] = field(default_factory=dict)

    def of(self, length: int) -> dict[tuple[str, int], float]:
        """The standard deviation of the error of each way, from its mean size.

        Of a long gap, that of the longest power of two in it, so that few lengths are tried. Ways
        that cannot be told are left out.
        """
        length = 1 << (length.bit_length() - 1)
        if length not in self._found:
            self._found[length] = self._tried(length)
        return self._found[length]

    def _tried(self, length: int) -> dict[tuple[str, int], float]:
        newest = self.values[-MOST_POINTS:]
        errors: dict[tuple[str, int], list[Array]] = {}
        for series in (newest, newest[::-1]):
            for holes in _more_gaps(series, length):
                made = np.isnan(holes) & ~np.isnan(series)
                for way, filled in ways(holes, self.periods).items():
                    errors.setdefault(way, []).append(np.abs(filled - series)[made])
        sizes = {way: np.concatenate(each) for way, each in errors.items()}
        return {
            way: _DEVIATION * float(each.mean())
            for way, each in sizes.items()
            if len(each) >= _FEWEST
        }


def _more_gaps(series: Array, length: int) -> Iterator[Array]:
    """Copies of a series without some blocks of `length`; over all copies, half of the blocks.

    The first and the last value are kept, so that every gap has two ends.
    """
    starts = np.arange(1, len(series) - length, length)
    for first in range(0, _SHARE, 2):
        holes = series.copy()
        for start in starts[first::_SHARE]:
            holes[start : start + length] = np.nan
        if len(starts[first::_SHARE]) and (~np.isnan(holes)).sum() >= _FEWEST:
            yield holes
