"""Graphs by their tensors: rows, batches, and what of a request never changes an answer."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import helper

from app.errors import InvalidInput, ModelRefused
from app.serving.runtime.session import Session
from app.tasks.tensor.checks import Limits
from app.tasks.tensor.features import Tensor, TensorFeatures
from app.tasks.tensor.task import TensorPrediction, TensorTask
from tests import tensors

Array = npt.NDArray[Any]


def ragged(lengths: Sequence[int], steps: int, seed: int = 0) -> dict[str, Array]:
    values = np.random.default_rng(seed).normal(size=(len(lengths), steps)).astype(np.float32)
    return {"values": values, "lengths": np.array(lengths)}


def answer(task: TensorTask, request: dict[str, Array], *outputs: str) -> dict[str, Array]:
    examples = task.split(request, outputs)
    return dict(task.join(examples, task.predict(examples)))


def test_rows_are_cut_to_their_lengths() -> None:
    task = tensors.task_of(tensors.running_sum())
    examples = task.split(ragged([3, 1, 5], steps=5))
    assert [example.length for example in examples] == [3, 1, 5]
    assert {example.group for example in examples} == {examples[0].group}


def test_a_request_gets_what_its_graph_gives() -> None:
    content = tensors.running_sum()
    request = ragged([4, 2, 5], steps=5)
    joined = answer(tensors.task_of(content), request)
    direct = Session(content).run(request)
    assert list(joined) == ["sums", "total"]
    np.testing.assert_array_equal(joined["total"], direct["total"])
    for row, length in enumerate(request["lengths"]):
        np.testing.assert_array_equal(joined["sums"][row, :length], direct["sums"][row, :length])
        assert not joined["sums"][row, length:].any(), "zero beyond a row's length"


@given(
    st.lists(st.integers(1, 12), min_size=1, max_size=6),
    st.lists(st.integers(0, 5), min_size=1, max_size=6),
    st.integers(0, 3),
)
def test_batch_mates_change_nothing(lengths: list[int], cuts: list[int], padding: int) -> None:
    """However the rows of one request are batched, with whatever padding: the same to the bit."""
    task = tensors.task_of(tensors.running_sum())
    request = ragged(lengths, max(lengths) + padding)
    alone = task.split(request)
    expected = task.join(alone, [task.predict([example])[0] for example in alone])
    strangers = task.split(ragged([9, 2], steps=20, seed=1))
    found: list[TensorPrediction] = []
    start = 0
    while start < len(alone):
        size = 1 + cuts[start % len(cuts)]
        batch = [*alone[start : start + size], *strangers]
        found += task.predict(batch)[: len(batch) - len(strangers)]
        start += size
    joined = task.join(alone, found)
    for name, value in expected.items():
        np.testing.assert_array_equal(joined[name], value)


def test_rows_of_other_sizes_are_not_batched_together() -> None:
    """Where no length tells where a row ends, padding would be part of it."""
    task = tensors.task_of(tensors.identity("FP32"))
    short, long = np.ones((1, 2), np.float32), np.ones((2, 5), np.float32)
    examples = task.split({"value": short}) + task.split({"value": long})
    assert examples[0].group != examples[1].group
    assert examples[1].group == examples[2].group
    shapes = [each.value("same").shape for each in task.predict(examples)]
    assert shapes == [(2,), (5,), (5,)]


def test_only_the_wanted_outputs_are_there() -> None:
    task = tensors.task_of(tensors.running_sum())
    assert list(answer(task, ragged([2], steps=2), "total")) == ["total"]
    assert list(answer(task, ragged([2, 1], steps=2), "total", "sums")) == ["total", "sums"]
    examples = task.split(ragged([2], steps=2), ["total"]) + task.split(ragged([2], steps=2))
    wanted = [prediction.outputs for prediction in task.predict(examples)]
    assert wanted == [("total",), ("sums", "total")]


def test_a_state_has_its_batch_where_it_has_it() -> None:
    def tensor(name: str, *shape: int | str, batch: int) -> Tensor:
        return Tensor(name=name, datatype="FP32", shape=shape, batch_axis=batch)

    features = TensorFeatures(
        inputs=(tensor("values", "batch", 2, batch=0), tensor("state", 1, "batch", 2, batch=1)),
        outputs=(
            tensor("output", "batch", 2, batch=0),
            tensor("next_state", 1, "batch", 2, batch=1),
        ),
        states={"state": "next_state"},
    )
    task = tensors.task_of(tensors.accumulator(), features)
    values = np.arange(6, dtype=np.float32).reshape(3, 2)
    state = 10 * np.arange(6, dtype=np.float32).reshape(1, 3, 2)
    joined = answer(task, {"values": values, "state": state})
    np.testing.assert_array_equal(joined["output"], values + state[0])
    np.testing.assert_array_equal(joined["next_state"], values[None] + state)


def test_a_graph_without_a_batch_takes_requests_as_they_are() -> None:
    task = tensors.task_of(tensors.identity("INT32", ("rows", "columns")))
    assert not task.features.batched
    value = np.arange(6, dtype=np.int32).reshape(2, 3)
    examples = task.split({"value": value}) + task.split({"value": value + 1})
    assert len(examples) == 2
    assert examples[0].group != examples[1].group
    first, second, again = task.predict([*examples, examples[0]])
    np.testing.assert_array_equal(again.value("same"), value)
    np.testing.assert_array_equal(first.value("same"), value)
    np.testing.assert_array_equal(second.value("number"), value + 1)
    assert task.join(examples[:1], [first])["same"].shape == (2, 3)


def test_texts_are_padded_with_empty_ones() -> None:
    features = TensorFeatures(
        inputs=(
            Tensor(name="value", datatype="BYTES", shape=("n", "t"), batch_axis=0, time_axis=1),
        ),
        outputs=(
            Tensor(name="same", datatype="BYTES", shape=("n", "t"), batch_axis=0, time_axis=1),
        ),
        padding=True,
    )
    task = tensors.task_of(tensors.identity("BYTES"), features)
    one = task.split({"value": np.array([["a", "b", "c"]], object)})
    other = task.split({"value": np.array([["d"]], object)})
    found = task.predict(one + other)
    assert found[1].value("same").tolist() == ["d"]
    assert found[0].value("same").tolist() == ["a", "b", "c"]


def test_golden_requests_are_rows() -> None:
    task = tensors.task_of(tensors.running_sum())
    example = task.encode({"values": [1, 2.5]})
    assert task.predict([example])[0].to_json() == {"outputs": {"sums": [1.0, 3.5], "total": 3.5}}
    shorter = task.encode({"values": [1, 2.5], "lengths": 1}, ["total"])
    assert task.predict([shorter])[0].to_json() == {"outputs": {"total": 1.0}}


REQUEST = ragged([2, 1], steps=2)


@pytest.mark.parametrize(
    ("changes", "field", "words"),
    [
        ({"values": None}, "inputs.values", "required"),
        ({"more": np.ones(2)}, "inputs.more", "no input 'more'"),
        ({"values": np.ones((2, 2))}, "inputs.values", "float64"),
        ({"values": np.ones(2, np.float32)}, "inputs.values", "has 1 axes"),
        ({"values": np.ones((3, 2), np.float32)}, "inputs.lengths", "batch of 3"),
        ({"values": np.ones((2, 0), np.float32)}, "inputs.values", "holds nothing"),
        ({"lengths": np.array([2, 3])}, "inputs.lengths", "row 1 is 3"),
        ({"lengths": np.array([-1, 1])}, "inputs.lengths", "row 0 is -1"),
        ({"lengths": np.array([2, 0])}, "inputs.lengths", "row 1 is 0"),
        ({"lengths": np.array([2.0, 1.0])}, "inputs.lengths", "float64"),
    ],
)
def test_wrong_inputs_are_named(changes: dict[str, Any], field: str, words: str) -> None:
    task = tensors.task_of(tensors.running_sum())
    request = {name: array for name, array in (REQUEST | changes).items() if array is not None}
    with pytest.raises(InvalidInput, match=words) as caught:
        task.split(request)
    assert caught.value.field == field
    assert caught.value.allowed


def test_unknown_outputs_are_named() -> None:
    task = tensors.task_of(tensors.running_sum())
    with pytest.raises(InvalidInput, match="no output 'mean'") as caught:
        task.split(REQUEST, ["total", "mean"])
    assert caught.value.field == "outputs[1].name"
    assert caught.value.allowed == "one of sums, total"


def test_sizes_must_agree_by_name() -> None:
    nodes = [helper.make_node("Add", ["a", "b"], ["c"])]
    shape = ("batch", "width")
    infos = [tensors.info(name, "FP32", shape) for name in "abc"]
    task = tensors.task_of(tensors.graph(nodes, infos[:2], infos[2:]))
    with pytest.raises(InvalidInput, match="width of 3"):
        task.split({"a": np.ones((1, 3), np.float32), "b": np.ones((1, 1), np.float32)})


@pytest.mark.parametrize(
    ("shapes", "words"),
    [
        ({"values": (5, 2), "lengths": (5,)}, "5 rows are too many"),
        ({"values": (4, 30), "lengths": (4,)}, "4 rows of 30 steps"),
        ({"values": (1, 51), "lengths": (1,)}, "51 steps are too long"),
    ],
)
def test_a_request_has_limits(shapes: dict[str, tuple[int, ...]], words: str) -> None:
    task = tensors.task_of(tensors.running_sum())
    with pytest.raises(InvalidInput, match=words):
        task.sizes(shapes, Limits(rows=4, steps=50, all_steps=100))


def test_what_the_graph_refuses_is_the_request_s_fault() -> None:
    task = tensors.task_of(tensors.lookup())
    request = {"token_ids": np.array([[1, 99]]), "lengths": np.array([2])}
    with pytest.raises(InvalidInput, match="out of data bounds"):
        task.predict(task.split(request))


@pytest.mark.parametrize(
    "change",
    [
        {"name": "other"},
        {"datatype": "INT64"},
        {"shape": ("batch",), "time_axis": None},
    ],
)
def test_features_must_be_those_of_the_graph(change: dict[str, Any]) -> None:
    content = tensors.identity("FP32")
    session = Session(content)
    features = tensors.task_of(content).features
    value = features.inputs[0].model_copy(update=change)
    with pytest.raises(ModelRefused, match="features"):
        TensorTask(features.model_copy(update={"inputs": (value,)}), session)


def test_a_graph_that_loses_rows_is_found_out() -> None:
    """Its output says that it has a batch, and has it not."""
    inputs = [tensors.info("value", "FP32", ("batch", 2))]
    outputs = [tensors.info("sum", "FP32", (None, 2))]
    nodes = [helper.make_node("ReduceSum", ["value", "axis"], ["sum"], keepdims=1)]
    content = tensors.graph(nodes, inputs, outputs, axis=np.array([0]))
    features = TensorFeatures(
        inputs=(Tensor(name="value", datatype="FP32", shape=("batch", 2), batch_axis=0),),
        outputs=(Tensor(name="sum", datatype="FP32", shape=("batch", 2), batch_axis=0),),
    )
    task = tensors.task_of(content, features)
    examples = task.split({"value": np.ones((2, 2), np.float32)})
    with pytest.raises(RuntimeError, match="has not 2 rows"):
        task.predict(examples)
