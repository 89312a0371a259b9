"""How much each part of a classifier counts, and how sure it may be. Knows logits only."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

Array = NDArray[np.float64]
Group = tuple[Sequence[Array], NDArray[np.int64]]
"""Of one source the logits (texts, classes) of every part, and the right classes (texts,).

Where a text may have several labels, these are (texts, classes) of 1 and 0."""


def blend(groups: Sequence[Group]) -> tuple[float, ...]:
    """The factor of each part: the logits of a text are the sum of its parts times these.

    They make the sum over the sources of the mean negative log-likelihood least, so that no
    source drowns another. With one part that is temperature scaling (Guo et al. 2017, "On
    Calibration of Modern Neural Networks", section 4.2), with several it also says how much each
    is to be believed (stacking: Wolpert 1992). Choose them on texts that no part has learned.
    """
    parts = len(groups[0][0])

    def loss(factors: Array) -> float:
        return sum(_loss(combine(logits, factors), labels) for logits, labels in groups)

    found = minimize(loss, np.ones(parts), method="L-BFGS-B", bounds=[(0.0, 20.0)] * parts)
    return tuple(float(factor) for factor in found.x)


def combine(logits: Sequence[Array], factors: Sequence[float] | Array) -> Array:
    """The sum of (texts, classes) logits times their factors."""
    total: Array = np.sum([f * each for f, each in zip(factors, logits, strict=True)], axis=0)
    return total


def _loss(logits: Array, labels: NDArray[np.int64]) -> float:
    if labels.ndim == 2:  # each label by itself
        return float((np.logaddexp(0.0, logits) - labels * logits).mean())
    shifted = logits - logits.max(axis=1, keepdims=True)
    log_sum = np.log(np.exp(shifted).sum(axis=1))
    return float((log_sum - shifted[np.arange(len(labels)), labels]).mean())
