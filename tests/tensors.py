"""Small graphs that are asked by their tensors, and versions of the task `tensor` made of them.

Knows the engine's contracts and ONNX; every answer can be computed in the head.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from pydantic import JsonValue

from app.serving.models.manifest import Golden, Network
from app.serving.runtime.datatypes import Datatype
from app.serving.runtime.session import Session
from app.tasks.tensor.features import TensorFeatures, features_of
from app.tasks.tensor.task import TensorTask
from tests.doubles import OPSET, write_version

ONNX: Final[dict[Datatype, int]] = {
    "BOOL": TensorProto.BOOL,
    "UINT8": TensorProto.UINT8,
    "UINT16": TensorProto.UINT16,
    "UINT32": TensorProto.UINT32,
    "UINT64": TensorProto.UINT64,
    "INT8": TensorProto.INT8,
    "INT16": TensorProto.INT16,
    "INT32": TensorProto.INT32,
    "INT64": TensorProto.INT64,
    "FP16": TensorProto.FLOAT16,
    "BF16": TensorProto.BFLOAT16,
    "FP32": TensorProto.FLOAT,
    "FP64": TensorProto.DOUBLE,
    "BYTES": TensorProto.STRING,
}
Shape = Sequence[str | int | None]


def info(name: str, datatype: Datatype, shape: Shape) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, ONNX[datatype], list(shape))


def graph(
    nodes: Sequence[onnx.NodeProto],
    inputs: Sequence[onnx.ValueInfoProto],
    outputs: Sequence[onnx.ValueInfoProto],
    **constants: Any,
) -> bytes:
    """A model's bytes; `constants` are arrays by name."""
    initializers = [
        numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()
    ]
    body = helper.make_graph(nodes, "small", inputs, outputs, initializers)
    model = helper.make_model(body, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=10)
    return bytes(model.SerializeToString())


def identity(datatype: Datatype, shape: Shape = ("batch", "time")) -> bytes:
    """value -> same; and, of numbers, number: the same as FP32."""
    nodes = [helper.make_node("Identity", ["value"], ["same"])]
    outputs = [info("same", datatype, shape)]
    if datatype != "BYTES":
        nodes.append(helper.make_node("Cast", ["value"], ["number"], to=TensorProto.FLOAT))
        outputs.append(info("number", "FP32", shape))
    return graph(nodes, [info("value", datatype, shape)], outputs)


def running_sum() -> bytes:
    """values (batch, time), lengths (batch) -> sums (batch, time), total (batch).

    What lies beyond a row's length counts in sums and not in total, as in many a network whose
    last layers see the padding, too.
    """
    nodes = [
        helper.make_node("CumSum", ["values", "one"], ["sums"]),
        helper.make_node("Shape", ["values"], ["time"], start=1, end=2),
        helper.make_node("Squeeze", ["time"], ["steps"]),
        helper.make_node("Range", ["zero", "steps", "one"], ["positions"]),  # (time)
        helper.make_node("Unsqueeze", ["lengths", "axis"], ["ends"]),  # (batch, 1)
        helper.make_node("Less", ["positions", "ends"], ["inside"]),  # (batch, time)
        helper.make_node("Where", ["inside", "values", "nothing"], ["kept"]),
        # Not ReduceSum, which adds in another order when there are more zeros at the end.
        helper.make_node("CumSum", ["kept", "one"], ["kept_sums"]),
        helper.make_node("Gather", ["kept_sums", "end"], ["total"], axis=1),  # (batch)
    ]
    return graph(
        nodes,
        [info("values", "FP32", ("batch", "time")), info("lengths", "INT64", ("batch",))],
        [info("sums", "FP32", ("batch", "time")), info("total", "FP32", ("batch",))],
        zero=np.int64(0),
        one=np.int64(1),
        end=np.int64(-1),
        axis=np.array([1]),
        nothing=np.float32(0),
    )


def accumulator() -> bytes:
    """A state in and out, its batch on axis 1: values (batch, 2) + state (1, batch, 2)."""
    nodes = [
        helper.make_node("Unsqueeze", ["values", "axis"], ["lifted"]),  # (1, batch, 2)
        helper.make_node("Add", ["lifted", "state"], ["next_state"]),
        helper.make_node("Squeeze", ["next_state", "axis"], ["output"]),
    ]
    return graph(
        nodes,
        [info("values", "FP32", ("batch", 2)), info("state", "FP32", (1, "batch", 2))],
        [info("output", "FP32", ("batch", 2)), info("next_state", "FP32", (1, "batch", 2))],
        axis=np.array([0]),
    )


def label() -> bytes:
    """value (batch, 2) -> name (batch): "first" or "second", where the greater value is."""
    nodes = [
        helper.make_node("ArgMax", ["value"], ["index"], axis=1, keepdims=0),
        helper.make_node("Gather", ["names", "index"], ["name"]),
    ]
    return graph(
        nodes,
        [info("value", "FP32", ("batch", 2))],
        [info("name", "BYTES", ("batch",))],
        names=np.array(["first", "second"], object),
    )


def lookup(classes: int = 3) -> bytes:
    """token_ids (batch, time), lengths (batch) -> logits (batch, classes): rows of a table added.

    The table has 10 rows; token t adds t to class 0, 2t to class 1, and so on. Other ids are
    refused by the graph itself.
    """
    table = np.outer(np.arange(10), np.arange(1, classes + 1)).astype(np.float32)
    nodes = [
        helper.make_node("Gather", ["table", "token_ids"], ["rows"]),  # (batch, time, classes)
        helper.make_node("Shape", ["token_ids"], ["time"], start=1, end=2),
        helper.make_node("Squeeze", ["time"], ["steps"]),
        helper.make_node("Range", ["zero", "steps", "one"], ["positions"]),
        helper.make_node("Unsqueeze", ["lengths", "axis"], ["ends"]),
        helper.make_node("Less", ["positions", "ends"], ["inside"]),  # (batch, time)
        helper.make_node("Unsqueeze", ["inside", "last"], ["mask"]),  # (batch, time, 1)
        helper.make_node("Where", ["mask", "rows", "nothing"], ["kept"]),
        helper.make_node("ReduceSum", ["kept", "axis"], ["logits"], keepdims=0),
    ]
    return graph(
        nodes,
        [info("token_ids", "INT64", ("batch", "time")), info("lengths", "INT64", ("batch",))],
        [info("logits", "FP32", ("batch", classes))],
        table=table,
        zero=np.int64(0),
        one=np.int64(1),
        axis=np.array([1]),
        last=np.array([2]),
        nothing=np.float32(0),
    )


def task_of(content: bytes, features: TensorFeatures | None = None) -> TensorTask:
    """A task on the graph; its features are derived unless they are given."""
    session = Session(content)
    return TensorTask(features or features_of(session.inputs, session.outputs), session)


def write_tensor_version(
    root: Path,
    name: str,
    content: bytes,
    rows: Sequence[Mapping[str, JsonValue]],
    features: TensorFeatures | None = None,
    version: str = "1",
) -> Path:
    """Write a version of the task `tensor`; `rows` become its golden requests, two at least."""
    task = task_of(content, features)
    golden = []
    for row in rows:
        answer = task.predict([task.encode(row)])[0].to_json()
        golden.append(Golden.model_validate({"request": {"inputs": row}, "answer": answer}))
    fields = {
        "task": "tensor",
        "features": task.features.model_dump(mode="json"),
        "golden": tuple(golden),
        "network": Network(cell="none", num_layers=1, hidden_size=1, parameters=0, opset=OPSET),
    }
    return write_version(root, name, version, graph=content, changes=fields)
