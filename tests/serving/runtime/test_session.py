"""A session by itself, with a graph made of a few nodes."""

from pathlib import Path

import numpy as np
import pytest
from onnx import helper

from app.errors import ModelRefused
from app.serving.runtime.session import Array, Refused, Session, TensorSpec
from tests import tensors
from tests.doubles import mean_graph

FEEDS: dict[str, Array] = {
    "values": np.array([[1, 2, 9], [4, 9, 9]], np.float32),  # (batch, time)
    "lengths": np.array([2, 1], np.int64),
}


def test_a_graph_runs_from_bytes_and_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(mean_graph())
    for session in (Session(mean_graph()), Session(path)):
        assert session.run(FEEDS)["mean"].tolist() == [1.5, 4.0]
        assert session.run(FEEDS, ["mean"]).keys() == {"mean"}
        assert session.provider == "CPUExecutionProvider"
        assert session.inputs == (
            TensorSpec("values", "tensor(float)", ("batch", "time")),
            TensorSpec("lengths", "tensor(int64)", ("batch",)),
        )
        assert session.outputs == (TensorSpec("mean", "tensor(float)", ("batch",)),)


def test_providers_that_are_not_installed_are_passed_over() -> None:
    session = Session(mean_graph(), ("NoSuchProvider", "CPUExecutionProvider"))
    assert session.provider == "CPUExecutionProvider"


def test_without_any_usable_provider_nothing_loads() -> None:
    with pytest.raises(ModelRefused, match="no execution provider of NoSuchProvider is installed"):
        Session(mean_graph(), ("NoSuchProvider",))


def test_a_broken_graph_is_refused_in_one_line(tmp_path: Path) -> None:
    for model in (b"", b"nonsense", mean_graph()[:-40], tmp_path / "absent.onnx"):
        with pytest.raises(ModelRefused, match="cannot be loaded") as caught:
            Session(model)
        assert "\n" not in caught.value.message
        assert "/proc/" not in caught.value.message


@pytest.mark.parametrize(
    ("feeds", "words"),
    [
        ({"values": FEEDS["values"]}, "missing from input feed"),
        (FEEDS | {"lengths": np.array([2.0, 1.0])}, "Unexpected input data type"),
        (FEEDS | {"values": np.ones(2, np.float32)}, "Invalid rank"),
        (FEEDS | {"values": np.ones((3, 2), np.float32)}, "broadcast"),
    ],
)
def test_values_that_do_not_fit_are_refused_in_one_line(
    feeds: dict[str, Array], words: str
) -> None:
    with pytest.raises(Refused, match=words) as caught:
        Session(mean_graph()).run(feeds)
    assert "\n" not in str(caught.value)
    assert "/onnxruntime" not in str(caught.value)


def test_a_lack_of_memory_is_not_the_fault_of_the_values() -> None:
    nodes = [helper.make_node("Expand", ["value", "shape"], ["large"])]
    content = tensors.graph(
        nodes,
        [tensors.info("value", "FP32", (1,)), tensors.info("shape", "INT64", (2,))],
        [tensors.info("large", "FP32", (None, None))],
    )
    feeds: dict[str, Array] = {
        "value": np.ones(1, np.float32),
        "shape": np.array([10**7, 10**8]),
    }
    with pytest.raises(Exception, match="alloc") as caught:
        Session(content).run(feeds)
    assert not isinstance(caught.value, Refused)


def test_bfloat16_goes_in_and_comes_out_as_its_bits() -> None:
    session = Session(tensors.identity("BF16"))
    bits = np.array([[0x3F80, 0xC020], [0x7F80, 0x0001]], np.uint16)
    values = session.run({"value": bits})
    np.testing.assert_array_equal(values["same"], bits)
    np.testing.assert_array_equal(values["number"][0], [1.0, -2.5])
    assert session.run({"value": bits.T}, ["same"])["same"].tolist() == bits.T.tolist()
