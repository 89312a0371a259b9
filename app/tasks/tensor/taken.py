"""Which whole numbers a graph has taken, so that rows it may refuse share no batch with others.

Knows arrays; not what they mean. A graph that looks numbers up in a table (token ids) refuses those
beyond it, with the whole batch, which must then be computed again row by row. What is beyond the
table only the graph knows: so for some time after a refusal, numbers that it is not known to take
are computed apart. It is a guess that costs time when it is wrong, and changes no answer.
"""

import time
from collections.abc import Mapping
from typing import Any, Final
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt

from app.serving.runtime.session import Session

Array = npt.NDArray[Any]
_WARY_SECONDS: Final = 60.0  # after a refusal


class Taken:
    """Of one graph. Threads may share it."""

    def __init__(self) -> None:
        self._wary_until = 0.0
        self._ranges: dict[str, tuple[int, int]] = {}  # smallest and largest, by input

    @property
    def wary(self) -> bool:
        """Whether something was refused of late."""
        return time.monotonic() < self._wary_until

    def refused(self) -> None:
        """The graph has refused a value."""
        self._wary_until = time.monotonic() + _WARY_SECONDS

    def note(self, inputs: Mapping[str, Array]) -> None:
        """The graph has computed these."""
        for name, (low, high) in _extremes(inputs).items():
            known = self._ranges.get(name)
            if known is None or low < known[0] or high > known[1]:
                both = (low, high) if known is None else (min(low, known[0]), max(high, known[1]))
                self._ranges[name] = both

    def is_doubtful(self, inputs: Mapping[str, Array]) -> bool:
        """Whether the graph may refuse these: it was never seen to take such numbers."""
        for name, (low, high) in _extremes(inputs).items():
            known = self._ranges.get(name)
            if known is None or low < known[0] or high > known[1]:
                return True
        return False


def taken_by(session: Session) -> Taken:
    """What the session's graph has taken; the workers of a version share its sessions."""
    return _taken.setdefault(session, Taken())


_taken: Final[WeakKeyDictionary[Session, Taken]] = WeakKeyDictionary()


def _extremes(inputs: Mapping[str, Array]) -> dict[str, tuple[int, int]]:
    """Smallest and largest number of each input of whole numbers."""
    return {
        name: (int(np.min(array)), int(np.max(array)))
        for name, array in inputs.items()
        if array.dtype.kind in "iu" and array.size
    }
