"""Small recurrent graphs whose states are inputs and outputs, to be streamed. Knows ONNX."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt
from onnx import TensorProto, helper
from pydantic import JsonValue

from app.serving.runtime.session import Session
from app.tasks.tensor.features import Tensor, TensorFeatures
from tests import tensors
from tests.tensors import graph, info

Array = npt.NDArray[Any]
Cell = Literal["lstm", "gru"]
_GATES: Final = {"lstm": 4, "gru": 3}
_ROWS: Final[list[Mapping[str, JsonValue]]] = [
    {"values": [[0.5], [-1.0]]},
    {"values": [[2.0]]},
    {"values": [[0.1], [0.2], [0.3]]},
]


def recurrent(
    cell: Cell = "lstm",
    hidden: int = 4,
    inputs: int = 1,
    *,
    layers: int = 1,
    lengths: bool = True,
    seed: int = 0,
) -> bytes:
    """values (batch, time, inputs), states (1, batch, hidden) -> output (batch, time, 1), states.

    The states are h, and c of an LSTM, in further layers h1, c1 and so on; each NAME is continued
    by next_NAME.
    """
    rng = np.random.default_rng(seed)
    gates = _GATES[cell]
    options: dict[str, Any] = {"linear_before_reset": 1} if cell == "gru" else {}
    nodes = [helper.make_node("Transpose", ["values"], ["steps0"], perm=[1, 0, 2])]
    if lengths:
        nodes.append(helper.make_node("Cast", ["lengths"], ["ends"], to=TensorProto.INT32))
    names: list[str] = []
    weights: dict[str, Array] = {}
    for layer in range(layers):
        mark = str(layer or "")
        width = hidden if layer else inputs
        states = [f"{each}{mark}" for each in ("h", "c")[: 2 if cell == "lstm" else 1]]
        names += states
        own = [f"{each}{layer}" for each in ("w", "r", "b")]
        weights |= {
            own[0]: rng.normal(size=(1, gates * hidden, width)).astype(np.float32),
            own[1]: rng.normal(size=(1, gates * hidden, hidden), scale=hidden**-0.5).astype(
                np.float32
            ),
            own[2]: rng.normal(size=(1, 2 * gates * hidden), scale=0.1).astype(np.float32),
        }
        taken = [f"steps{layer}", *own, "ends" if lengths else "", *states]
        given = [f"all{layer}", *(f"next_{each}" for each in states)]
        node = helper.make_node(cell.upper(), taken, given, hidden_size=hidden, **options)
        # (time, batch, hidden)
        squeezed = helper.make_node("Squeeze", [f"all{layer}", "direction"], [f"steps{layer + 1}"])
        nodes += [node, squeezed]
    nodes += [
        helper.make_node("Transpose", [f"steps{layers}"], ["by_row"], perm=[1, 0, 2]),
        helper.make_node("MatMul", ["by_row", "out"], ["output"]),
    ]
    state = (1, "batch", hidden)
    return graph(
        nodes,
        [
            info("values", "FP32", ("batch", "time", inputs)),
            *([info("lengths", "INT64", ("batch",))] if lengths else []),
            *(info(each, "FP32", state) for each in names),
        ],
        [
            info("output", "FP32", ("batch", "time", 1)),
            *(info(f"next_{each}", "FP32", state) for each in names),
        ],
        direction=np.array([1]),
        out=rng.normal(size=(hidden, 1)).astype(np.float32),
        **weights,
    )


def stream_features(content: bytes, **changes: Any) -> TensorFeatures:
    """Features whose states are what `next_` continues."""
    session = Session(content)

    def tensor(spec: Any) -> Tensor:
        time = spec.shape.index("time") if "time" in spec.shape else None
        kind: Any = {"tensor(float)": "FP32", "tensor(int64)": "INT64"}[spec.type]
        batch = spec.shape.index("batch")
        return Tensor(
            name=spec.name, datatype=kind, shape=spec.shape, batch_axis=batch, time_axis=time
        )

    outputs = [tensor(each) for each in session.outputs]
    inputs = [tensor(each) for each in session.inputs]
    names = {each.name for each in inputs}
    fields: dict[str, Any] = {
        "inputs": tuple(inputs),
        "outputs": tuple(outputs),
        "lengths": "lengths" if "lengths" in names else None,
        "streams": True,
        "states": {
            name: f"next_{name}"
            for name in (each.name for each in inputs)
            if f"next_{name}" in {each.name for each in outputs}
        },
    }
    return TensorFeatures(**(fields | changes))


def write_stream_version(
    root: Path, name: str = "lstm", version: str = "1", **options: Any
) -> Path:
    """Write a version of the task `tensor` whose graph is `recurrent(**options)`."""
    content = recurrent(**options)
    width = options.get("inputs", 1)
    rows = [
        {"values": [step * width for step in row["values"]]}  # type: ignore[union-attr]
        for row in _ROWS
    ]
    features = stream_features(content)
    return tensors.write_tensor_version(root, name, content, rows, features, version)


def write_single_step(root: Path, name: str = "sum", version: str = "1") -> Path:
    """Write a version without a time axis: the running sum of values (batch, 2)."""
    content = tensors.accumulator()
    rows: list[Mapping[str, JsonValue]] = [
        {"values": [1.0, 2.0]},
        {"values": [3.0, 4.0], "state": [[1.0, 1.0]]},
    ]
    return tensors.write_tensor_version(
        root, name, content, rows, stream_features(content), version
    )
