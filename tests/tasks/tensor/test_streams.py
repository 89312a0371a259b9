"""Steps of one stream as examples: states in and out, parts and wholes, whoever shares a batch."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import InvalidInput
from app.tasks.tensor.streams import StreamGraph
from app.tasks.tensor.task import TensorTask
from tests.streams import recurrent, stream_features
from tests.tensors import accumulator, running_sum, task_of

Array = npt.NDArray[Any]


def task(**options: Any) -> TensorTask:
    content = recurrent(**options)
    return task_of(content, stream_features(content))


TASKS = {
    "lstm": task(),
    "deep": task(layers=2, inputs=2),
    "gru": task(cell="gru", hidden=3),
    "plain": task(lengths=False),
    "sum": task_of(accumulator(), stream_features(accumulator())),
}


def random_steps(graph: StreamGraph, count: int, seed: int) -> Array:
    [tensor] = graph.data
    width = tensor.shape[-1]
    assert isinstance(width, int)
    values = np.random.default_rng(seed).normal(size=(count, width)).astype(np.float32)
    return values[None] if graph.timed else values


def taken(graph: StreamGraph, values: Array, state: bytes) -> tuple[Array, bytes]:
    """(the output of each step, the state after them)."""
    steps = graph.read({graph.data[0].name: values})
    found = []
    for at in range(graph.runs(steps)):
        [prediction] = graph.task.predict([graph.example(state, steps, at, graph.outputs)])
        found.append(prediction)
        state = graph.state_after(prediction)
    return graph.joined(found, graph.outputs)["output"], state


@pytest.mark.parametrize("name", TASKS)
@given(parts=st.lists(st.integers(1, 5), min_size=1, max_size=5), seed=st.integers(0, 9))
def test_the_whole_is_its_parts_to_the_bit(name: str, parts: list[int], seed: int) -> None:
    graph = StreamGraph(TASKS[name])
    axis = 1 if graph.timed else 0
    values = random_steps(graph, sum(parts), seed)
    whole, last = taken(graph, values, graph.first)
    state, found = graph.first, []
    for part in np.split(values, np.cumsum(parts)[:-1], axis=axis):
        output, state = taken(graph, part, state)
        found.append(output)
    np.testing.assert_array_equal(np.concatenate(found, axis=axis), whole)
    assert state == last


@pytest.mark.parametrize("name", ["lstm", "deep", "gru"])
@given(counts=st.lists(st.integers(1, 6), min_size=2, max_size=8), seed=st.integers(0, 9))
def test_an_answer_does_not_depend_on_who_shares_the_batch(
    name: str, counts: list[int], seed: int
) -> None:
    """Streams of unequal numbers of steps, and a request without a stream among them."""
    graph = StreamGraph(TASKS[name])
    rows = [random_steps(graph, count, seed + place) for place, count in enumerate(counts)]
    states = [graph.first]
    for values in rows:
        states.append(taken(graph, values, states[-1])[1])
    examples = []
    for state, values in zip(states, rows, strict=False):
        steps = graph.read({"values": values})
        examples.append(graph.example(state, steps, 0, graph.outputs))
    examples += graph.task.split({"values": rows[0]})
    assert len({example.group for example in examples}) == 1
    together = graph.task.predict(examples)
    for prediction, state, values in zip(together, [*states, graph.first], rows, strict=False):
        output, after = taken(graph, values, state)
        np.testing.assert_array_equal(prediction.value("output"), output[0])
        assert graph.state_after(prediction) == after


def test_rows_of_unequal_length_share_no_batch_without_lengths() -> None:
    graph = StreamGraph(TASKS["plain"])
    groups = set()
    for count in (1, 2, 2):
        steps = graph.read({"values": random_steps(graph, count, 0)})
        groups.add(graph.example(graph.first, steps, 0, graph.outputs).group)
    assert len(groups) == 2


@pytest.mark.parametrize("name", TASKS)
def test_kept_inputs_are_fed_again(name: str) -> None:
    graph = StreamGraph(TASKS[name])
    assert graph.can_be_fed_again
    parts = [graph.read({"values": random_steps(graph, count, count)}) for count in (1, 3, 2)]
    again = [graph.unpacked(graph.packed(each), each.count) for each in parts]
    for before, after in zip(parts, again, strict=True):
        np.testing.assert_array_equal(before.arrays["values"], after.arrays["values"])
    assert [each.count for each in graph.pieces(again, 4)] == [4, 2]
    assert [each.count for each in graph.pieces(again, 100)] == [6]
    with pytest.raises(ValueError, match=r"bytes|buffer"):
        graph.unpacked(graph.packed(parts[0]), 2)


def test_what_cannot_be_taken() -> None:
    graph = StreamGraph(TASKS["lstm"])
    for arrays, word in (
        ({"values": np.zeros((2, 1, 1), np.float32)}, "2 rows"),
        ({"h": np.zeros((1, 1, 4), np.float32)}, "belongs to the stream"),
        ({}, "required"),
    ):
        with pytest.raises(InvalidInput, match=word):
            graph.read(arrays)
    steps = graph.read({"values": np.zeros((1, 1, 1), np.float32)})
    with pytest.raises(ValueError, match="no state"):
        graph.example(graph.first + b"1", steps, 0, graph.outputs)
    with pytest.raises(InvalidInput, match="does not stream"):
        StreamGraph(task_of(running_sum()))
