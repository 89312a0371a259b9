"""Takes steps of a graph from a state that is kept as bytes. Knows arrays and axes; no store.

A stream is one row of a graph that streams. Its steps lie along the time axis. A graph without a
time axis takes one step at a time; there they lie along the batch axis, and are taken one by one.

    graph = StreamGraph(task)
    steps = graph.read(arrays)                 # checks them; steps.count
    state = graph.first
    for example in graph.examples(state, steps, outputs): ...
"""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

from app.errors import InvalidInput
from app.serving.runtime.datatypes import NUMPY
from app.tasks.tensor.checks import Limits, Sizes
from app.tasks.tensor.features import Tensor
from app.tasks.tensor.rows import stacked, value_of
from app.tasks.tensor.task import TensorExample, TensorPrediction, TensorTask

Array = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class StreamSteps:
    """Steps of one stream.

    arrays: inputs beside states and lengths, of one row or one a step. sizes: those of the arrays.
    """

    arrays: Mapping[str, Array]
    count: int
    sizes: Sizes


class StreamGraph:
    """One graph that streams. An instance does not change."""

    def __init__(self, task: TensorTask) -> None:
        """Raises InvalidInput for a graph that does not stream."""
        features = task.features
        if not features.streams:
            raise InvalidInput(
                f"{task.graph} does not stream: it has no states that are known to go on",
                field="model",
                allowed="a model that was imported with its states, or with --stream",
            )
        self.task = task
        self._states = {name: task.inputs[name] for name in task.initial}
        self._continued = dict(features.states)
        self._data = {
            tensor.name: tensor
            for tensor in features.inputs
            if tensor.name not in features.optional
        }
        self.timed = any(tensor.time_axis is not None for tensor in self._data.values())
        self.outputs = tuple(name for name in task.outputs if name not in features.states.values())
        # Of each state: its elements, and its shape with a batch axis of 1.
        self._layout = [
            (name, first.dtype, first.size, np.expand_dims(first, self._batch_axis(name)).shape)
            for name, first in task.initial.items()
        ]
        self.first = self._packed(task.initial)

    @property
    def compared(self) -> Sequence[str]:
        """Names of what is compared when other weights answer the same steps."""
        return tuple(self.task.outputs)

    def first_again(self, state: bytes) -> bytes:
        """The first state of a stream like one that is in `state`."""
        return self.first

    @property
    def file(self) -> str:
        """The graph's."""
        return self.task.graph

    @property
    def data(self) -> Sequence[Tensor]:
        """The inputs that bring steps: neither states nor lengths."""
        return tuple(self._data.values())

    @property
    def can_be_fed_again(self) -> bool:
        """Whether one step has a fixed size, so that inputs can be kept as bytes."""
        return all(
            tensor.datatype != "BYTES"
            and all(
                isinstance(size, int) or axis in (tensor.batch_axis, tensor.time_axis)
                for axis, size in enumerate(tensor.shape)
            )
            and (tensor.time_axis is not None or not self.timed)
            for tensor in self._data.values()
        )

    def read(self, arrays: Mapping[str, Array], limits: Limits | None = None) -> StreamSteps:
        """Check steps. States are not among them: a stream has its own.

        Lengths may be, if they are the size of the time axis.

        Raises:
            InvalidInput: an input is missing, unknown or wrong, or there are several rows.
        """
        lengths = arrays.get(self.task.features.lengths or "")
        if lengths is not None:
            arrays = {
                name: array for name, array in arrays.items() if name != self.task.features.lengths
            }
        for name in arrays.keys() - self._data.keys():
            if name in self.task.inputs:
                raise InvalidInput(
                    f"{name} belongs to the stream and cannot be sent",
                    field=f"inputs.{name}",
                    allowed=f"only {', '.join(self._data)}",
                )
        sizes = self._sizes(arrays, limits)
        if self.timed and sizes.rows != 1:
            raise InvalidInput(
                f"there are {sizes.rows} rows, and a stream is one",
                field="inputs",
                allowed="a batch axis of 1; steps lie along the time axis",
            )
        if lengths is not None and lengths.tolist() != [sizes.steps]:
            raise InvalidInput(
                f"the length is {lengths.tolist()}, and there are {sizes.steps} steps",
                field=f"inputs.{self.task.features.lengths}",
                allowed="the size of the time axis, or nothing",
            )
        return StreamSteps(arrays, sizes.steps if self.timed else sizes.rows, sizes)

    def example(
        self, state: bytes, steps: StreamSteps, at: int, outputs: Sequence[str]
    ) -> TensorExample:
        """One run from `state`: all steps of a graph with a time axis, else step `at`.

        Raises:
            InvalidInput: there is no such output.
            ValueError: `state` is not as long as the states of this graph.
        """
        arrays, sizes = dict(steps.arrays), steps.sizes
        if not self.timed and steps.count > 1:
            arrays = {name: self._row(name, array, at) for name, array in arrays.items()}
            sizes = self._sizes(arrays)
        arrays |= self._unpacked(state)
        wanted = [*outputs, *(name for name in self._continued.values() if name not in outputs)]
        [example] = self.task.split(arrays, wanted, sizes)
        return example

    def runs(self, steps: StreamSteps) -> int:
        """How many runs it takes."""
        return 1 if self.timed else steps.count

    def state_after(self, prediction: TensorPrediction) -> bytes:
        """The state that a run has led to."""
        return self._packed(
            {name: prediction.value(self._continued[name]) for name in self._states}
        )

    def tensors_of(self, state: bytes) -> dict[str, Array]:
        """The states by name, without the batch axis. Raises ValueError."""
        rows = self._unpacked(state)
        return {
            name: np.squeeze(rows[name], tensor.batch_axis or 0)
            for name, tensor in self._states.items()
        }

    def state_from(self, tensors: Mapping[str, Array]) -> bytes:
        """The same as bytes. Raises ValueError for states of another graph."""
        for name, first in self.task.initial.items():
            array = tensors.get(name)
            if array is None or (array.dtype, array.shape) != (first.dtype, first.shape):
                raise ValueError(f"there is no state {name} {list(first.shape)} of {first.dtype}")
        if len(tensors) != len(self.task.initial):
            raise ValueError(f"there are {len(tensors)} states, not {len(self.task.initial)}")
        return self._packed(tensors)

    def joined(
        self, predictions: Sequence[TensorPrediction], outputs: Sequence[str]
    ) -> dict[str, Array]:
        """The outputs of all runs, with the batch axis."""
        if len(predictions) > 1:
            return {
                name: stacked(self.task.outputs[name], [each.value(name) for each in predictions])
                for name in outputs
            }
        [one] = predictions
        return {name: one.value(name)[self._one_row(self.task.outputs[name])] for name in outputs}

    def packed(self, steps: StreamSteps) -> bytes:
        """The steps as bytes, to be fed again; see `can_be_fed_again`."""
        return b"".join([steps.arrays[name].tobytes() for name in self._data])

    def unpacked(self, content: bytes, count: int) -> StreamSteps:
        """What `packed` has made of `count` steps.

        Raises:
            ValueError: these are no inputs of this graph.
        """
        arrays, at = {}, 0
        for tensor in self._data.values():
            shape = tuple(
                size if isinstance(size, int) else count if axis == self._axis(tensor) else 1
                for axis, size in enumerate(tensor.shape)
            )
            dtype, size = NUMPY[tensor.datatype], prod(shape)
            arrays[tensor.name] = np.frombuffer(content, dtype, size, at).reshape(shape)
            at += size * dtype.itemsize
        if at != len(content):
            raise ValueError(f"{len(content)} bytes are no {count} steps of {at} bytes")
        return StreamSteps(arrays, count, self._sizes(arrays))

    def pieces(self, parts: Sequence[StreamSteps], most: int) -> list[StreamSteps]:
        """The same steps in as few pieces as there can be of `most` steps, or of one part."""
        found: list[list[StreamSteps]] = []
        for part in parts:
            fits = found and sum(each.count for each in found[-1]) + part.count <= most
            if fits and self._shared(found[-1][0]) == self._shared(part):
                found[-1].append(part)
            else:
                found.append([part])
        return [self._joined(each) for each in found]

    def _joined(self, parts: Sequence[StreamSteps]) -> StreamSteps:
        if len(parts) == 1:
            return parts[0]
        arrays = {
            name: parts[0].arrays[name]
            if tensor.batch_axis is None
            else np.concatenate([each.arrays[name] for each in parts], axis=self._axis(tensor))
            for name, tensor in self._data.items()
        }
        return StreamSteps(arrays, sum(each.count for each in parts), self._sizes(arrays))

    def _one_row(self, tensor: Tensor) -> tuple[Any, ...]:
        """The index that gives a row its batch axis."""
        place: list[Any] = [slice(None)] * (tensor.batch_axis or 0)
        return (*place, None)

    def _batch_axis(self, state: str) -> int:
        return self._states[state].batch_axis or 0

    def _shared(self, steps: StreamSteps) -> list[Hashable]:
        """What all of these steps have alike, and may not be joined with others."""
        return [value_of(steps.arrays[name]) for name in self.task.features.shared]

    def _axis(self, tensor: Tensor) -> int | None:
        """Along which its steps lie."""
        return tensor.time_axis if self.timed else tensor.batch_axis

    def _row(self, name: str, array: Array, at: int) -> Array:
        axis = self._data[name].batch_axis
        if axis is None:  # one value for all steps
            return array
        return array[(slice(None),) * axis + (slice(at, at + 1),)]

    def _sizes(self, arrays: Mapping[str, Array], limits: Limits | None = None) -> Sizes:
        return self.task.sizes({name: array.shape for name, array in arrays.items()}, limits)

    def _packed(self, rows: Mapping[str, Array]) -> bytes:
        return b"".join([rows[name].tobytes() for name in self._states])

    def _unpacked(self, content: bytes) -> dict[str, Array]:
        """Arrays with the batch axis; they lie on `content`."""
        found, at = {}, 0
        for name, dtype, size, shape in self._layout:
            found[name] = np.frombuffer(content, dtype, size, at).reshape(shape)
            at += size * dtype.itemsize
        if at != len(content):
            raise ValueError(f"{len(content)} bytes are no state of {at} bytes")
        return found
