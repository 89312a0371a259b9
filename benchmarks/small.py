"""A small network with random weights, 25 microseconds at 26 steps. Knows graphs and folders."""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from pydantic import JsonValue

from app.serving.models.manifest import Golden, Manifest, Network, digest, write_manifest
from app.serving.runtime.session import Session
from app.tasks.tensor.features import features_of
from app.tasks.tensor.task import TensorTask

VOCABULARY, EMBEDDING, HIDDEN, CLASSES, OPSET = 2000, 32, 40, 2, 20


def small_graph() -> bytes:
    """ONNX: token_ids (batch, time), lengths (batch) -> logits (batch, 2); an LSTM of 40 units."""
    rng = np.random.default_rng(0)

    def weights(name: str, *shape: int) -> onnx.TensorProto:
        values = rng.normal(0, 0.1, shape).astype(np.float32)
        return numpy_helper.from_array(values, name)

    nodes = [
        helper.make_node("Gather", ["embedding", "token_ids"], ["rows"]),
        helper.make_node("Transpose", ["rows"], ["steps"], perm=[1, 0, 2]),
        helper.make_node("Cast", ["lengths"], ["ends"], to=TensorProto.INT32),
        helper.make_node(
            "LSTM", ["steps", "W", "R", "B", "ends"], ["", "last"], hidden_size=HIDDEN
        ),
        helper.make_node("Squeeze", ["last", "direction"], ["hidden_state"]),
        helper.make_node("Gemm", ["hidden_state", "weight", "bias"], ["logits"]),
    ]
    graph = helper.make_graph(
        nodes,
        "small",
        inputs=[
            helper.make_tensor_value_info("token_ids", TensorProto.INT64, ["batch", "time"]),
            helper.make_tensor_value_info("lengths", TensorProto.INT64, ["batch"]),
        ],
        outputs=[helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", CLASSES])],
        initializer=[
            weights("embedding", VOCABULARY, EMBEDDING),
            weights("W", 1, 4 * HIDDEN, EMBEDDING),
            weights("R", 1, 4 * HIDDEN, HIDDEN),
            weights("B", 1, 8 * HIDDEN),
            weights("weight", HIDDEN, CLASSES),
            weights("bias", CLASSES),
            helper.make_tensor("direction", TensorProto.INT64, [1], [0]),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=10)
    return bytes(model.SerializeToString())


def publish(root: Path) -> Path:
    """Write the small network as version 1 of the model `small`; returns the graph's file."""
    folder = root / "small" / "1"
    folder.mkdir(parents=True)
    file = folder / "model.onnx"
    file.write_bytes(small_graph())
    session = Session(file)
    task = TensorTask(features_of(session.inputs, session.outputs), session)
    golden = []
    for tokens in ([1, 2, 3], [7, 8, 9, 10, 11]):
        answer = task.predict([task.encode({"token_ids": list(tokens)})])[0].to_json()
        request: JsonValue = {"inputs": {"token_ids": list(tokens)}}
        golden.append(Golden.model_validate({"request": request, "answer": answer}))
    manifest = Manifest(
        name="small",
        version="1",
        task="tensor",
        created="2026-01-01T00:00:00Z",
        description="An LSTM with random weights.",
        license="Apache-2.0",
        intended_use="Benchmarks.",
        files={"model.onnx": digest(file)},
        network=Network(cell="lstm", num_layers=1, hidden_size=HIDDEN, parameters=0, opset=OPSET),
        features=task.features.model_dump(mode="json"),
        golden=tuple(golden),
    )
    write_manifest(folder, manifest)
    return file
