"""Graphs in other formats: too new, in doubles, of texts. What is told helps when it is done."""

from pathlib import Path
from typing import Any, Literal

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper, numpy_helper, version_converter

from app.errors import ConfigurationError
from app.serving.models.loader import load_version
from app.serving.models.manifest import read_manifest
from app.tasks.tensor.task import TensorTask
from app.training.importing.import_model import Imported, ImportOptions, import_model
from app.training.importing.told import Told
from tests import tensors
from tests.training.importing.graphs import Net


def imported(content: bytes, folder: Path, **options: Any) -> Imported:
    path = folder / "net.onnx"
    path.write_bytes(content)
    return import_model(path, ImportOptions("mine", **options), folder / "models")


def serves(folder: Path | None) -> bool:
    """Whether the version passes what the service asks of it."""
    assert folder is not None
    return load_version(folder, {"tensor": TensorTask}, expected=("mine", "1")).close(timeout=60)


def with_versions(content: bytes, ir: int, opset: int | None = None) -> bytes:
    model = onnx.load_from_string(content)
    model.ir_version = ir
    if opset is not None:
        model.opset_import[0].version = opset
    return bytes(model.SerializeToString())


def newest_ir() -> int:
    """The newest that ONNX Runtime reads."""
    net = Net().build()
    version = 10
    while True:
        try:
            ort.InferenceSession(with_versions(net, version + 1))
        except Exception:
            return version
        version += 1


def test_an_ir_version_that_is_too_new_is_lowered(tmp_path: Path) -> None:
    newest = newest_ir()
    done = imported(with_versions(Net().build(), newest + 1), tmp_path)
    assert done.verdict.problems == []
    [told] = [each for each in done.verdict.findings if each.what.startswith("IR version")]
    assert f"IR version: {newest + 1} is newer than what ONNX Runtime" in told.what
    assert serves(done.folder)
    assert done.folder is not None
    assert onnx.load(done.folder / "model.onnx").ir_version == newest


def test_what_is_told_of_an_ir_version_helps(tmp_path: Path) -> None:
    node = helper.make_node("Tanh", ["x"], ["y"])
    shape = ("batch", "time", 2)
    body = helper.make_graph(
        [node], "net", [tensors.info("x", "FP32", shape)], [tensors.info("y", "FP32", shape)]
    )
    opsets = [helper.make_opsetid("", 20)]
    plain = helper.make_model(body, opset_imports=opsets)  # with onnx's own newest IR version
    done = imported(plain.SerializeToString(), tmp_path)
    assert serves(done.folder)
    for each in done.verdict.findings:
        assert each.what.startswith("IR version") == ("pass ir_version=10" in each.fix)
    advised = helper.make_model(body, opset_imports=opsets, ir_version=10)
    again = imported(advised.SerializeToString(), tmp_path)
    assert "IR version" not in " ".join(each.what for each in again.verdict.findings)


def test_what_is_told_of_an_opset_helps(tmp_path: Path) -> None:
    newer = with_versions(Net(pooling="steps").build(), 10, onnx.defs.onnx_opset_version())
    done = imported(newer, tmp_path)
    if done.folder is None:  # the installed onnx is ahead of the installed ONNX Runtime
        [problem] = done.verdict.problems
        assert problem.what.startswith("opset: ")
        assert "onnx.version_converter.convert_version(onnx.load(FILE), 20)" in problem.fix
    model = version_converter.convert_version(onnx.load_from_string(newer), 20)
    assert imported(model.SerializeToString(), tmp_path).verdict.problems == []


@pytest.mark.parametrize("cell", ["LSTM", "GRU", "RNN"])
def test_recurrent_layers_in_doubles(tmp_path: Path, cell: Literal["LSTM", "GRU", "RNN"]) -> None:
    model = onnx.load_from_string(Net(cell=cell, lengths=False).build())
    for weights in model.graph.initializer:
        if weights.data_type == TensorProto.FLOAT:
            array = numpy_helper.to_array(weights).astype(np.float64)
            weights.CopyFrom(numpy_helper.from_array(array, weights.name))
    for each in (*model.graph.input, *model.graph.output):
        each.type.tensor_type.elem_type = TensorProto.DOUBLE
    done = imported(model.SerializeToString(), tmp_path)
    [problem] = done.verdict.problems
    assert problem.what.startswith("precision: ")
    assert cell in problem.what
    assert "model.float()" in problem.fix
    assert done.graph.parameters == onnx_size(model)


def onnx_size(model: onnx.ModelProto) -> int:
    doubles = [e for e in model.graph.initializer if e.data_type == TensorProto.DOUBLE]
    return sum(numpy_helper.to_array(each).size for each in doubles)


@pytest.mark.parametrize("shape", [("batch",), ("batch", 2), ("batch", "time")])
def test_texts_are_taken(tmp_path: Path, shape: tuple[str | int, ...]) -> None:
    done = imported(tensors.identity("BYTES", shape), tmp_path)
    assert serves(done.folder)
    assert done.folder is not None
    for golden in read_manifest(done.folder).golden:
        assert golden.request["inputs"] == {"value": golden.answer["outputs"]["same"]}  # type: ignore


@pytest.mark.parametrize(
    ("labels", "text"),
    [
        (("a", "b", "c"), "there are 3 labels, and no output whose last axis has that size: y"),
        (("a", "b", "c", "a"), "a is there twice"),
    ],
)
def test_labels_that_fit_no_output(tmp_path: Path, labels: tuple[str, ...], text: str) -> None:
    with pytest.raises(ConfigurationError, match=text):
        imported(Net().build(), tmp_path, labels=labels)


@pytest.mark.parametrize("pooling", ["last", "steps"])
def test_labels_of_the_last_axis(tmp_path: Path, pooling: Literal["last", "steps"]) -> None:
    done = imported(Net(pooling=pooling).build(), tmp_path, labels=("a", "b", "c", "d"))
    assert done.folder is not None
    assert read_manifest(done.folder).features["labels"] == ["a", "b", "c", "d"]


def test_classes_without_numbers_have_no_labels(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="no output whose last axis"):
        imported(tensors.label(), tmp_path, labels=("first",), told=Told(padding=False))
