"""How unusual a value is, against how far values lay of late. Knows numbers, no network.

Four distances are watched: of a value from what was foretold, of a value from its usual level, of
the last values together from what was foretold of them, and of these from the values a season ago.
Each has a tail of its own: the distance that one value in twenty exceeds, and beyond it a Pareto
tail with the index of Hill (1975, "A simple general approach to inference about the tail of a
distribution"); both follow the series (a streaming peaks over threshold as in Siffer et al. 2017,
"Anomaly detection in streams with extreme value theory"). So a series that is often far off is
seldom surprising, the idea of the anomaly likelihood of Lavin and Ahmad (2015, "Evaluating
real-time anomaly detection algorithms", section 2.3). In the wake of a surprise only a larger one
counts.
"""

import math
from typing import Final

LEAST_KNOWN: Final = 30  # values before the first score
_SETTLED: Final = 60  # values before the index of a tail is learned
_DISTANCES: Final = 4
_SHARE: Final = 0.05  # of the distances lie in the tail
_MEMORY: Final = 2000.0  # values that tails and scale remember, about
_USUAL_INDEX: Final = 0.35  # of a tail of which little is known
_USUAL_WEIGHT: Final = 10.0  # exceedances that this counts as
_LARGEST: Final = 5.0  # logarithm of an exceedance, at most
_LEVEL: Final = 300.0  # values in the usual level
_TOGETHER: Final = 0.1  # smoothing of the errors of the last values
_WAKE: Final = 400.0  # values in which only a larger surprise counts
_MARGIN: Final = 0.3  # by how much larger, in powers of ten
_ECHO: Final = 1.0  # powers of ten, at most, of all others
_MOST: Final = 15.0  # powers of ten
_HEAD: Final = 9  # numbers before the tails
_NUMBERS: Final = _HEAD + 3 * _DISTANCES


class Surprise:
    """The distances of one series up to its last value."""

    __slots__ = ("numbers",)

    def __init__(self, numbers: list[float] | None = None) -> None:
        """`numbers` of another one go on from there; without them nothing was seen yet.

        Raises ValueError for a list of another length.
        """
        self.numbers = [0.0] * _NUMBERS if numbers is None else numbers
        if len(self.numbers) != _NUMBERS:
            raise ValueError(f"{len(self.numbers)} numbers are no surprise of {_NUMBERS}")

    def take(self, value: float, expected: float, before: float | None = None) -> float:
        """How unusual `value` is where `expected` was foretold: 0 to 1, 1 for never seen before.

        0.99 is a distance that one value in a hundred exceeds. before: the value a season ago, or
        some hundreds of values ago where there is no season; None if there is none.
        """
        count, level, scale, moved, last, together, drift, wake, largest = self.numbers[:_HEAD]
        tails = self.numbers[_HEAD:]
        if count == 0:
            level = last = value
        count += 1.0
        slow = max(1.0 / count, 1.0 / _MEMORY)
        away, error = abs(value - level), value - expected
        # One outlier must not hide what comes after it.
        most = away if count < LEAST_KNOWN else min(away, 10.0 * scale)
        scale += slow * (most - scale)
        level += max(1.0 / count, 1.0 / _LEVEL) * (value - level)
        moved += slow * (abs(value - last) - moved)
        together += _TOGETHER * (error - together)
        least = 1e-3 * max(scale, moved) + 1e-9 * abs(level) + 1e-200
        total = 0.0
        distances = [abs(error), away, abs(together)]
        if before is not None:
            drift += _TOGETHER * (value - before - drift)
            distances.append(abs(drift))
        for at, distance in enumerate(distances):
            powers = _powers(tails, 3 * at, distance)
            _follow(tails, 3 * at, distance, least, count)
            total += powers * powers
        found = min(math.sqrt(total), _MOST) if count > LEAST_KNOWN else 0.0
        wake = max(wake - 1.0, 0.0)
        if wake == 0:
            largest = 0.0
        if found > largest + _MARGIN or (largest == 0 and found > 0):
            largest, wake = found, _WAKE
        else:
            found = min(0.5 * found, _ECHO)
        self.numbers = [
            *(count, level, scale, moved, value, together, drift, wake, largest),
            *tails,
        ]
        return 1.0 - math.pow(10.0, -found)


def _powers(tails: list[float], at: int, distance: float) -> float:
    """Minus the decimal logarithm of how many distances are larger; 0 outside the tail."""
    edge, exceeded, weight = tails[at : at + 3]
    if edge <= 0 or distance <= edge:
        return 0.0
    index = (exceeded + _USUAL_INDEX * _USUAL_WEIGHT) / (weight + _USUAL_WEIGHT)
    return -math.log10(_SHARE) + math.log10(distance / edge) / index


def _follow(tails: list[float], at: int, distance: float, least: float, count: float) -> None:
    """Move the edge of a tail towards the share that it should have, and learn its index."""
    edge, exceeded, weight = tails[at : at + 3]
    if edge <= 0:
        tails[at] = max(distance, least) if count > 1 else 0.0
        return
    rate = 0.5 * max(20.0 / (count + 20.0), 0.02)
    keep = 1.0 - 1.0 / _MEMORY
    if distance > edge:
        if count > _SETTLED:  # before, the edge is on its way to where it belongs
            exceeded += min(math.log(distance / edge), _LARGEST)
            weight += 1.0
        edge *= math.exp(rate * (1.0 - _SHARE))
    else:
        edge *= math.exp(-rate * _SHARE)
    tails[at : at + 3] = max(edge, least), exceeded * keep, weight * keep
