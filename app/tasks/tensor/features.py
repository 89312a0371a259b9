"""What the axes of a graph's tensors mean. Knows names, shapes and axes; runs nothing.

`TensorFeatures` is the `features` of a manifest whose task is `tensor`, and `features_of` derives
the same from a graph that follows the conventions of this project.
"""

from collections.abc import Sequence
from typing import Final, Self

from pydantic import BaseModel, ConfigDict, Field, JsonValue, model_validator

from app.errors import ModelRefused
from app.serving.runtime.datatypes import OF_ONNX, Datatype
from app.serving.runtime.session import TensorSpec

BATCH: Final = "batch"
TIME: Final = "time"
LENGTHS: Final = "lengths"
_WHOLE_NUMBERS: Final = ("INT64", "INT32")


class Tensor(BaseModel):
    """One input or output of a graph.

    shape: sizes; a name is a free dimension, equal in all tensors that use the name, and None is a
    free dimension without a name. batch_axis: the axis of the rows; None for a tensor without.
    time_axis: the axis along which `lengths` gives the length of each row.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(min_length=1)
    datatype: Datatype
    shape: tuple[int | str | None, ...]
    batch_axis: int | None = Field(None, ge=0)
    time_axis: int | None = Field(None, ge=0)

    @model_validator(mode="after")
    def _axes_exist(self) -> Self:
        for axis in (self.batch_axis, self.time_axis):
            if axis is not None and axis >= len(self.shape):
                raise ValueError(f"{self.name} has {len(self.shape)} axes, and no axis {axis}")
            if axis is not None and isinstance(self.shape[axis], int):
                raise ValueError(f"axis {axis} of {self.name} is fixed: it cannot be batch or time")
        if self.batch_axis is not None and self.batch_axis == self.time_axis:
            raise ValueError(f"the batch axis of {self.name} is also its time axis")
        return self

    def shown(self) -> str:
        """The shape as a client should read it: [batch, time, 6]."""
        return f"[{', '.join('any' if size is None else str(size) for size in self.shape)}]"

    def row_time_axis(self) -> int | None:
        """The time axis of one row: without the batch axis."""
        if self.time_axis is None or self.batch_axis is None:
            return self.time_axis
        return self.time_axis - (self.batch_axis < self.time_axis)


class TensorFeatures(BaseModel):
    """The tensors of a graph, the input with the length of each row, and the states.

    states: from the name of a state input to the output that continues it. streams: whether a
    sequence in parts, the states carried over, is answered as the whole; then a request may leave
    out states and lengths. initial: what such a state begins with, as nested lists of one row,
    without the batch axis; zeros where a state is not named. labels: of the last axis of an output,
    for classification. padding: whether rows may be padded with zeros; None means that they may if
    the graph has a lengths input. shared: inputs without a batch axis, such as a sampling rate,
    that all rows of a request share; rows of one batch have the same.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    inputs: tuple[Tensor, ...] = Field(min_length=1)
    outputs: tuple[Tensor, ...] = Field(min_length=1)
    lengths: str | None = None
    states: dict[str, str] = Field(default_factory=dict)
    streams: bool = False
    initial: dict[str, JsonValue] = Field(default_factory=dict)
    labels: tuple[str, ...] = ()
    padding: bool | None = None
    shared: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _fit_together(self) -> Self:
        inputs = {tensor.name: tensor for tensor in self.inputs}
        outputs = {tensor.name for tensor in self.outputs}
        if len(inputs) < len(self.inputs) or len(outputs) < len(self.outputs):
            raise ValueError("two inputs or two outputs have the same name")
        if self.lengths is not None:
            tensor = inputs.get(self.lengths)
            if tensor is None:
                raise ValueError(f"the lengths input {self.lengths!r} is not among the inputs")
            if tensor.datatype not in _WHOLE_NUMBERS or len(tensor.shape) != 1:
                raise ValueError(f"{self.lengths} must be (batch) INT64 or INT32, one per row")
            if tensor.batch_axis != 0:
                raise ValueError(f"the axis of {self.lengths} must be its batch axis")
            if all(each.time_axis is None for each in self.inputs):
                raise ValueError(f"{self.lengths} has no input with a time axis to end")
        for state, continued in self.states.items():
            if state not in inputs or continued not in outputs:
                raise ValueError(f"the state {state} -> {continued} is no input and output")
        for name in self.shared:
            if name not in inputs or name in (*self.states, self.lengths):
                raise ValueError(f"{name} is no input that rows could share")
            if inputs[name].batch_axis is not None or inputs[name].time_axis is not None:
                raise ValueError(f"{name} has a batch or a time axis, and cannot be shared")
        for state in self.initial.keys() - self.states.keys():
            raise ValueError(f"{state} has an initial value and is no state")
        if self.streams:
            self._states_go_on()
        return self

    def _states_go_on(self) -> None:
        """Whether every state has a known size and comes out as it goes in."""
        inputs = {tensor.name: tensor for tensor in self.inputs}
        outputs = {tensor.name: tensor for tensor in self.outputs}
        if not self.states or not self.batched:
            raise ValueError("a graph that streams has states, and a batch axis in every tensor")
        if self.states.keys() >= inputs.keys() - {self.lengths}:
            raise ValueError("a graph that streams has an input beside its states")
        for state, continued in self.states.items():
            before, after = inputs[state], outputs[continued]
            sizes = [size for axis, size in enumerate(before.shape) if axis != before.batch_axis]
            if not all(isinstance(size, int) for size in sizes):
                raise ValueError(f"the state {state} {before.shown()} has no fixed size")
            if (before.datatype, before.shape) != (after.datatype, after.shape):
                raise ValueError(f"{continued} {after.shown()} is not like {state}")
            if before.datatype == "BYTES" or before.batch_axis != after.batch_axis:
                raise ValueError(f"{continued} cannot continue the state {state}")

    def compare(self, inputs: Sequence[TensorSpec], outputs: Sequence[TensorSpec]) -> None:
        """Whether these are the features of a graph with such inputs and outputs.

        Raises:
            ModelRefused: they are not; the message names the tensor.
        """
        _compare("input", self.inputs, inputs)
        _compare("output", self.outputs, outputs)

    @property
    def optional(self) -> frozenset[str]:
        """Inputs that a request may leave out: states and lengths of a graph that streams."""
        if not self.streams:
            return frozenset()
        return frozenset(self.states) | ({self.lengths} if self.lengths is not None else set())

    @property
    def batched(self) -> bool:
        """Whether a request can be split into rows: all that they do not share has a batch axis."""
        rows = [each for each in self.inputs if each.name not in self.shared]
        return bool(rows) and all(each.batch_axis is not None for each in (*rows, *self.outputs))

    @property
    def masked(self) -> bool:
        """Whether rows of different lengths may share a batch.

        They may if `padding` allows it and the shape of every output is known beforehand. An output
        whose size is computed from the time (chunks, for instance) would be larger in a batch with
        longer rows.
        """
        padding = self.lengths is not None if self.padding is None else self.padding
        if not self.batched or not padding:
            return False
        names = {size for each in self.inputs for size in each.shape if isinstance(size, str)}
        return all(
            axis in (each.batch_axis, each.time_axis) or isinstance(size, int) or size in names
            for each in self.outputs
            for axis, size in enumerate(each.shape)
        )


def features_of(
    inputs: Sequence[TensorSpec], outputs: Sequence[TensorSpec], labels: Sequence[str] = ()
) -> TensorFeatures:
    """The features of a graph whose tensors follow the conventions of this project.

    The batch is axis 0, named `batch`. `lengths` (batch) are whole numbers, along the axis named
    `time`.

    Raises:
        ModelRefused: a value is not a tensor, or the protocol has no name for its element type.
    """
    known = {spec.name: spec for spec in inputs}
    spec = known.get(LENGTHS)
    masked = (
        spec is not None
        and spec.shape == (BATCH,)
        and OF_ONNX.get(spec.type) in _WHOLE_NUMBERS
        and any(TIME in each.shape for each in inputs)
    )
    return TensorFeatures(
        inputs=tuple(map(_tensor, inputs)),
        outputs=tuple(map(_tensor, outputs)),
        lengths=LENGTHS if masked else None,
        labels=tuple(labels),
    )


def _tensor(spec: TensorSpec) -> Tensor:
    datatype = OF_ONNX.get(spec.type)
    if datatype is None:
        raise ModelRefused(f"{spec.name} is a {spec.type}, which no client can send or read")
    return Tensor(
        name=spec.name,
        datatype=datatype,
        shape=spec.shape,
        batch_axis=0 if spec.shape[:1] == (BATCH,) else None,
        time_axis=spec.shape.index(TIME) if TIME in spec.shape[1:] else None,
    )


def _compare(kind: str, tensors: Sequence[Tensor], specs: Sequence[TensorSpec]) -> None:
    names = [tensor.name for tensor in tensors]
    if names != [spec.name for spec in specs]:
        found = ", ".join(spec.name for spec in specs)
        raise ModelRefused(
            f"the features name the {kind}s {', '.join(names)}, the graph has {found}"
        )
    for tensor, spec in zip(tensors, specs, strict=True):
        if OF_ONNX.get(spec.type) != tensor.datatype or len(spec.shape) != len(tensor.shape):
            raise ModelRefused(
                f"the {kind} {tensor.name} is {spec.type} {list(spec.shape)} in the graph, "
                f"{tensor.datatype} {list(tensor.shape)} in the features"
            )
