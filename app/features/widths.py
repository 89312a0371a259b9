"""How much wider or narrower the intervals of one series must be. Knows numbers, no network.

Adaptive conformal inference (Gibbs and Candes 2021, "Adaptive conformal inference under
distribution shift", section 2) on the logarithm of the width, below and above the median by
themselves: a value outside widens its side, one inside narrows it a little, so that in the long run
the share outside is what it should be, whatever the series does.
"""

import math
from typing import Final

_RATE: Final = 0.05  # of the logarithm of a width, a value
_MOST: Final = 3.0  # logarithm of a width


class Widths:
    """Logarithms of what distances below and above the median are multiplied by."""

    __slots__ = ("above", "below")

    def __init__(self, below: float = 0.0, above: float = 0.0) -> None:
        self.below, self.above = below, above

    def copy(self) -> "Widths":
        """The same, which goes on by itself."""
        return Widths(self.below, self.above)

    def take(
        self, value: float, lower: float, upper: float, share_below: float, share_above: float
    ) -> None:
        """Learn from `value`, of which `lower` and `upper` were foretold.

        share_below, share_above: of the values that should lie outside them.
        """
        below = self.below + _RATE * ((1.0 if value < lower else 0.0) - share_below)
        above = self.above + _RATE * ((1.0 if value > upper else 0.0) - share_above)
        self.below = min(max(below, -_MOST), _MOST)
        self.above = min(max(above, -_MOST), _MOST)

    @property
    def factors(self) -> tuple[float, float]:
        """What distances below and above the median are multiplied by."""
        return math.exp(self.below), math.exp(self.above)
