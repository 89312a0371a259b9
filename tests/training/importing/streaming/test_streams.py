"""Networks that hide their state are given one, and parts are answered as the whole.

The answers are compared here without the task and the proof of the import: the original graph is
asked once for the whole, the new one step by step, in ONNX Runtime itself.
"""

import numpy as np
import pytest
import torch
from torch import nn

from app.serving.runtime.session import Session
from app.tasks.tensor.task import TensorTask
from app.training.common.cells import CELLS
from app.training.importing.graph_file import describe
from app.training.importing.streaming.verdict import examine_stream
from app.training.importing.told import Told
from tests.training.importing.streaming.asking import (
    ROWS,
    first_states,
    in_parts,
    original,
    streaming,
    values,
)
from tests.training.importing.streaming.bodies import BODIES, packed
from tests.training.importing.streaming.networks import (
    FEATURES,
    HIDDEN,
    Network,
    causal_conv_with_state,
    exported,
    like_dynamo,
    like_tf2onnx,
    lstm,
    own_cell,
)


@pytest.mark.parametrize("name", BODIES)
def test_a_hidden_state_is_exposed(name: str) -> None:
    network, states = BODIES[name]
    model = exported(network)
    graph, features = streaming(model)
    assert set(features.states) == states
    assert features.masked, "rows of unequal length share batches"
    assert all(features.states[each] == f"next_{each}" for each in states)
    x = values()
    whole = original(model, x)
    for sizes in ((9,), (1,) * 9, (4, 5), (2, 6, 1)):
        found = in_parts(graph, features, x, *sizes)
        np.testing.assert_allclose(found, whole, rtol=0, atol=1e-5 * np.abs(whole).max())
        if name in ("every step", "last step", "last state", "mean so far", "largest so far"):
            np.testing.assert_array_equal(found, whole)


@pytest.mark.parametrize("name", BODIES)
def test_rows_of_unequal_length_share_a_batch(name: str) -> None:
    """Padding changes neither answers nor states, and a row of no steps keeps its states."""
    graph, features = streaming(exported(BODIES[name][0]))
    session = Session(graph.content)
    assert features.lengths is not None
    x, lengths = values(), np.array([9, 4, 1])
    states = first_states(features, ROWS)
    generator = np.random.default_rng(2)
    states = {
        each: generator.normal(size=value.shape).astype(value.dtype)
        for each, value in states.items()
    }
    timed = {each.name: each.time_axis for each in features.outputs}
    together = session.run({"x": x, features.lengths: lengths, **states})
    for row, steps in enumerate(lengths):
        one = slice(row, row + 1)
        feeds = {"x": x[one, :steps], features.lengths: lengths[one]}
        alone = session.run(feeds | {each: value[one] for each, value in states.items()})
        for output, value in alone.items():
            among = together[output][one]
            among = among if timed[output] is None else among[:, :steps]
            np.testing.assert_allclose(among, value, rtol=0, atol=1e-5)
    none = session.run({"x": x, features.lengths: np.zeros(ROWS, np.int64), **states})
    for before, after in features.states.items():
        np.testing.assert_array_equal(none[after], states[before])


@pytest.mark.parametrize("cell", ["LSTM", "GRU", "RNN"])
@pytest.mark.parametrize("last", [True, False])
def test_graphs_of_keras(cell: str, last: bool) -> None:
    model = like_tf2onnx(cell, last=last)
    graph, features = streaming(model)
    assert set(features.states) == ({"h_1", "c_1"} if cell == "LSTM" else {"h_1"})
    assert features.masked
    x = values()
    np.testing.assert_allclose(
        in_parts(graph, features, x, 1, 3, 5), original(model, x), rtol=0, atol=1e-5
    )


@pytest.mark.parametrize("counted", [False, True])
def test_graphs_of_the_newer_exporter(counted: bool) -> None:
    model = like_dynamo(counted=counted)
    graph, features = streaming(model)
    assert set(features.states) == {"h_1", "c_1", "h_2", "c_2"}
    assert features.masked, "lengths that are computed from the shape are none of a row"
    x = values()
    np.testing.assert_array_equal(in_parts(graph, features, x, 2, 6, 1), original(model, x))


def test_what_is_no_sequence_comes_with_every_request() -> None:
    """An input without a time axis, beside one that has it."""
    network = Network(
        lambda net, x, place: net.rnn(torch.cat([x, place[:, None].expand(-1, x.shape[1], -1)], 2))[
            0
        ],
        rnn=nn.GRU(FEATURES + 2, HIDDEN, batch_first=True),
    )
    model = exported(network, [("place", torch.zeros(2, 2), 0)])
    graph, features = streaming(model)
    assert features.states == {"h_1": "next_h_1"}
    session, x = Session(graph.content), values()
    place = np.ones((ROWS, 2), np.float32)
    whole = Session(model.SerializeToString()).run({"x": x, "place": place})["y"]
    states, parts = first_states(features, ROWS), []
    for start, end in ((0, 4), (4, 9)):
        feeds = {"x": x[:, start:end], "place": place, "lengths": np.full(ROWS, end - start)}
        parts.append(session.run(feeds | states))
        states = {"h_1": parts[-1]["next_h_1"]}
    np.testing.assert_array_equal(np.concatenate([each["y"] for each in parts], 1), whole)


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("lengths", [True, False])
def test_cells_of_this_project(cell: str, lengths: bool) -> None:
    """Native nodes, Scan and LinearAttention, with lengths of their own and without."""
    model = own_cell(cell, lengths)
    graph, features = streaming(model)
    assert len(features.states) >= 2, "one a layer at least"
    assert features.masked
    x = values()
    whole = original(model, x)
    found = in_parts(graph, features, x, 1, 1, 7)
    np.testing.assert_allclose(found, whole, rtol=0, atol=1e-5 * np.abs(whole).max())
    session = Session(graph.content)
    states = first_states(features, ROWS)
    steps = np.array([9, 2, 5])
    padded_rows = session.run({"x": x, "lengths": steps, **states})
    for row, count in enumerate(steps):
        one = slice(row, row + 1)
        feeds = {"x": x[one, :count], "lengths": steps[one]}
        alone = session.run(feeds | {each: value[one] for each, value in states.items()})
        for after in features.states.values():
            np.testing.assert_allclose(padded_rows[after][one], alone[after], rtol=0, atol=1e-5)


@pytest.mark.parametrize("lengths", [True, False])
def test_a_convolution_of_onnx_runtime(lengths: bool) -> None:
    model = causal_conv_with_state(lengths=lengths)
    graph, features = streaming(model)
    assert features.states == {"window_1": "next_window_1"}
    assert features.masked
    x = values()
    np.testing.assert_allclose(
        in_parts(graph, features, x, 1, 3, 5), original(model, x), rtol=0, atol=1e-5
    )


def test_lengths_of_its_own_are_kept() -> None:
    more = [("lengths", torch.tensor([5, 4]), 0)]
    network = Network(packed, rnn=lstm(num_layers=2))
    model = exported(network, more, ("y", "steps"))
    graph, features = streaming(model)
    assert [each.name for each in features.inputs][:2] == ["x", "lengths"]
    assert set(features.states) == {"h_1", "c_1", "h_2", "c_2"}
    x = values()
    np.testing.assert_array_equal(in_parts(graph, features, x, 4, 1, 4), original(model, x))


class TestStatesThatAreInputs:
    def test_what_is_continued_already_stays(self) -> None:
        network = Network(
            lambda net, x, h: net.rnn(x, h),
            rnn=nn.GRU(FEATURES, HIDDEN, num_layers=2, batch_first=True),
        )
        model = exported(network, [("h0", torch.zeros(2, 2, HIDDEN), 1)], ("y", "hn"))
        graph, features = streaming(model)
        assert features.states == {"h0": "hn"}
        assert features.lengths == "lengths", "so that rows of unequal length share a batch"
        assert {each.name: each.batch_axis for each in features.inputs}["h0"] == 1
        x = values()
        np.testing.assert_array_equal(in_parts(graph, features, x, 3, 6), original(model, x))
        none = np.zeros(ROWS, np.int64)
        states = {"h0": np.ones((2, ROWS, HIDDEN), np.float32)}
        kept = Session(graph.content).run({"x": x, "lengths": none, **states})
        np.testing.assert_array_equal(kept["hn"], states["h0"])

    def test_what_is_hidden_beside_it_is_exposed(self) -> None:
        network = Network(
            lambda net, x, h: (net.rnn(x, h)[0].cumsum(1), net.rnn(x, h)[1]),
            rnn=nn.GRU(FEATURES, HIDDEN, batch_first=True),
        )
        model = exported(network, [("h0", torch.zeros(1, 2, HIDDEN), 1)], ("y", "hn"))
        graph, features = streaming(model)
        assert features.states == {"h0": "hn", "sum_1": "next_sum_1"}
        x = values()
        np.testing.assert_allclose(
            in_parts(graph, features, x, 3, 6), original(model, x), rtol=0, atol=1e-5
        )

    @pytest.mark.parametrize("layers", [1, 2])
    def test_a_state_that_nothing_continues_is_replaced(self, layers: int) -> None:
        network = Network(
            lambda net, x, h: net.rnn(x, h)[0],
            rnn=nn.GRU(FEATURES, HIDDEN, num_layers=layers, batch_first=True),
        )
        model = exported(network, [("h0", torch.zeros(layers, 2, HIDDEN), 1)])
        graph, verdict = examine_stream(describe(model), Told())
        assert "nothing continued the state h0" in verdict.findings[0].what
        features = verdict.features
        assert features is not None
        assert "h0" not in {each.name for each in features.inputs}
        x = values()
        np.testing.assert_array_equal(in_parts(graph, features, x, 8, 1), original(model, x))


def test_it_can_be_asked_both_ways() -> None:
    """Without states a request is a whole sequence, and it shares a batch with a stream's step."""
    model = exported(BODIES["largest so far"][0])
    graph, features = streaming(model)
    task = TensorTask(features, Session(graph.content))
    x = values()
    [first, *_] = task.split({"x": x[:1]})
    [step] = task.split({"x": x[1:2, :1]} | first_states(features, 1))
    assert first.group == step.group
    whole, part = task.predict([first, step])
    np.testing.assert_array_equal(whole.value("y"), original(model, x)[0])
    np.testing.assert_array_equal(part.value("y"), original(model, x[:, :1])[1])


def test_names_that_are_taken_get_a_number() -> None:
    network = Network(lambda net, x, h: net.rnn(x)[0] + h[:, None], rnn=lstm())
    model = exported(network, [("h_1", torch.zeros(2, HIDDEN), 0)])
    _, features = streaming(model)
    assert set(features.states) == {"h_1_2", "c_1"}


def test_without_padding_only_equal_lengths_share_a_batch() -> None:
    _, features = streaming(exported(BODIES["every step"][0]), padding=False)
    assert not features.masked
