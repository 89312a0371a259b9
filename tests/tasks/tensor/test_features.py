"""Which axes are the batch and the time, by name, and which features contradict themselves."""

from typing import Any

import pytest
from pydantic import ValidationError

from app.errors import ModelRefused
from app.serving.runtime.session import TensorSpec
from app.tasks.tensor.features import Tensor, TensorFeatures, features_of

TOKENS = TensorSpec("token_ids", "tensor(int64)", ("batch", "time"))
LENGTHS = TensorSpec("lengths", "tensor(int64)", ("batch",))
LOGITS = TensorSpec("logits", "tensor(float)", ("batch", 3))
PARTS = TensorSpec("parts", "tensor(float)", ("batch", "time", 3))
CHUNKS = TensorSpec("chunks", "tensor(float)", ("batch", "chunk", 3))
FUTURE = TensorSpec("future", "tensor(float)", ("batch", "horizon", 2))
ANSWERS = TensorSpec("answers", "tensor(float)", ("batch", "horizon", 5))


def test_axes_are_found_by_their_names() -> None:
    features = features_of([TOKENS, LENGTHS], [LOGITS, PARTS], ["a", "b", "c"])
    assert features.lengths == "lengths"
    axes = [(each.batch_axis, each.time_axis) for each in (*features.inputs, *features.outputs)]
    assert axes == [(0, 1), (0, None), (0, None), (0, 1)]
    assert features.labels == ("a", "b", "c")
    assert features.batched
    assert features.masked


def test_an_axis_without_lengths_is_not_the_time() -> None:
    features = features_of([TOKENS, LENGTHS, FUTURE], [ANSWERS])
    assert [each.time_axis for each in features.inputs] == [1, None, None]
    assert features.masked, "the horizon is known beforehand"


@pytest.mark.parametrize(
    ("inputs", "outputs", "batched"),
    [
        ([TOKENS], [LOGITS], True),  # no lengths
        ([TOKENS, LENGTHS], [CHUNKS], True),  # an output as long as the graph makes it
        ([TOKENS, TensorSpec("lengths", "tensor(float)", ("batch",))], [LOGITS], True),
        ([TOKENS, TensorSpec("lengths", "tensor(int64)", ("batch", 1))], [LOGITS], True),
        ([LENGTHS], [LOGITS], True),  # nothing that they could end
        ([TensorSpec("x", "tensor(float)", ("n", "time"))], [LOGITS], False),
        ([TOKENS, TensorSpec("rate", "tensor(float)", ())], [LOGITS], False),
        ([TOKENS], [TensorSpec("norm", "tensor(float)", ())], False),
    ],
)
def test_what_may_not_be_padded(
    inputs: list[TensorSpec], outputs: list[TensorSpec], batched: bool
) -> None:
    features = features_of(inputs, outputs)
    assert features.batched is batched
    assert not features.masked


@pytest.mark.parametrize("kind", ["seq(tensor(float))", "tensor(float8e4m3fn)", "map(string)"])
def test_what_the_protocol_has_no_name_for_is_refused(kind: str) -> None:
    with pytest.raises(ModelRefused, match="no client"):
        features_of([TensorSpec("x", kind, ("batch",))], [LOGITS])


def tensor(name: str, *shape: int | str | None, **fields: Any) -> dict[str, Any]:
    return {"name": name, "datatype": "INT64", "shape": shape} | fields


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"inputs": [tensor("x", "n", batch_axis=1)]}, "no axis 1"),
        ({"inputs": [tensor("x", 4, batch_axis=0)]}, "is fixed"),
        ({"inputs": [tensor("x", "n", batch_axis=0, time_axis=0)]}, "also its time axis"),
        ({"inputs": [tensor("x", "n", batch_axis=-1)]}, "greater than or equal to 0"),
        ({"inputs": [tensor("x"), tensor("x")]}, "the same name"),
        ({"lengths": "ends"}, "not among the inputs"),
        ({"lengths": "x"}, "one per row"),
        (
            {"inputs": [tensor("x", "n", batch_axis=0)], "lengths": "x"},
            "no input with a time axis",
        ),
        ({"states": {"h": "y"}}, "no input and output"),
        ({"inputs": [tensor("x", "n") | {"datatype": "FP8"}]}, "datatype"),
        ({"outputs": []}, "outputs"),
        ({"axes": 1}, "axes"),
    ],
)
def test_features_that_cannot_be(fields: dict[str, Any], words: str) -> None:
    sound = {"inputs": [tensor("x", "n", "t")], "outputs": [tensor("y", "n")]}
    TensorFeatures.model_validate(sound)
    with pytest.raises(ValidationError, match=words):
        TensorFeatures.model_validate(sound | fields)


def row(name: str, *shape: int | str | None, **fields: Any) -> dict[str, Any]:
    return tensor(name, "n", *shape, batch_axis=0, **fields)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"states": {}, "initial": {}}, "has states"),
        ({"outputs": [row("y"), tensor("g", 4)]}, "a batch axis in every tensor"),
        ({"inputs": [row("h", 4)]}, "an input beside its states"),
        ({"inputs": [row("x"), row("h", "size")]}, "no fixed size"),
        ({"outputs": [row("y"), row("g", 5)]}, "not like h"),
        ({"outputs": [row("y"), row("g", 4) | {"datatype": "FP32"}]}, "not like h"),
        ({"initial": {"x": [0]}}, "no state"),
    ],
)
def test_features_that_cannot_stream(changes: dict[str, Any], words: str) -> None:
    sound = {
        "inputs": [row("x"), row("h", 4)],
        "outputs": [row("y"), row("g", 4)],
        "states": {"h": "g"},
        "streams": True,
        "initial": {"h": [1, 2, 3, 4]},
    }
    assert TensorFeatures.model_validate(sound).optional == {"h"}
    with pytest.raises(ValidationError, match=words):
        TensorFeatures.model_validate(sound | changes)


def test_a_shape_is_shown_as_clients_read_it() -> None:
    assert Tensor(name="x", datatype="FP32", shape=("batch", None, 6)).shown() == "[batch, any, 6]"
