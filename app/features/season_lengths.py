"""Lengths of seasons that a running series can follow. Knows values, no state."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

LONGEST_SEASON: Final = 2048  # steps; a longer one is not followed


def bounded(season: int) -> int:
    """The season, or 1 for none if it is too long to be followed."""
    return season if 1 <= season <= LONGEST_SEASON else 1


def nearest(values: NDArray[np.float64], season: int) -> int:
    """Of a season and those a step shorter and longer the one whose values (time,) are most alike.

    A season that is looked for in noise may be a step off.
    """
    if season < 3 or len(values) < 2 * season + 2:
        return season
    return min(
        (season, season - 1, season + 1),
        key=lambda lag: float(np.abs(values[lag:] - values[:-lag]).mean()),
    )
