"""Small recurrent graphs with and without the usual mistakes. Knows ONNX nodes; checks nothing."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import onnx

from app.training.common.graph import Graph

FEATURES, HIDDEN, TABLE = 3, 4, 20
GATES = {"LSTM": 4, "GRU": 3, "RNN": 1}
Pooling = Literal["steps", "last", "mean", "masked mean"]


@dataclass(frozen=True)
class Net:
    """What the graph is like; the default has no mistake. `pooling` is what happens over time."""

    cell: str = "LSTM"
    direction: Literal["forward", "bidirectional"] = "forward"
    pooling: Pooling = "last"
    rows_first: bool = True
    lengths: bool = True
    lengths_used: bool = True
    lengths_name: str = "lengths"
    states: tuple[str, str, str, str] | tuple[()] = ()  # h in, h out, c in, c out
    crossed: bool = False  # the states' outputs stand for each other
    embedded: bool = False
    batch: int | str | None = "batch"
    time: int | str | None = "time"
    inside: tuple[int, int] = (0, -1)  # (batch, time) that a Reshape writes down; 0 keeps
    extra: Literal["", "batch norm", "random", "no batch", "minus infinity", "quantised"] = ""
    peephole: bool = False
    attributes: Mapping[str, Any] = field(default_factory=dict)

    def build(self) -> bytes:
        """The graph: x (batch, time, 3) and lengths (batch) -> y."""
        graph = Graph("net")
        generator = np.random.default_rng(7)

        def weights(*shape: int) -> np.ndarray[Any, np.dtype[np.float32]]:
            return generator.normal(scale=0.5, size=shape).astype(np.float32)

        axes = (self.batch, self.time) if self.rows_first else (self.time, self.batch)
        if self.embedded:
            ids = graph.input("x", np.int64, axes)  # type: ignore[arg-type]
            x = graph.op("Gather", weights(TABLE, FEATURES), ids)
        else:
            x = graph.input("x", np.float32, (*axes, FEATURES))  # type: ignore[arg-type]
        if self.extra == "quantised":
            ints, scale, zero = graph.op("DynamicQuantizeLinear", x, outputs=3)
            x = graph.op("DequantizeLinear", ints, scale, zero)
        if self.inside != (0, -1):
            x = graph.op("Reshape", x, np.array([*self.inside, FEATURES], np.int64))
        if self.rows_first:
            x = graph.op("Transpose", x, perm=[1, 0, 2])
        lengths = None
        if self.lengths:
            given = graph.input(self.lengths_name, np.int64, (self.batch,))  # type: ignore[arg-type]
            lengths = graph.op("Cast", given, to=onnx.TensorProto.INT32)
        sides = 2 if self.direction == "bidirectional" else 1
        states = [
            graph.input(name, np.float32, (sides, "batch", HIDDEN)) for name in self.states[0::2]
        ]
        gates = GATES[self.cell]
        values: list[Any] = [
            x,
            weights(sides, gates * HIDDEN, FEATURES),
            weights(sides, gates * HIDDEN, HIDDEN),
            weights(sides, 2 * gates * HIDDEN),
            lengths if self.lengths_used else None,
            *states,
        ]
        if self.peephole:
            values += [None] * (7 - len(values)) + [weights(sides, 3 * HIDDEN)]
        attributes = dict(self.attributes)
        if self.cell == "GRU":
            attributes = {"linear_before_reset": 1} | attributes
        outputs = graph.op(
            self.cell,
            *values,
            outputs=3 if self.cell == "LSTM" else 2,
            hidden_size=HIDDEN,
            direction=self.direction,
            **attributes,
        )
        steps, last = outputs[0], outputs[1]
        y, shape = self._pooled(graph, steps, last, lengths)
        if self.extra == "batch norm":
            y = graph.op("Sub", y, graph.op("ReduceMean", y, np.array([0], np.int64)))
        elif self.extra == "random":
            y = graph.op("Add", y, graph.op("RandomNormalLike", y))
        elif self.extra == "no batch":
            y, shape = graph.op("ReduceMean", y, np.array([0], np.int64)), (1, *shape[1:])
        elif self.extra == "minus infinity":
            y = graph.op("Log", graph.op("Sub", y, y))
        graph.output("y", y, np.float32, shape)
        ends = outputs[:0:-1] if self.crossed else outputs[1:]
        for name, value in zip(self.states[1::2], ends, strict=False):
            graph.output(name, value, np.float32, (sides, "batch", HIDDEN))
        return bytes(graph.build().SerializeToString())

    def _pooled(
        self, graph: Graph, steps: str, last: str, lengths: str | None
    ) -> tuple[str, tuple[int | str, ...]]:
        """(value, its declared shape): every step, the last one, or the mean over time."""
        if self.pooling == "last":
            rows = graph.op("Transpose", last, perm=[1, 0, 2])  # (batch, sides, hidden)
            flat = graph.op("Flatten", rows, axis=1)
            return flat, ("batch", HIDDEN * (2 if self.direction == "bidirectional" else 1))
        summed = graph.op("ReduceSum", steps, np.array([1], np.int64), keepdims=0)
        if self.pooling == "steps":
            if not self.rows_first:
                return summed, ("time", "batch", HIDDEN)
            return graph.op("Transpose", summed, perm=[1, 0, 2]), ("batch", "time", HIDDEN)
        if self.pooling == "masked mean":
            assert lengths is not None
            total = graph.op("ReduceSum", summed, np.array([0], np.int64), keepdims=0)
            count = graph.op("Cast", lengths, to=onnx.TensorProto.FLOAT)
            column = graph.op("Unsqueeze", count, np.array([1], np.int64))
            return graph.op("Div", total, column), ("batch", HIDDEN)
        mean = graph.op("ReduceMean", summed, np.array([0], np.int64), keepdims=0)
        return mean, ("batch", HIDDEN)

    def save(self, folder: Path, name: str = "net.onnx") -> Path:
        """Write the graph and return its path."""
        path = folder / name
        path.write_bytes(self.build())
        return path
