"""Knows how to build an ONNX graph node by node; knows no cells, networks or tasks.

Building from operators instead of tracing keeps every dimension of time and batch symbolic, and
keeps recurrent layers as single native nodes.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, overload

import numpy as np
import onnx
from numpy.typing import DTypeLike, NDArray
from onnx import helper, numpy_helper
from torch import Tensor, nn

OPSET = 20
IR_VERSION = 9  # the one that opset 20 came with, so that older runtimes read it too

Array = NDArray[Any]
Value = str | Array | None
"""An operator's input: a name, an array that becomes a constant, or None for one left out."""
Shape = Sequence[int | str]
"""A dimension is a number, or a name for one that differs from run to run."""


@dataclass
class _Shared:
    """What a graph and its subgraphs have in common: one set of names, one set of weights."""

    names: set[str] = field(default_factory=set)
    scopes: list[str] = field(default_factory=list)
    domains: set[str] = field(default_factory=set)  # of operators that are not ONNX's own
    constants: dict[tuple[str, tuple[int, ...], bytes], str] = field(default_factory=dict)
    tensors: list[onnx.TensorProto] = field(default_factory=list)


class Graph:
    """A growing ONNX graph; values are names (str), and every method returns the ones it made."""

    def __init__(self, name: str, _shared: _Shared | None = None) -> None:
        self.name = name
        self._shared = _Shared() if _shared is None else _shared
        self._nodes: list[onnx.NodeProto] = []
        self._inputs: list[onnx.ValueInfoProto] = []
        self._outputs: list[onnx.ValueInfoProto] = []

    @contextmanager
    def scope(self, name: str) -> Iterator[None]:
        """Names made inside start with `name/`, so that a graph viewer shows the parts."""
        self._shared.scopes.append(name)
        try:
            yield
        finally:
            self._shared.scopes.pop()

    def input(self, name: str, dtype: DTypeLike, shape: Shape) -> str:
        """Declare an input; its name is used as it is.

        Raises:
            ValueError: the name is taken.
        """
        self._inputs.append(_value_info(self._claim(name), dtype, shape))
        return name

    def output(self, name: str, value: str, dtype: DTypeLike, shape: Shape) -> str:
        """Declare `value` as an output called `name`.

        Raises:
            ValueError: the name is taken.
        """
        self._nodes.append(helper.make_node("Identity", [value], [self._claim(name)]))
        self._outputs.append(_value_info(name, dtype, shape))
        return name

    def constant(self, array: Array | Tensor, name: str = "constant") -> str:
        """A constant; equal ones are stored once, also across subgraphs."""
        if isinstance(array, Tensor):
            array = array.detach().cpu().numpy()
        array = np.ascontiguousarray(array) if array.ndim else array
        key = (array.dtype.str, array.shape, array.tobytes())
        if key not in self._shared.constants:
            self._shared.constants[key] = self._fresh(name)
            tensor = numpy_helper.from_array(array, self._shared.constants[key])
            self._shared.tensors.append(tensor)
        return self._shared.constants[key]

    @overload
    def op(
        self, op_type: str, *inputs: Value, outputs: int, **attributes: Any
    ) -> tuple[str, ...]: ...
    @overload
    def op(self, op_type: str, *inputs: Value, **attributes: Any) -> str: ...
    def op(
        self, op_type: str, *inputs: Value, outputs: int | None = None, **attributes: Any
    ) -> str | tuple[str, ...]:
        """Add a node and name its output, or as many as `outputs` says, then as a tuple.

        An operator that is not ONNX's own has its `domain` among the attributes.
        """
        names = tuple(self._fresh(op_type) for _ in range(outputs or 1))
        values = [
            "" if value is None else value if isinstance(value, str) else self.constant(value)
            for value in inputs
        ]
        self._shared.domains.add(attributes.get("domain", ""))
        self._nodes.append(helper.make_node(op_type, values, names, name=names[0], **attributes))
        return names[0] if outputs is None else names

    def subgraph(self, name: str) -> "Graph":
        """An empty graph for a Scan, Loop or If; it can use this graph's values by their names."""
        return Graph(self._fresh(name), self._shared)

    def scan(
        self,
        body: "Graph",
        states: Sequence[str],
        sequences: Sequence[str],
        *,
        num_outputs: int,
        reverse: bool = False,
    ) -> tuple[str, ...]:
        """Run `body` over the first axis of `sequences`, from its end if `reverse`.

        The body takes the states and one slice of each sequence; it gives the new states and
        `num_outputs` slices. Returns the last states and the stacked slices, each slice standing
        where its input stood.
        """
        return self.op(
            "Scan",
            *states,
            *sequences,
            outputs=len(states) + num_outputs,
            body=body._proto(),
            num_scan_inputs=len(sequences),
            scan_input_directions=[int(reverse)] * len(sequences),
            scan_output_directions=[int(reverse)] * num_outputs,
        )

    def build(self) -> onnx.ModelProto:
        """The finished model, checked. Raises onnx.checker.ValidationError or a shape error."""
        proto = self._proto()
        proto.initializer.extend(self._shared.tensors)
        model = helper.make_model(
            proto,
            opset_imports=[
                helper.make_opsetid(domain, 1 if domain else OPSET)
                for domain in sorted(self._shared.domains | {""})
            ],
            ir_version=IR_VERSION,
            producer_name="unroll",
        )
        onnx.checker.check_model(model, full_check=True)
        return model

    # What every network needs

    def linear(self, value: str, layer: nn.Linear) -> str:
        """`layer` over the last axis of (..., in): (..., out)."""
        product = self.op("MatMul", value, self.constant(layer.weight.T, "weight"))
        bias: Tensor | None = layer.bias
        return product if bias is None else self.op("Add", product, self.constant(bias, "bias"))

    def layer_norm(self, value: str, layer: nn.LayerNorm) -> str:
        """`layer` over the last axis of (..., size)."""
        if len(layer.normalized_shape) != 1 or not layer.elementwise_affine:
            raise ValueError("only an affine layer norm over one axis has an ONNX form here")
        return self.normalise(value, layer.weight, layer.bias, layer.eps)

    def normalise(self, value: str, scale: Tensor, shift: Tensor | None, epsilon: float) -> str:
        """Layer norm of (..., size) with `scale` and `shift` of (size,)."""
        parameters = [self.constant(scale, "scale")]
        if shift is not None:
            parameters.append(self.constant(shift, "shift"))
        return self.op("LayerNormalization", value, *parameters, axis=-1, epsilon=epsilon)

    def slices(self, value: str, starts: int, ends: int, axis: int) -> str:
        """`value[starts:ends]` along `axis`."""
        bounds = [np.array([bound], np.int64) for bound in (starts, ends, axis)]
        return self.op("Slice", value, *bounds)

    def valid_steps(self, sequences: str, lengths: str) -> str:
        """Which steps of (time, batch, ...) lie before `lengths` (batch,): (time, batch, 1)."""
        time = self.op("Shape", sequences, start=0, end=1)
        scalar = self.op("Squeeze", time, np.array([0], np.int64))
        steps = self.op("Range", np.array(0, np.int64), scalar, np.array(1, np.int64))
        column = self.op("Unsqueeze", steps, np.array([1, 2], np.int64))  # (time, 1, 1)
        row = self.op("Unsqueeze", lengths, np.array([0, 2], np.int64))  # (1, batch, 1)
        return self.op("Less", column, row)

    def last_step(self, sequences: str, lengths: str) -> str:
        """The last valid step of (time, batch, size): (batch, size); step 0 for a length of 0."""
        one, zero = np.array(1, np.int64), np.array(0, np.int64)
        last = self.op("Max", self.op("Sub", lengths, one), zero)
        index = self.op("Unsqueeze", last, np.array([1], np.int64))  # (batch, 1)
        rows = self.op("Transpose", sequences, perm=[1, 0, 2])  # (batch, time, size)
        return self.op("GatherND", rows, index, batch_dims=1)

    def behind(self, sequences: str, lengths: str | None, count: int) -> str:
        """`count` steps of (time, batch, size) from step `lengths` of a row on, or the last ones.

        Returns (batch, count, size). Each row has at least `lengths` + `count` steps.
        """
        rows = self.op("Transpose", sequences, perm=[1, 0, 2])  # (batch, time, size)
        if lengths is None:
            return self.slices(rows, -count, np.iinfo(np.int64).max, 1)
        first = self.op("Unsqueeze", lengths, np.array([1], np.int64))  # (batch, 1)
        steps = self.op("Add", first, np.arange(count, dtype=np.int64)[None])
        index = self.op("Unsqueeze", steps, np.array([2], np.int64))  # (batch, count, 1)
        return self.op("GatherND", rows, index, batch_dims=1)

    def turned(self, sequences: str, lengths: str | None) -> str:
        """Each row of (time, batch, size) from its own end to its start; padding stays in place."""
        if lengths is None:
            last, start = np.array([-1], np.int64), np.array([np.iinfo(np.int64).min], np.int64)
            return self.op("Slice", sequences, last, start, np.array([0], np.int64), last)
        some = self.op("Max", lengths, np.array(1, np.int64))  # the operator takes no empty rows
        return self.op("ReverseSequence", sequences, some, time_axis=0, batch_axis=1)

    def _proto(self) -> onnx.GraphProto:
        return helper.make_graph(self._nodes, self.name, self._inputs, self._outputs)

    def _claim(self, name: str) -> str:
        if name in self._shared.names:
            raise ValueError(f"the name {name!r} is taken in this graph")
        self._shared.names.add(name)
        return name

    def _fresh(self, name: str) -> str:
        stem = "/".join([*self._shared.scopes, name])
        name, number = stem, 1
        while name in self._shared.names:
            number += 1
            name = f"{stem}_{number}"
        return self._claim(name)


def _value_info(name: str, dtype: DTypeLike, shape: Shape) -> onnx.ValueInfoProto:
    tensor_type = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
    return helper.make_tensor_value_info(name, tensor_type, list(shape))
