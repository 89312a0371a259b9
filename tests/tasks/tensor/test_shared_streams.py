"""Steps of a stream whose graph takes a value that all steps share, such as a sampling rate."""

from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import pytest

from app.serving.runtime.session import Session
from app.tasks.tensor.features import Tensor, TensorFeatures
from app.tasks.tensor.streams import StreamGraph
from app.tasks.tensor.task import TensorTask
from app.training.common.graph import Graph

Array = npt.NDArray[Any]


@pytest.fixture
def scaled_sum() -> StreamGraph:
    """values (batch, 2) times rate, added to state (batch, 2), which is y and next_state, too."""
    graph = Graph("scaled")
    values = graph.input("values", np.float32, ("batch", 2))
    state = graph.input("state", np.float32, ("batch", 2))
    rate = graph.op("Cast", graph.input("rate", np.int64, ()), to=onnx.TensorProto.FLOAT)
    total = graph.op("Add", state, graph.op("Mul", values, rate))
    graph.output("y", graph.op("Identity", total), np.float32, ("batch", 2))
    graph.output("next_state", total, np.float32, ("batch", 2))
    rows = {
        name: Tensor(name=name, datatype="FP32", shape=("batch", 2), batch_axis=0)
        for name in ("values", "state", "y", "next_state")
    }
    features = TensorFeatures(
        inputs=(rows["values"], rows["state"], Tensor(name="rate", datatype="INT64", shape=())),
        outputs=(rows["y"], rows["next_state"]),
        states={"state": "next_state"},
        shared=("rate",),
        streams=True,
    )
    return StreamGraph(TensorTask(features, Session(graph.build().SerializeToString())))


def taken(graph: StreamGraph, arrays: dict[str, Array]) -> list[Any]:
    """The last of y after all steps, one by one."""
    steps, state, last = graph.read(arrays), graph.first, None
    for at in range(graph.runs(steps)):
        [last] = graph.task.predict([graph.example(state, steps, at, ("y",))])
        state = graph.state_after(last)
    assert last is not None
    return last.value("y").tolist()  # type: ignore[no-any-return]


@pytest.mark.parametrize("count", [1, 3])
def test_all_steps_have_what_they_share(scaled_sum: StreamGraph, count: int) -> None:
    arrays = {"values": np.ones((count, 2), np.float32), "rate": np.array(10)}
    assert taken(scaled_sum, arrays) == [10.0 * count] * 2


def test_steps_are_joined_where_they_share_one_value(scaled_sum: StreamGraph) -> None:
    one = np.ones((1, 2), np.float32)
    parts = [
        scaled_sum.read({"values": one, "rate": np.array(rate)}) for rate in (1, 1, 5, 5, 5, 1)
    ]
    kept = [scaled_sum.unpacked(scaled_sum.packed(part), part.count) for part in parts]
    pieces = scaled_sum.pieces(kept, 10)
    assert [(piece.count, int(piece.arrays["rate"])) for piece in pieces] == [
        (2, 1),
        (3, 5),
        (1, 1),
    ]
