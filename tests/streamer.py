"""A streaming forecaster that was never trained: the real task on a small graph.

It answers the mean of the simple guesses, one unit up and down to the next quantile.
"""

from functools import cache
from pathlib import Path

import torch

from app.serving.models.manifest import Golden, Network
from app.serving.runtime.session import Session
from app.tasks.anomalies.features import AnomalyFeatures
from app.tasks.anomalies.task import AnomalyTask
from app.training.anomalies.network import (
    StreamForecaster,
    StreamForecasterOptions,
    stream_forecaster_graph,
)
from tests.doubles import OPSET, write_version

HIDDEN = 6
LEVELS = (0.05, 0.1, 0.5, 0.9, 0.95)
FEATURES = AnomalyFeatures(
    levels=LEVELS, state=HIDDEN, stretch=(1.0,) * 5, threshold=0.999, trained_horizon=8
)


@cache
def untrained_graph(seed: int = 0) -> bytes:
    """ONNX: a network whose recurrent weights are drawn, and whose head weighs all guesses alike.

    With a seed other than 0 the head is drawn, too.
    """
    torch.manual_seed(seed)
    network = StreamForecaster(
        StreamForecasterOptions(hidden_size=HIDDEN, head_size=5, levels=LEVELS)
    )
    if seed:
        torch.nn.init.normal_(network.head.weight, std=0.3)
    return bytes(stream_forecaster_graph(network.eval()).SerializeToString())


def untrained_task(seed: int = 0) -> AnomalyTask:
    """The real task on `untrained_graph`."""
    return AnomalyTask(FEATURES, Session(untrained_graph(seed)))


def write_untrained_version(
    root: Path, name: str = "forecast-stream", version: str = "1", seed: int = 0
) -> Path:
    """Write a version that the real task loads and serves."""
    task = untrained_task(seed)
    golden = []
    for count in (3, 40):
        series = [float(each % 5) for each in range(count)]
        request = {"series": series}
        answer = task.predict([task.encode(series)])[0].to_json()
        golden.append(Golden.model_validate({"request": request, "answer": answer}))
    changes = {
        "task": "anomalies",
        "features": FEATURES.model_dump(mode="json"),
        "golden": tuple(golden),
        "network": Network(cell="gru", num_layers=1, hidden_size=6, parameters=1, opset=OPSET),
    }
    return write_version(root, name, version, graph=untrained_graph(seed), changes=changes)
