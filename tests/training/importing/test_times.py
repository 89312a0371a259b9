"""Sequences with lengths of their own, and inputs that all rows share: understood, and served."""

from pathlib import Path

import numpy as np
import onnx
import pytest

from app.errors import ConfigurationError, InvalidInput
from app.serving.runtime.session import Session
from app.tasks.tensor.features import TensorFeatures
from app.tasks.tensor.task import TensorTask
from app.training.common.graph import Graph
from app.training.importing.checks import Verdict, examine
from app.training.importing.graph_file import describe
from app.training.importing.import_model import ImportOptions, import_model
from app.training.importing.told import Told

Name = str | int | None


def two_sequences(source: Name, target: Name, *, lengths: str = "", equal: bool = False) -> bytes:
    """src (batch, source, 2) and tgt (batch, target, 2) -> y: tgt plus the sum of exp(src).

    With equal sizes only, if `equal`: each step of src is added to the same one of tgt. `lengths`
    are those of src.
    """
    graph = Graph("two")
    src = graph.input("src", np.float32, ("batch", source, 2))  # type: ignore[arg-type]
    tgt = graph.input("tgt", np.float32, ("batch", target, 2))  # type: ignore[arg-type]
    src = graph.op("Exp", src)  # which padding with zeros changes
    if lengths:
        ends = graph.op("Unsqueeze", graph.input(lengths, np.int64, ("batch",)), np.array([1]))
        steps = graph.op("Squeeze", graph.op("Shape", src, start=1, end=2))
        places = graph.op("Range", np.array(0), steps, np.array(1))
        inside = graph.op("Unsqueeze", graph.op("Less", places, ends), np.array([2]))
        src = graph.op("Where", inside, src, np.array(0, np.float32))
    summed = src if equal else graph.op("ReduceSum", src, np.array([1]), keepdims=1)
    graph.output("y", graph.op("Add", tgt, summed), np.float32, ("batch", target, 2))  # type: ignore[arg-type]
    return bytes(graph.build().SerializeToString())


def examined(content: bytes, told: Told | None = None) -> Verdict:
    return examine(Session(content), describe(onnx.load_from_string(content)), told or Told())


def features_of(content: bytes, told: Told | None = None) -> TensorFeatures:
    verdict = examined(content, told)
    assert verdict.problems == []
    assert verdict.features is not None
    return verdict.features


def answered(content: bytes, features: TensorFeatures, **sizes: int) -> None:
    """Rows of these steps, in one batch with others, are answered as they should be."""
    task = TensorTask(features, Session(content))
    rows = []
    generator = np.random.default_rng(3)
    for extra in (0, 2):
        arrays = {
            name: generator.normal(size=(1, steps + extra, 2)).astype(np.float32)
            for name, steps in sizes.items()
        }
        given = dict(arrays)
        if features.lengths:
            given[features.lengths] = np.array([sizes["src"] + extra], np.int64)
        rows.append((arrays, task.split(given)[0]))
    for (arrays, _), found in zip(rows, task.predict([row for _, row in rows]), strict=True):
        expected = arrays["tgt"][0] + np.exp(arrays["src"][0]).sum(0)
        np.testing.assert_allclose(found.value("y"), expected, rtol=1e-5)


@pytest.mark.parametrize(
    ("source", "target"),
    [
        ("src_len", "tgt_len"),
        ("source", "target"),
        ("time", "tgt_len"),
        ("src_len", "time"),
        ("seq_len", "frames"),  # both as times are called
        (None, None),
        ("src_dynamic_axes_2", "tgt_dynamic_axes_2"),
        ("s77", "s12"),
    ],
)
def test_two_names_are_two_times(source: Name, target: Name) -> None:
    content = two_sequences(source, target)
    features = features_of(content)
    assert [tensor.batch_axis for tensor in features.inputs] == [0, 0]
    assert [tensor.time_axis for tensor in features.inputs] == [None, 1], "padding src is seen"
    answered(content, features, src=5, tgt=9)
    answered(content, features, src=5, tgt=2)


def test_one_name_is_one_time() -> None:
    content = two_sequences("time", "time", equal=True)
    features = features_of(content)
    assert [tensor.time_axis for tensor in features.inputs] == [1, 1]
    with pytest.raises(InvalidInput, match="another input has a time of 5"):
        answered(content, features, src=5, tgt=9)


@pytest.mark.parametrize(
    ("source", "target"), [("a", "b"), (None, None), ("src_len", "tgt_len"), ("time", None)]
)
def test_two_names_of_one_time(source: Name, target: Name) -> None:
    """The graph adds the sequences step by step: sizes that differ are refused by it."""
    features = features_of(two_sequences(source, target, equal=True))
    assert [tensor.time_axis for tensor in features.inputs] == [1, 1]


@pytest.mark.parametrize("lengths", ["src_lengths", "srcLen", "src_seq_len"])
@pytest.mark.parametrize(("source", "target"), [("src_len", "tgt_len"), ("n1", "n2")])
def test_lengths_end_the_sequence_that_is_theirs(lengths: str, source: str, target: str) -> None:
    content = two_sequences(source, target, lengths=lengths)
    features = features_of(content, Told(lengths=lengths))
    assert [each.time_axis for each in features.inputs if each.name != lengths] == [1, None]
    answered(content, features, src=5, tgt=9)


def test_a_time_can_be_told() -> None:
    features = features_of(two_sequences("a", "b"), Told(time_axes={"src": 1}, padding=False))
    assert features.inputs[0].time_axis == 1


def scaled(shape: tuple[Name, ...] = ()) -> bytes:
    """x (batch, time, 2) times rate, which is one for all rows."""
    graph = Graph("scaled")
    x = graph.input("x", np.float32, ("batch", "time", 2))
    rate = graph.op("Cast", graph.input("rate", np.int64, shape), to=onnx.TensorProto.FLOAT)  # type: ignore[arg-type]
    graph.output("y", graph.op("Mul", x, rate), np.float32, ("batch", "time", 2))
    return bytes(graph.build().SerializeToString())


class TestShared:
    def test_a_scalar_is_one_for_all_rows(self) -> None:
        verdict = examined(scaled())
        assert verdict.features is not None
        assert verdict.features.shared == ("rate",)
        assert "rate is one value for all rows" in verdict.findings[-1].what

    def test_others_can_be_told(self) -> None:
        [problem] = examined(scaled((1,))).problems
        assert problem.what == "batch is frozen: axis 0 of rate [1] is always 1"
        assert "or say --shared rate if it is one value for all rows" in problem.fix
        assert features_of(scaled((1,)), Told(shared=("rate",))).shared == ("rate",)

    def test_only_what_is_there(self) -> None:
        with pytest.raises(ConfigurationError, match="--shared: there is no input 'z'"):
            examined(scaled(), Told(shared=("z",)))

    def test_rows_of_one_value_share_a_batch(self) -> None:
        content = scaled()
        task = TensorTask(features_of(content), Session(content))
        one = np.ones((2, 3, 2), np.float32)
        rows = [
            row
            for rate in (1, 5, 5)
            for row in task.split({"x": one, "rate": np.array(rate)}, ["y"])
        ]
        assert len({row.group for row in rows}) == 2
        found = [float(each.value("y").max()) for each in task.predict(rows)]
        assert found == [1, 1, 5, 5, 5, 5]

    def test_it_is_published_and_repeats_its_answers(self, tmp_path: Path) -> None:
        path = tmp_path / "net.onnx"
        path.write_bytes(scaled())
        options = ImportOptions("mine", Told(values={"rate": (8000, 16000)}))
        assert import_model(path, options, tmp_path / "models").folder is not None
