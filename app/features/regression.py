"""Ridge regression for many strengths at the price of one. Knows arrays, not what they mean.

Hoerl and Kennard (1970), "Ridge regression: biased estimation for nonorthogonal problems",
Technometrics 12(1). A few lines of linear algebra: a library for it would weigh more in the
image of the service than everything else that forecasts.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_SMALL = 1e-9  # of the largest deviation: a column that moves less is constant


@dataclass(frozen=True)
class Line:
    """Predicts rows of targets (rows, targets) from rows of columns (rows, columns)."""

    centre: Array
    weights: Array  # (columns, targets)
    intercept: Array

    def __call__(self, columns: Array) -> Array:
        answer: Array = self.intercept + (columns - self.centre) @ self.weights
        return answer


@dataclass(frozen=True)
class Ridge:
    """Columns and targets, taken apart once; `line` solves for one strength."""

    centre: Array
    scale: Array
    intercept: Array
    values: Array  # eigenvalues of the correlations of the columns
    vectors: Array
    projected: Array

    @classmethod
    def of(cls, columns: Array, targets: Array) -> Self:
        """columns (rows, columns), targets (rows, targets), both finite; one row at least."""
        centre, intercept = columns.mean(axis=0), targets.mean(axis=0)
        deviation = columns.std(axis=0)
        still = deviation <= _SMALL * (np.abs(centre) + deviation.max(initial=0.0))
        scale = np.where(still | (deviation == 0), np.inf, deviation)
        scaled = (columns - centre) / scale  # a constant column becomes 0 and has no weight
        values, vectors = np.linalg.eigh(scaled.T @ scaled / len(columns))
        products = scaled.T @ (targets - intercept) / len(columns)
        return cls(centre, scale, intercept, values, vectors, vectors.T @ products)

    def line(self, strength: float) -> Line:
        """The least squares line with a penalty of `strength` (> 0) on its squared weights.

        In units of the variances of columns, which are all 1 here: at 1 the weight of a column
        that stands alone is halved.
        """
        solved = self.vectors @ (
            self.projected / (np.maximum(self.values, 0.0) + strength)[:, None]
        )
        return Line(self.centre, solved / self.scale[:, None], self.intercept)
