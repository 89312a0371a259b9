"""Right graphs pass and are understood; each mistake is named in the words of its fix."""

import numpy as np
import onnx
import pytest

from app.errors import ConfigurationError
from app.serving.runtime.session import Session
from app.tasks.tensor.task import TensorTask
from app.training.common.graph import Graph
from app.training.importing.checks import Verdict, examine
from app.training.importing.graph_file import describe
from app.training.importing.told import Told
from tests.training.importing.graphs import Net

STATES = ("h0", "hn", "c0", "cn")
STREAMS = "it streams: sequences in parts are answered as the whole, to the bit"
STATES_TOLD = {"a": "b", "c": "d"}


def one_step(first: str, second: str, *outputs: str) -> bytes:
    """A cell without a time axis: x (batch, 4) and two states of (batch, 4)."""
    graph = Graph("step")
    x = graph.input("x", np.float32, ("batch", 4))
    one = graph.input(first, np.float32, ("batch", 4))
    two = graph.input(second, np.float32, ("batch", 4))
    sums = graph.op("Add", x, one)
    graph.output("y", graph.op("Concat", sums, two, axis=1), np.float32, ("batch", 8))
    graph.output(outputs[0], graph.op("Tanh", sums), np.float32, ("batch", 4))
    graph.output(outputs[1], graph.op("Mul", sums, two), np.float32, ("batch", 4))
    return bytes(graph.build().SerializeToString())


def examined(net: Net, told: Told | None = None) -> Verdict:
    content = net.build()
    return examine(Session(content), describe(onnx.load_from_string(content)), told or Told())


def notes(verdict: Verdict) -> str:
    return "\n".join(each.what for each in verdict.findings if each.severity == "note")


@pytest.mark.parametrize(
    "net",
    [
        Net(),
        Net(cell="GRU", pooling="steps"),
        Net(cell="RNN", pooling="masked mean"),
        Net(direction="bidirectional"),
        Net(embedded=True),
        Net(rows_first=False, pooling="steps"),
        Net(batch=None, time=None),
        Net(batch="x_dynamic_axes_1", time="x_dynamic_axes_2"),
        Net(lengths_name="seq_lens"),
        Net(states=STATES),
    ],
    ids=lambda net: net.cell,
)
def test_a_right_graph_passes(net: Net) -> None:
    verdict = examined(net)
    assert verdict.problems == []
    features = verdict.features
    assert features is not None
    assert features.lengths == net.lengths_name
    assert features.masked, "rows of unequal length share batches"
    first = 0 if net.rows_first else 1
    assert (features.inputs[0].batch_axis, features.inputs[0].time_axis) == (first, 1 - first)
    y = {tensor.name: tensor for tensor in features.outputs}["y"]
    steps = net.pooling == "steps"
    assert (y.batch_axis, y.time_axis) == ((first, 1 - first) if steps else (0, None))


def test_axes_without_names_are_found_by_trial() -> None:
    verdict = examined(Net(rows_first=False, batch=None, time=None, pooling="steps"))
    assert verdict.problems == []
    assert verdict.features is not None
    assert verdict.features.inputs[0].batch_axis == 1
    assert "layout: the recurrence runs along" in notes(verdict)


def test_axes_that_are_named_wrongly() -> None:
    """A network that takes time first, exported as if it took rows first."""
    verdict = examined(Net(rows_first=False, batch="time", time="batch", lengths=False))
    problem, other = verdict.problems
    assert other.what.startswith("lengths are missing")
    assert problem.what.startswith("layout: the recurrence runs along what looked like the batch")
    assert "--batch-axis x=1 --time-axis x=0" in problem.fix
    told = Told(batch_axes={"x": 1}, time_axes={"x": 0}, padding=False)
    net = Net(rows_first=False, batch="time", time="batch", lengths=False)
    assert examined(net, told).problems == []


@pytest.mark.parametrize(
    ("net", "what", "fix"),
    [
        (Net(batch=1), "batch is frozen: axis 0 of x [1, time, 3] is always 1", "dynamic_axes"),
        (Net(time=9), "time is frozen: axis 1 of x [batch, 9, 3] is always 9", "--fixed-time"),
        (
            Net(inside=(1, -1)),
            "batch is frozen inside the graph, though its inputs are declared free: it runs with "
            "1 rows of 1 steps",
            "Python number",
        ),
        (Net(inside=(-1, 10)), "time is frozen inside the graph", "dynamic_axes"),
        (
            Net(lengths=False),
            "lengths are missing: padding changes the answers (y by ",
            "pack_padded_sequence",
        ),
        (Net(lengths=False, direction="bidirectional", pooling="steps"), "lengths are missing", ""),
        (Net(lengths_used=False), "the lengths lengths reach nothing", "sequence_lens"),
        (Net(pooling="mean"), "padding changes the answers although lengths is given", "mask what"),
        (Net(extra="batch norm"), "rows in one batch change each other's answers", "model.eval()"),
        (
            Net(extra="quantised"),
            "rows in one batch change each other's answers",
            "serve the unquantised graph",
        ),
        (Net(extra="random"), "the output y is another one each time", "model.eval()"),
        (Net(extra="no batch"), "the output y has no batch axis: [1, 4] for 2 rows", "per row"),
        (Net(extra="minus infinity"), "the output y holds values that are not finite", "--values"),
    ],
    ids=lambda value: value[:40] if isinstance(value, str) else "",
)
def test_a_mistake_is_named_with_its_fix(net: Net, what: str, fix: str) -> None:
    verdict = examined(net)
    assert verdict.features is None
    problem = verdict.problems[0]
    assert what in problem.what
    assert fix in problem.fix


def test_no_lengths_are_needed_where_padding_changes_nothing() -> None:
    """Every step is answered and sees its past only: what comes after it does not matter."""
    verdict = examined(Net(lengths=False, pooling="steps"))
    assert verdict.problems == []
    assert verdict.features is not None
    assert verdict.features.padding is True
    assert verdict.features.masked
    assert "no lengths are needed: padding changes no answer" in notes(verdict)


@pytest.mark.parametrize("net", [Net(lengths=False), Net(pooling="mean")])
def test_without_padding_only_equal_lengths_share_a_batch(net: Net) -> None:
    verdict = examined(net, Told(padding=False))
    assert verdict.problems == []
    features = verdict.features
    assert features is not None
    assert not features.masked
    session = Session(net.build())
    task = TensorTask(features, session)
    rows = []
    for steps in (2, 5):
        arrays = {"x": np.ones((1, steps, 3), np.float32)}
        if net.lengths:
            arrays["lengths"] = np.array([steps], np.int64)
        rows += task.split(arrays)
    assert rows[0].group != rows[1].group
    together = [each.value("y") for each in task.predict(rows)]
    alone = [task.predict([row])[0].value("y") for row in rows]
    assert all(map(np.array_equal, together, alone))


def test_a_fixed_number_of_steps_can_be_meant() -> None:
    verdict = examined(Net(time=9, lengths=False), Told(fixed_time=True))
    assert verdict.problems == []
    assert verdict.features is not None
    assert [tensor.shape for tensor in verdict.features.inputs] == [("batch", 9, 3)]


class TestStates:
    def test_they_are_found_by_name_and_tried(self) -> None:
        for names in (
            STATES,
            ("h_0", "h_n", "c_0", "c_n"),
            ("initial_h", "Y_h", "initial_c", "Y_c"),
            ("hidden_in", "hidden_out", "cell_in", "cell_out"),
            ("hidden", "new_hidden", "cell", "new_cell"),
            ("past_h", "present_h", "past_c", "present_c"),
            ("hx", "hy", "cx", "cy"),
            ("h", "new_h", "c", "new_c"),
            ("h0", "h_out", "h1", "h1_out"),  # numbered by layer, and by time
            ("state_in_h", "state_out_h", "state_in_c", "state_out_c"),
            ("lstmStateIn0", "lstmStateOut0", "lstmStateIn1", "lstmStateOut1"),
            ("prevH", "nextH", "prevC", "nextC"),
            ("state", "stateN", "cell", "cellN"),
        ):
            verdict = examined(Net(states=names, pooling="steps"))
            assert verdict.problems == []
            assert verdict.features is not None
            assert verdict.features.states == {names[0]: names[1], names[2]: names[3]}
            assert verdict.features.streams, "the service may keep the states"
            assert [each.what for each in verdict.findings] == [STREAMS]

    @pytest.mark.parametrize("crossed", [False, True])
    def test_names_that_do_not_tell_are_tried(self, crossed: bool) -> None:
        net = Net(states=("a", "b", "c", "d"), pooling="steps", crossed=crossed)
        verdict = examined(net)
        assert verdict.features is not None
        assert verdict.features.states == ({"a": "d", "c": "b"} if crossed else STATES_TOLD)
        assert "taken for states by their shapes" in notes(verdict)

    def test_one_found_by_name_and_one_by_trial(self) -> None:
        verdict = examined(Net(states=("h0", "hn", "c", "d"), pooling="steps"))
        assert verdict.features is not None
        assert verdict.features.states == {"h0": "hn", "c": "d"}
        assert "c -> d: taken for states by their shapes" in notes(verdict)

    def test_states_need_not_be_looked_for(self) -> None:
        verdict = examined(Net(states=STATES), Told(find_states=False))
        assert verdict.features is not None
        assert verdict.features.states == {}

    def test_an_input_of_an_output_s_shape_is_no_state(self) -> None:
        """The hidden size is the number of classes, and what is given each time is no state."""
        graph = Graph("static")
        x = graph.input("x", np.float32, ("batch", "time", 4))
        static = graph.input("static", np.float32, ("batch", 4))
        mean = graph.op("ReduceSum", x, np.array([1], np.int64), keepdims=0)
        graph.output("y", graph.op("Mul", mean, static), np.float32, ("batch", 4))
        content = bytes(graph.build().SerializeToString())
        verdict = examine(Session(content), describe(onnx.load_from_string(content)), Told())
        assert verdict.features is not None
        assert verdict.features.states == {}

    def test_what_cannot_be_tried_is_not_guessed(self) -> None:
        """One step a request: any of the two could be continued by any."""
        content = one_step("cell", "hidden", "p", "q")
        session, graph = Session(content), describe(onnx.load_from_string(content))
        [problem] = examine(session, graph, Told()).problems
        assert "the states cell, hidden could each be continued by several outputs" in problem.what
        assert "--state cell=p --state hidden=q" in problem.fix
        told = examine(session, graph, Told(states={"cell": "q", "hidden": "p"}))
        assert told.problems == []
        none = examine(session, graph, Told(find_states=False))
        assert none.problems == []
        named = one_step("h", "c", "h_out", "c_out")
        verdict = examine(Session(named), describe(onnx.load_from_string(named)), Told())
        assert verdict.features is not None
        assert verdict.features.states == {"h": "h_out", "c": "c_out"}

    def test_other_names_can_be_told(self) -> None:
        net = Net(states=("a", "b", "c", "d"))
        told = examined(net, Told(states={"a": "b", "c": "d"}))
        assert told.features is not None
        assert told.features.states == {"a": "b", "c": "d"}

    def test_a_pair_that_does_not_continue_is_a_problem_if_told(self) -> None:
        net = Net(states=STATES, crossed=True)
        guessed = examined(net)
        assert guessed.features is not None
        assert guessed.features.states == {}
        assert "h0 -> hn, c0 -> cn do not continue a sequence" in notes(guessed)
        [problem] = examined(net, Told(states={"h0": "hn", "c0": "cn"})).problems
        assert "do not continue a sequence: in two parts," in problem.what
        right = examined(net, Told(states={"h0": "cn", "c0": "hn"}))
        assert right.problems == []

    def test_a_bidirectional_layer_cannot_be_continued(self) -> None:
        verdict = examined(Net(states=STATES, direction="bidirectional", pooling="steps"))
        assert verdict.features is not None
        assert verdict.features.states == {}
        assert "do not continue a sequence" in notes(verdict)

    def test_states_that_stay_inside_are_told(self) -> None:
        assert "the state is not exposed" in notes(examined(Net()))


@pytest.mark.parametrize(
    ("told", "text"),
    [
        (Told(batch_axes={"z": 0}), "--batch-axis: there is no input 'z'; there are x, lengths"),
        (Told(time_axes={"x": 3}), "--time-axis: x [batch, time, 3] has no axis 3"),
        (Told(lengths="z"), "--lengths: there is no input 'z'"),
        (Told(lengths="x"), "--lengths: x is tensor(float)"),
        (Told(states={"z": "y"}), "--state: there is no input 'z'"),
        (Told(states={"x": "z"}), "--state: there is no output 'z'; there are y"),
        (Told(values={"z": (0, 1)}), "--values: there is no input 'z'"),
    ],
)
def test_what_is_told_must_be_there(told: Told, text: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        examined(Net(), told)
    assert text in caught.value.message
