"""Small networks, exported as their authors would: by PyTorch, or node by node. Checks nothing."""

import tempfile
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import torch
from torch import Tensor, nn

from app.training.common.graph import Graph
from app.training.common.recurrent import Recurrent

FEATURES, HIDDEN = 3, 8


class Network(nn.Module):
    """`body` as a network, with the layers that it takes by name."""

    def __init__(self, body: Callable[..., Any], **layers: nn.Module | Tensor) -> None:
        super().__init__()
        self.body = body
        for name, layer in layers.items():
            setattr(self, name, nn.Parameter(layer) if isinstance(layer, Tensor) else layer)

    def forward(self, x: Tensor, *more: Tensor) -> Any:
        """x (batch, time, 3)."""
        return self.body(self, x, *more)


def exported(
    network: nn.Module,
    more: Sequence[tuple[str, Tensor, int]] = (),
    outputs: Sequence[str] = ("y",),
) -> onnx.ModelProto:
    """As docs/bring-your-own.md does it; `more` inputs are (name, example, batch axis)."""
    torch.manual_seed(0)
    axes = {"x": {0: "batch", 1: "time"}, **{name: {0: "batch"} for name in outputs}}
    axes |= {name: {axis: "batch"} for name, _, axis in more}
    if "hn" in outputs:
        axes["hn"] = {1: "batch"}
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        path = f"{folder}/net.onnx"
        torch.onnx.export(
            network.eval(),
            (torch.randn(2, 5, FEATURES), *(example for _, example, _ in more)),
            path,
            dynamo=False,
            opset_version=20,
            input_names=["x", *(name for name, _, _ in more)],
            output_names=list(outputs),
            dynamic_axes=axes,
        )
        return onnx.load(path)


def lstm(**options: Any) -> nn.LSTM:
    return nn.LSTM(FEATURES, HIDDEN, batch_first=True, **options)


def own_cell(cell: str, lengths: bool) -> onnx.ModelProto:
    """x (batch, time, 3) -> y (batch, time, 8), two layers of a cell of this project."""
    torch.manual_seed(1)
    network = Recurrent(cell, FEATURES, HIDDEN, 2)
    for parameter in network.parameters():
        nn.init.normal_(parameter, std=0.3)
    graph = Graph("own")
    x = graph.input("x", "float32", ("batch", "time", FEATURES))
    ends = graph.input("lengths", "int64", ("batch",)) if lengths else None
    steps = graph.op("Transpose", x, perm=[1, 0, 2])
    outputs, _ = network.to_onnx(graph, steps, ends)
    y = graph.op("Transpose", outputs, perm=[1, 0, 2])
    graph.output("y", y, "float32", ("batch", "time", HIDDEN))
    return graph.build()


def like_tf2onnx(cell: str, *, last: bool, steps_name: str = "time") -> onnx.ModelProto:
    """As tf2onnx writes a layer of Keras: zeros by shape, `StridedSlice` by a computed index.

    x (batch, time, 3) -> y (batch, 8) with `last`, else (batch, time, 8).
    """
    generator = np.random.default_rng(3)

    def weights(*shape: int) -> npt.NDArray[np.float32]:
        return generator.normal(scale=0.4, size=shape).astype(np.float32)

    gates = {"LSTM": 4, "GRU": 3, "RNN": 1}[cell]
    graph = Graph("tf2onnx")
    x = graph.input("x", "float32", ("unk__1", steps_name, FEATURES))
    rows = graph.op("Slice", graph.op("Shape", x), *(np.array([n]) for n in (0, 1, 0)))
    shape = graph.op("Concat", rows, np.array([HIDDEN]), axis=0)
    zeros = graph.op("Expand", np.zeros((1, 1), np.float32), shape)  # (batch, hidden)
    first = graph.op("Unsqueeze", zeros, np.array([0]))
    more = {"GRU": {"linear_before_reset": 1}}.get(cell, {})
    steps, *_ = graph.op(
        cell,
        graph.op("Transpose", x, perm=[1, 0, 2]),
        weights(1, gates * HIDDEN, FEATURES),
        weights(1, gates * HIDDEN, HIDDEN),
        weights(1, 2 * gates * HIDDEN),
        None,
        *[first] * (2 if cell == "LSTM" else 1),
        outputs=3 if cell == "LSTM" else 2,
        hidden_size=HIDDEN,
        **more,
    )
    steps = graph.op("Transpose", graph.op("Squeeze", steps, np.array([1])), perm=[1, 0, 2])
    if last:
        count = graph.op("Slice", graph.op("Shape", steps), *(np.array([n]) for n in (1, 2, 0)))
        index = graph.op("Sub", count, np.array([1]))
        ends = graph.op("Add", index, np.array([1]))
        cut = graph.op("Slice", steps, index, ends, np.array([1]))
        graph.output("y", graph.op("Squeeze", cut, np.array([1])), "float32", ("unk__1", HIDDEN))
    else:
        graph.output("y", steps, "float32", ("unk__1", steps_name, HIDDEN))
    return graph.build()


def causal_conv_with_state(*, lengths: bool) -> onnx.ModelProto:
    """x (batch, time, 3) -> y (batch, time, 3), by the operator of ONNX Runtime."""
    generator = np.random.default_rng(4)
    graph = Graph("causal")
    x = graph.input("x", "float32", ("batch", "time", FEATURES))
    if lengths:
        ends = graph.input("lengths", "int64", ("batch",))
        scale = graph.op("Cast", graph.op("Min", ends, np.array(1)), to=onnx.TensorProto.FLOAT)
        x = graph.op("Mul", x, graph.op("Reshape", scale, np.array([-1, 1, 1])))
    steps, _ = graph.op(
        "CausalConvWithState",
        graph.op("Transpose", x, perm=[0, 2, 1]),
        generator.normal(size=(FEATURES, 1, 4)).astype(np.float32),
        generator.normal(size=FEATURES).astype(np.float32),
        outputs=2,
        domain="com.microsoft",
    )
    y = graph.op("Transpose", steps, perm=[0, 2, 1])
    graph.output("y", y, "float32", ("batch", "time", FEATURES))
    return graph.build()


def like_dynamo(*, counted: bool = False) -> onnx.ModelProto:
    """As PyTorch's newer exporter writes an LSTM of two layers and `y[:, -1]`.

    Nodes have one output, zeros are expanded once for all states, and (time, 1, batch, hidden) is
    reshaped by its own shape. `counted`: with `sequence_lens` computed from the shape.
    """
    generator = np.random.default_rng(6)
    graph = Graph("dynamo")
    x = graph.input("x", "float32", ("s77", "s27", FEATURES))
    rows = graph.op("Shape", x, start=0, end=1)
    shape = graph.op("Concat", np.array([2]), rows, np.array([HIDDEN]), axis=0)
    zeros = graph.op("Expand", np.zeros((), np.float32), shape)  # (layers, batch, hidden)
    lengths = None
    if counted:
        steps = graph.op("Shape", x, start=1, end=2)
        lengths = graph.op("Cast", graph.op("Expand", steps, rows), to=onnx.TensorProto.INT32)
    value = graph.op("Transpose", x, perm=[1, 0, 2])
    for layer in range(2):
        bounds = [np.array([each]) for each in (layer, layer + 1, 0)]
        first = graph.op("Slice", zeros, *bounds)
        sizes = ((4 * HIDDEN, HIDDEN if layer else FEATURES), (4 * HIDDEN, HIDDEN), (8 * HIDDEN,))
        weights = [
            generator.normal(scale=0.4, size=(1, *each)).astype(np.float32) for each in sizes
        ]
        value = graph.op("LSTM", value, *weights, lengths, first, first, hidden_size=HIDDEN)
        value = graph.op("Transpose", value, perm=[0, 2, 1, 3])
        ends = graph.op("Shape", value, start=0, end=2)
        last = graph.op("Mul", *(graph.op("Shape", value, start=n, end=n + 1) for n in (2, 3)))
        value = graph.op("Reshape", value, graph.op("Concat", ends, last, axis=0))
    batch = graph.op("Transpose", value, perm=[1, 0, 2])
    graph.output("y", graph.op("Gather", batch, np.array(-1), axis=1), "float32", ("s77", HIDDEN))
    return graph.build()
