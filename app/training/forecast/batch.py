"""Windows as arrays, and some of them as a batch; knows no network and not how they were cut."""

from dataclasses import dataclass, fields, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Batch:
    """context (n, time, features) left-aligned, lengths (n,), future (n, horizon, features), target
    (n, horizon ...) as the network answers it with NaN where nothing is known.

    What else a kind of window has is (n, ...), and (n, time, ...) if its name begins as `context`.
    """

    context: Floats
    lengths: NDArray[np.int64]
    future: Floats
    target: Floats

    def take(self, rows: NDArray[np.int64]) -> Self:
        """Those of `rows`, no longer than the longest of them."""
        longest = int(self.lengths[rows].max())
        taken = {}
        for field in fields(self):
            array = getattr(self, field.name)
            timed = field.name.startswith("context")
            taken[field.name] = array[rows, :longest] if timed else array[rows]
        return replace(self, **taken)

    def __len__(self) -> int:
        return len(self.lengths)
