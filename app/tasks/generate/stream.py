"""A text that goes on from request to request, its state as bytes. Knows arrays; no store.

stream = TextStream(task)
example = task.encode_on(stream.read(stream.first), "abc", max_length=10)
...                                        # the engine runs it
state = stream.packed(prediction.end)
"""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from app.tasks.generate.run import TextState
from app.tasks.generate.task import GRAPH, GenerateTask

Array = npt.NDArray[Any]
_HEAD: Final = np.dtype(np.int64)
# The numbers of a state, by the names that a sealed one gives them.
_NUMBERS: Final = ("last", "seed", "drawn")


class TextStream:
    """The states of one language model. An instance does not change."""

    can_be_fed_again: Final = True

    def __init__(self, task: GenerateTask) -> None:
        self.task = task
        self.file = GRAPH
        self._initial = task.first_state().states

    @property
    def first(self) -> bytes:
        """A state before the first unit; each has random numbers of its own."""
        return self.packed(self.task.first_state())

    def packed(self, state: TextState) -> bytes:
        """A state as bytes."""
        head = np.array([state.last, state.seed, state.drawn], _HEAD)
        return b"".join([head.tobytes(), *(state.states[each].tobytes() for each in self._initial)])

    def read(self, content: bytes) -> TextState:
        """What `packed` has made. Raises ValueError for bytes of another size."""
        arrays = self._arrays(content)
        last, seed, drawn = (int(arrays.pop(name)[0]) for name in _NUMBERS)
        if not 0 <= last < len(self.task.units):
            raise ValueError(f"there is no unit {last}")
        return TextState(last, arrays, seed, drawn)

    def tensors_of(self, state: bytes) -> dict[str, Array]:
        """The parts by name, as a sealed state has them. Raises ValueError."""
        return self._arrays(state)

    def state_from(self, tensors: Mapping[str, Array]) -> bytes:
        """The same as bytes. Raises ValueError for states of another graph."""
        known = self._arrays(self.first)
        for name, first in known.items():
            array = tensors.get(name)
            if array is None or (array.dtype, array.shape) != (first.dtype, first.shape):
                raise ValueError(f"there is no state {name} {list(first.shape)} of {first.dtype}")
        if len(tensors) != len(known):
            raise ValueError(f"there are {len(tensors)} states, not {len(known)}")
        content = b"".join([tensors[name].tobytes() for name in known])
        self.read(content)
        return content

    def _arrays(self, content: bytes) -> dict[str, Array]:
        at, found = len(_NUMBERS) * _HEAD.itemsize, dict[str, Array]()
        size = at + sum(each.nbytes for each in self._initial.values())
        if len(content) != size:
            raise ValueError(f"{len(content)} bytes are no state of {size} bytes")
        for place, name in enumerate(_NUMBERS):
            found[name] = np.frombuffer(content, _HEAD, 1, place * _HEAD.itemsize)
        for name, first in self._initial.items():
            found[name] = np.frombuffer(content, first.dtype, first.size, at).reshape(first.shape)
            at += first.nbytes
        return found


def numbers_of(content: bytes) -> tuple[int, int]:
    """(seed, drawn) of a state of any language model."""
    _, seed, drawn = np.frombuffer(content, _HEAD, len(_NUMBERS)).tolist()
    return seed, drawn
