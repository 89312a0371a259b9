"""Puts sequences of different lengths into one array; knows nothing of what they mean."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray


def pad(sequences: Sequence[NDArray[Any]]) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """Sequences (time, ...) -> zeros-padded (batch, longest time, ...), lengths (batch,) int64.

    Of one sequence the first is a view.
    """
    lengths = np.array([len(s) for s in sequences], dtype=np.int64)
    first = sequences[0]
    if len(sequences) == 1:
        return first[None], lengths
    padded = np.zeros((len(sequences), int(lengths.max()), *first.shape[1:]), dtype=first.dtype)
    for row, sequence in zip(padded, sequences, strict=True):
        row[: len(sequence)] = sequence
    return padded, lengths
