"""How unusual a value is, against how far values lay before. Knows numbers, no network.

Four distances are watched: of a value from what was foretold, of a value from its usual level, of
the last values together from what was foretold of them, and of these from the values a season ago.
Each has a tail of its own: the distance that one value in a hundred exceeds, and beyond it a Pareto
tail with the index of Hill (1975, "A simple general approach to inference about the tail of a
distribution"); both follow the series (a streaming peaks over threshold as in Siffer et al. 2017,
"Anomaly detection in streams with extreme value theory"). So a series that is often far off is
seldom surprising, the idea of the anomaly likelihood of Lavin and Ahmad (2015, "Evaluating
real-time anomaly detection algorithms", section 2.3).

A distance counts fully only where it is a record, larger by a tenth than any that is remembered:
what a series has done before is no news. In the wake of a surprise only a larger one counts fully.
"""

import math
from typing import Final

LEAST_KNOWN: Final = 10  # values before the first score
WARM_UP: Final = 200  # values before a score counts fully
_CAUTION: Final = 3.0  # powers of ten that a score loses for each tenth of a warm-up
_BEGINNING: Final = 10  # values whose records are soon forgotten
_SETTLED: Final = 60  # values before the index of a tail is learned
_DISTANCES: Final = 4
_SHARE: Final = 0.01  # of the distances lie in the tail
_EDGE: Final = -math.log10(_SHARE)  # powers of ten where the tail begins
_MEMORY: Final = 10_000.0  # values that tails, records and scale remember, about
_USUAL_INDEX: Final = 0.35  # of a tail of which little is known
_USUAL_WEIGHT: Final = 10.0  # exceedances that this counts as
_LARGEST: Final = 5.0  # logarithm of an exceedance, at most
_LEAST: Final = 0.03  # of the scale; a distance below it is none
_OUTLIER: Final = 10.0  # scales that a value counts at most in the scale
_LEVEL: Final = 300.0  # values in the usual level
_TOGETHER: Final = 0.08  # smoothing of the errors of the last values
_RECORD: Final = math.log(1.1)  # a record is larger by this
_KNOWN: Final = 0.5  # what a distance counts that is no record, or that is in a wake
_WAKE: Final = 350.0  # values in which only a larger surprise counts
_MARGIN: Final = 0.5  # by how much larger, in powers of ten
_MOST: Final = 15.0  # powers of ten
_HEAD: Final = 9  # numbers before the tails
_TAIL: Final = 4  # numbers of a tail: logarithms of its edge and record, exceedances, their weight
_PER_POWER: Final = math.log(10.0)
NUMBERS: Final = _HEAD + _TAIL * _DISTANCES  # that a Surprise knows
_FIRST: Final = [0.0] * _HEAD + [-math.inf, -math.inf, 0.0, 0.0] * _DISTANCES


class Surprise:
    """The distances of one series up to its last value."""

    __slots__ = ("numbers",)

    def __init__(self, numbers: list[float] | None = None) -> None:
        """`numbers` of another one go on from there; without them nothing was seen yet.

        Raises ValueError for a list of another length.
        """
        self.numbers = _FIRST.copy() if numbers is None else numbers
        if len(self.numbers) != NUMBERS:
            raise ValueError(f"{len(self.numbers)} numbers are no surprise of {NUMBERS}")

    def copy(self) -> "Surprise":
        """The same, which goes on by itself."""
        return Surprise(self.numbers[:])

    def take(self, value: float, expected: float, before: float | None = None) -> float:
        """How unusual `value` is where `expected` was foretold: 0 to 1, 1 for never seen before.

        0.99 is a distance that one value in a hundred exceeds. before: the value a season ago, or
        some hundreds of values ago where there is no season; None if there is none.
        """
        numbers = self.numbers
        count, level, scale, moved, last, together, drift, wake, largest = numbers[:_HEAD]
        if count == 0:
            level = last = value
        count += 1.0
        share = 1.0 / count
        slow = max(share, 1.0 / _MEMORY)
        away, error = abs(value - level), value - expected
        # One outlier must not hide what comes after it.
        most = min(away, _OUTLIER * scale) if count > _BEGINNING else away
        scale += slow * (most - scale)
        level += max(share, 1.0 / _LEVEL) * (value - level)
        moved += slow * (abs(value - last) - moved)
        together += _TOGETHER * (error - together)
        least = math.log(_LEAST * max(scale, moved) + 1e-9 * abs(level) + 1e-200)
        total = _powers(numbers, _HEAD, abs(error), least, count) ** 2
        total += _powers(numbers, _HEAD + _TAIL, away, least, count) ** 2
        total += _powers(numbers, _HEAD + 2 * _TAIL, abs(together), least, count) ** 2
        if before is not None:
            drift += _TOGETHER * (value - before - drift)
            total += _powers(numbers, _HEAD + 3 * _TAIL, abs(drift), least, count) ** 2
        found = min(math.sqrt(total), _MOST) if count > LEAST_KNOWN else 0.0
        if count < WARM_UP:
            found = max(found - _CAUTION * math.log10(WARM_UP / count), 0.0)
        wake = max(wake - 1.0, 0.0)
        if wake == 0:
            largest = 0.0
        if found > 0 and (largest == 0 or found > largest + _MARGIN):
            largest, wake = found, _WAKE
        else:
            found *= _KNOWN
        numbers[:_HEAD] = count, level, scale, moved, value, together, drift, wake, largest
        return 1.0 - math.pow(10.0, -found)


def _powers(numbers: list[float], at: int, distance: float, least: float, count: float) -> float:
    """Minus the decimal logarithm of how many distances are larger, 0 outside the tail, and half
    of it where it is no record. The tail at `at` then knows `distance`.

    least: the logarithm of the least distance that counts.
    """
    far = math.log(distance) if distance > 0 else least
    if far < least:
        far = least
    edge, record, exceeded, weight = numbers[at : at + _TAIL]
    found = 0.0
    if edge == -math.inf:
        edge = far if count > 1 else edge
    else:
        beyond = far - edge
        rate = max(10.0 / (count + 20.0), 0.01)
        if beyond > 0:
            index = (exceeded + _USUAL_INDEX * _USUAL_WEIGHT) / (weight + _USUAL_WEIGHT)
            found = _EDGE + beyond / index / _PER_POWER
            if far <= record + _RECORD:
                found *= _KNOWN
            if count > _SETTLED:  # before, the edge is on its way to where it belongs
                exceeded += min(beyond, _LARGEST)
                weight += 1.0
            edge += rate * (1.0 - _SHARE)
        else:
            edge -= rate * _SHARE
        edge = max(edge, least)
    record = max(record - (1.0 / _MEMORY if count > _BEGINNING else 0.1), far)
    keep = 1.0 - 1.0 / _MEMORY
    numbers[at : at + _TAIL] = edge, record, exceeded * keep, weight * keep
    return found
