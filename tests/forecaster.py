"""A forecaster that stands still: the real task, on a graph of three nodes. Knows no training."""

from pathlib import Path

import onnx
from onnx import TensorProto, helper

from app.serving.models.manifest import Golden, Network
from app.serving.runtime.session import Session
from app.tasks.forecast.features import ForecastFeatures
from app.tasks.forecast.task import ForecastTask
from tests.doubles import OPSET, write_version

LEVELS = (0.1, 0.5, 0.9)
FEATURES = ForecastFeatures(context_length=24, memory=100, trained_horizon=6, levels=LEVELS)


def quantile_graph(width: float = 1.0) -> bytes:
    """ONNX: whatever context and future -> quantiles -width, 0 and width at every step."""
    initializers = [
        helper.make_tensor("nothing", TensorProto.FLOAT, [], [0.0]),
        helper.make_tensor("axis", TensorProto.INT64, [1], [2]),
        helper.make_tensor("offsets", TensorProto.FLOAT, [3], [-width, 0.0, width]),
    ]
    nodes = [
        helper.make_node("Mul", ["future", "nothing"], ["zeros"]),
        helper.make_node("ReduceSum", ["zeros", "axis"], ["step"]),  # (batch, horizon, 1)
        helper.make_node("Add", ["step", "offsets"], ["quantiles"]),  # (batch, horizon, levels)
    ]

    def tensor(name: str, kind: int, *shape: str) -> onnx.ValueInfoProto:
        return helper.make_tensor_value_info(name, kind, shape)

    graph = helper.make_graph(
        nodes,
        "quantiles",
        inputs=[
            tensor("context", TensorProto.FLOAT, "batch", "time", "context_features"),
            tensor("lengths", TensorProto.INT64, "batch"),
            tensor("future", TensorProto.FLOAT, "batch", "horizon", "future_features"),
        ],
        outputs=[tensor("quantiles", TensorProto.FLOAT, "batch", "horizon", "levels")],
        initializer=initializers,
    )
    opset = [helper.make_opsetid("", OPSET)]
    return bytes(helper.make_model(graph, opset_imports=opset, ir_version=10).SerializeToString())


def write_still_version(
    root: Path, name: str = "forecast", version: str = "1", width: float = 1.0
) -> Path:
    """Write a version that the real forecast task loads and serves."""
    task = ForecastTask(FEATURES, Session(quantile_graph(width)))
    golden = []
    for horizon in (2, 3):
        request = {"series": [1.0, 2.0, 4.0, 3.0, 5.0], "horizon": horizon}
        answer = task.predict([task.encode([1.0, 2.0, 4.0, 3.0, 5.0], horizon)])[0].to_json()
        golden.append(Golden.model_validate({"request": request, "answer": answer}))
    changes = {
        "task": "forecast",
        "features": FEATURES.model_dump(mode="json"),
        "golden": tuple(golden),
        "network": Network(cell="none", num_layers=1, hidden_size=1, parameters=0, opset=OPSET),
    }
    return write_version(root, name, version, graph=quantile_graph(width), changes=changes)
