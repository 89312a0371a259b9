"""Values against what was foretold of them, one after the other. Knows arrays, no network."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from app.features.surprise import Surprise
from app.features.widths import Widths
from app.tasks.anomalies.values import AnomalyExample

Array = NDArray[np.float64]
_OUTSIDE: Final = 0.1  # of the values, on each side of the interval that sets the widths


@dataclass(frozen=True, slots=True)
class Interval:
    """Places of the median and of both ends among the levels, and the shares outside the ends."""

    places: list[int]
    below: float
    above: float

    @classmethod
    def of(cls, levels: Sequence[float]) -> Self:
        """The one whose ends are nearest to 0.1 and 0.9; 0.5 is among the levels."""
        lower = min(range(len(levels)), key=lambda at: abs(levels[at] - _OUTSIDE))
        upper = min(range(len(levels)), key=lambda at: abs(levels[at] - (1.0 - _OUTSIDE)))
        return cls([levels.index(0.5), lower, upper], levels[lower], 1.0 - levels[upper])


def scored(
    example: AnomalyExample, coming: Array, interval: Interval, surprise: Surprise, widths: Widths
) -> tuple[Array, Array]:
    """Scores (time,), and the factors of the widths after each value (time, 2).

    coming (time, levels): what is foretold after each value, before its width is set. surprise
    and widths are those before the values, and afterwards those after them.
    """
    scores, factors = np.zeros(example.length), []
    began = example.before.running.known > 0
    guess = low = high = math.nan
    if began:
        guess, low, high = example.before.foretold[interval.places].tolist()
    columns = (
        example.values.tolist(),
        example.earlier.tolist(),
        coming[:, interval.places].tolist(),
    )
    for i, (value, ago, [center, left, right]) in enumerate(zip(*columns, strict=True)):
        if value == value:  # no NaN
            if began:
                scores[i] = surprise.take(value, guess, ago if ago == ago else None)
                widths.take(value, low, high, interval.below, interval.above)
            began = True
        less, more = widths.factors
        factors.append((less, more))
        guess = center
        low, high = center + (left - center) * less, center + (right - center) * more
    return scores, np.array(factors).reshape(-1, 2)


def widened(values: Array, factors: Array, middle: int) -> Array:
    """Quantiles (rows, levels) with distances from the median times `factors` (rows, 2)."""
    center = values[:, middle, None]
    distance = values - center
    found: Array = center + distance * np.where(distance < 0, factors[:, :1], factors[:, 1:])
    return found
