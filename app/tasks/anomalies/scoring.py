"""Values against what was foretold of them, one after the other. Knows numbers, no network.

Numbers are taken one by one, and not as arrays: most requests bring one value, and an operation on
a small array takes as long as twenty on numbers.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Self

from app.features.quantiles import Between, stretch_row
from app.features.surprise import Surprise
from app.features.widths import Widths
from app.tasks.anomalies.values import AnomalyExample

_OUTSIDE: Final = 0.1  # of the values, on each side of the interval that sets the widths


@dataclass(frozen=True, slots=True)
class Levels:
    """Where levels lie among those of the graph, and how far their distances are stretched.

    middle, lower, upper: places of the median and of the interval that sets the widths. below and
    above: shares outside it. factors (levels,): of each level's distance from the median.
    """

    middle: int
    lower: int
    upper: int
    below: float
    above: float
    factors: tuple[float, ...]

    @classmethod
    def of(cls, levels: Sequence[float], factors: Sequence[float]) -> Self:
        """With the interval whose ends are nearest to 0.1 and 0.9; 0.5 is among the levels."""
        lower = min(range(len(levels)), key=lambda at: abs(levels[at] - _OUTSIDE))
        upper = min(range(len(levels)), key=lambda at: abs(levels[at] - (1.0 - _OUTSIDE)))
        middle = levels.index(0.5)
        return cls(middle, lower, upper, levels[lower], 1.0 - levels[upper], tuple(factors))


@dataclass(slots=True)
class Scored:
    """What is answered of values, a place a value; NaN where nothing had been foretold.

    foretold (levels,): of the value that comes next; None before the first known one.
    """

    surprise: Surprise
    widths: Widths
    foretold: list[float] | None
    scores: list[float] = field(default_factory=list)
    expected: list[float] = field(default_factory=list)
    quantiles: list[list[float]] = field(default_factory=list)


def scored(
    example: AnomalyExample, coming: list[list[float]], levels: Levels, wanted: Between
) -> Scored:
    """coming (time, levels): what the network foretells after each value, in units from it.

    wanted: the quantiles that are answered.
    """
    before = example.before
    found = Scored(before.surprise.copy(), before.widths.copy(), before.foretold)
    take, learn = found.surprise.take, found.widths.take
    middle, lower, upper = levels.middle, levels.lower, levels.upper
    foretold = before.foretold
    for value, ago, last, unit, row in zip(
        example.values, example.earlier, example.last, example.units, coming, strict=True
    ):
        known, score = value == value, 0.0  # no NaN
        if foretold is None:
            found.expected.append(math.nan)
            found.quantiles.append(wanted.nothing)
        else:
            found.expected.append(foretold[middle])
            found.quantiles.append(wanted.of_row(foretold))
            if known:
                score = take(value, foretold[middle], ago)
                learn(value, foretold[lower], foretold[upper], levels.below, levels.above)
        found.scores.append(score)
        if known or foretold is not None:
            less, more = found.widths.factors
            stretched = stretch_row(row, levels.factors, middle)
            foretold = widened([last + each * unit for each in stretched], less, more, middle)
    found.foretold = foretold
    return found


def widened(row: list[float], less: float, more: float, middle: int) -> list[float]:
    """Quantiles (levels,) with distances from the median times `less` below and `more` above."""
    center = row[middle]
    distances = [each - center for each in row]
    return [center + each * (less if each < 0 else more) for each in distances]
