"""The logistic function, for tasks that answer chances. Knows numbers only."""

from typing import Any

import numpy as np
import numpy.typing as npt


def logistic(logits: npt.NDArray[np.floating[Any]] | float) -> npt.NDArray[np.float64]:
    """Logits of any shape -> chances of the same shape, 0 to 1, without overflow."""
    chances: npt.NDArray[np.float64] = 0.5 * (1.0 + np.tanh(0.5 * np.asarray(logits, np.float64)))
    return chances
