"""A session by itself, with a graph made of a few nodes."""

from pathlib import Path

import numpy as np
import pytest

from app.errors import ModelRefused
from app.serving.session import Array, Session, TensorSpec
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
