"""A graph that streams: asked with its states, or without them from their initial values."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from app.errors import InvalidInput, ModelRefused
from app.tasks.tensor.features import Tensor, TensorFeatures
from app.tasks.tensor.task import TensorTask
from tests import tensors

Array = npt.NDArray[Any]


def accumulator(streams: bool = True, **changes: Any) -> TensorTask:
    """values (batch, 2) + state (1, batch, 2), which is continued by next_state."""
    features = TensorFeatures(
        inputs=(
            Tensor(name="values", datatype="FP32", shape=("batch", 2), batch_axis=0),
            Tensor(name="state", datatype="FP32", shape=(1, "batch", 2), batch_axis=1),
        ),
        outputs=(
            Tensor(name="output", datatype="FP32", shape=("batch", 2), batch_axis=0),
            Tensor(name="next_state", datatype="FP32", shape=(1, "batch", 2), batch_axis=1),
        ),
        states={"state": "next_state"},
        streams=streams,
        **changes,
    )
    return tensors.task_of(tensors.accumulator(), features)


def answer(task: TensorTask, request: dict[str, Array]) -> dict[str, Array]:
    examples = task.split(request)
    return dict(task.join(examples, task.predict(examples)))


def test_without_a_state_a_request_is_the_whole_sequence() -> None:
    task = accumulator()
    values = np.array([[1, 2], [3, 4]], np.float32)
    plain = answer(task, {"values": values})
    assert plain["output"].tolist() == values.tolist()
    assert plain["next_state"].shape == (1, 2, 2)
    given = answer(task, {"values": values, "state": np.zeros((1, 2, 2), np.float32)})
    assert all(np.array_equal(plain[name], given[name]) for name in plain)


def test_with_its_state_a_sequence_goes_on() -> None:
    task = accumulator()
    values = np.array([[1, 2]], np.float32)
    first = answer(task, {"values": values})
    second = answer(task, {"values": values, "state": first["next_state"]})
    assert second["output"].tolist() == [[2, 4]]


def test_both_kinds_of_requests_share_a_batch() -> None:
    task = accumulator(initial={"state": [[10, 20]]})
    values = np.array([[1, 2]], np.float32)
    [begins] = task.split({"values": values})
    [goes_on] = task.split({"values": values, "state": np.full((1, 1, 2), 5, np.float32)})
    assert begins.group == goes_on.group
    both = [each.value("output").tolist() for each in task.predict([begins, goes_on])]
    assert both == [[11, 22], [6, 7]]


def test_initial_values_are_rows_without_the_batch_axis() -> None:
    assert accumulator().initial["state"].tolist() == [[0, 0]]
    assert accumulator(initial={"state": [[1, 2]]}).initial["state"].tolist() == [[1, 2]]
    assert accumulator(streams=False).initial == {}
    with pytest.raises(ModelRefused, match="the initial value of state"):
        accumulator(initial={"state": [[1, 2, 3]]})


def test_a_graph_that_does_not_stream_wants_its_state() -> None:
    with pytest.raises(InvalidInput, match="required"):
        accumulator(streams=False).split({"values": np.ones((1, 2), np.float32)})
