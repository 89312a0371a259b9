"""Asking a model through the repository of this process: the same answers as the task alone."""

import math
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from app.errors import ModelNotFound
from app.serving.manifest import Golden, Network
from app.serving.session import Session
from app.tasks.forecast import ForecastFeatures, ForecastTask
from app.training.served import Question, served
from tests.doubles import OPSET, write_version

LEVELS = (0.1, 0.5, 0.9)
FEATURES = ForecastFeatures(context_length=24, memory=100, trained_horizon=6, levels=LEVELS)


def quantile_graph() -> bytes:
    """ONNX: whatever context and future -> quantiles -1, 0 and 1 at every step."""
    initializers = [
        helper.make_tensor("nothing", TensorProto.FLOAT, [], [0.0]),
        helper.make_tensor("axis", TensorProto.INT64, [1], [2]),
        helper.make_tensor("offsets", TensorProto.FLOAT, [3], [-1.0, 0.0, 1.0]),
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


@pytest.fixture
def task() -> ForecastTask:
    return ForecastTask(FEATURES, Session(quantile_graph()))


@pytest.fixture
def root(tmp_path: Path, task: ForecastTask) -> Path:
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
    for version in ("1", "2"):
        write_version(tmp_path, "still", version, graph=quantile_graph(), changes=changes)
    return tmp_path


def test_answers_are_those_of_the_task(root: Path, task: ForecastTask) -> None:
    rng = np.random.default_rng(0)
    questions = [Question(rng.normal(50, 9, 30), 4, "MS") for _ in range(3)]
    gap = np.array([3.0, math.nan, 5.0, 4.0])
    questions += [Question(gap, 2), Question(rng.normal(0, 1, 200), 7, "h")]
    levels = (0.9, 0.5, 0.25)
    with served("still", root) as one:
        answers = one.ask(questions, levels)
        assert (one.model, one.version) == ("still", "2")
    assert len(answers) == len(questions)
    for question, answer in zip(questions, answers, strict=True):
        example = task.encode(question.values, question.horizon, levels, question.frequency)
        expected = task.predict([example])[0]
        assert np.allclose(answer.mean, expected.mean)
        assert answer.quantiles.shape == (3, question.horizon)
        for level, row in zip(levels, answer.quantiles, strict=True):
            assert np.allclose(row, expected.quantiles[repr(level)])


def test_a_version_can_be_chosen(root: Path) -> None:
    with served("still", root, version="1") as one:
        assert one.version == "1"
        assert len(one.ask([Question(np.arange(9.0), 2)] * 250, (0.5,))) == 250


def test_a_refused_version_says_why(root: Path) -> None:
    (root / "still" / "2" / "model.onnx").write_bytes(b"broken")
    with (
        pytest.raises(ModelNotFound, match=r"still/2: model\.onnx"),
        served("still", root, version="2"),
    ):
        pass
