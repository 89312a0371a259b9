"""Makes stated probabilities hold on texts that were not trained on; knows logits only."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def temperature(groups: Sequence[tuple[Array, NDArray[np.int64]]]) -> float:
    """The one number that logits are to be divided by.

    Each group is the logits (texts, classes) and the right classes (texts,) of one source; the
    temperature makes the sum of their mean negative log-likelihoods least, so that no source
    drowns another (Guo et al. 2017, "On Calibration of Modern Neural Networks", section 4.2).
    Found to a part in a hundred between 0.2 and 5.
    """
    grid = np.exp(np.linspace(np.log(0.2), np.log(5.0), 323))
    losses = [sum(_loss(logits / t, labels) for logits, labels in groups) for t in grid]
    return float(grid[int(np.argmin(losses))])


def _loss(logits: Array, labels: NDArray[np.int64]) -> float:
    shifted = logits - logits.max(axis=1, keepdims=True)
    log_sum = np.log(np.exp(shifted).sum(axis=1))
    return float((log_sum - shifted[np.arange(len(labels)), labels]).mean())
