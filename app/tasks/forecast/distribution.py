"""The distribution of a step, from its quantiles: expected value and bounds. Knows no network.

Between two levels a quantile is linear in the normal deviate of its level, on the scale of the
network; beyond the outermost levels it goes on as between the last two (`features.quantiles`).
That is a whole distribution, and this file is the one place that integrates over it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from app.errors import InvalidInput
from app.features.quantiles import interpolate

Array = NDArray[np.float64]

_NORMAL = NormalDist()
# Deviates beyond are left out: one value in 16,000 on either side. A logarithmic scale has no
# expected value that is worth a name once such values are let grow without end.
_REACH = 4.0
_POINTS = 4  # of Gauss and Legendre in each piece
_FINE_POINTS = 24  # the same where values are whole numbers, which makes steps of the curve


@dataclass(frozen=True)
class Bounds:
    """What values can be: from `minimum` to `maximum`, both possible, and whole or not."""

    minimum: float = -np.inf
    maximum: float = np.inf
    integer: bool = False

    @classmethod
    def of(cls, minimum: float | None, maximum: float | None, integer: bool) -> "Bounds":
        """Raises InvalidInput where no value is possible."""
        low = -np.inf if minimum is None else float(minimum)
        high = np.inf if maximum is None else float(maximum)
        if integer:
            low, high = float(np.ceil(low)), float(np.floor(high))
        if low > high:
            kind = "whole number" if integer else "value"
            raise InvalidInput(
                f"no {kind} lies from {minimum} to {maximum}",
                field="maximum",
                allowed="minimum at most maximum, and a possible value between them",
            )
        return cls(low, high, integer)

    def apply(self, values: Array) -> Array:
        """The possible values next to `values`, any shape; order is kept."""
        if self.integer:
            values = np.rint(values)
        return np.clip(values, self.minimum, self.maximum)


@dataclass(frozen=True)
class Nodes:
    """Normal deviates (nodes,) and what each weighs in an expected value; weights add up to 1."""

    deviates: Array
    weights: Array


def nodes(levels: Sequence[float], *, fine: bool = False) -> Nodes:
    """Nodes for quantiles at `levels`, increasing: Gauss and Legendre between each two of them."""
    inner = [_NORMAL.inv_cdf(level) for level in levels]
    edges = [edge for edge in inner if abs(edge) < _REACH]
    middle = [(end + edge) / 2 for end, edge in ((-_REACH, edges[0]), (_REACH, edges[-1]))]
    edges = [-_REACH, middle[0], *edges, middle[1], _REACH]
    at, share = np.polynomial.legendre.leggauss(_FINE_POINTS if fine else _POINTS)
    left, right = np.array(edges[:-1])[:, None], np.array(edges[1:])[:, None]
    deviates = ((left + right) / 2 + (right - left) / 2 * at).ravel()  # (pieces * points,)
    density = np.exp(-(deviates**2) / 2)
    weights = ((right - left) / 2 * share).ravel() * density
    return Nodes(deviates, weights / weights.sum())


def mean_weights(levels: Sequence[float]) -> Array:
    """Weights (levels,) that make the expected value out of quantiles on a linear scale."""
    grid, known = nodes(levels), np.array([_NORMAL.inv_cdf(level) for level in levels])
    weights: Array = interpolate(np.eye(len(levels)), known, grid.deviates) @ grid.weights
    return weights
