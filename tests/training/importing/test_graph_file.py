"""What is read off an ONNX file, and files that are none."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from app.errors import ModelRefused
from app.serving.runtime.session import Session
from app.training.importing.graph_file import describe, read_graph_file
from tests.training.importing.graphs import HIDDEN, TABLE, Net


def test_what_a_graph_tells(tmp_path: Path) -> None:
    graph = read_graph_file(Net(cell="GRU", embedded=True).save(tmp_path))
    assert (graph.cell, graph.hidden_size, len(graph.recurrent)) == ("gru", HIDDEN, 1)
    assert (graph.opset, graph.producer) == (20, "unroll")
    assert graph.sizes == {"x": TABLE}
    assert graph.lengths == {"lengths"}
    assert graph.parameters == TABLE * 3 + 3 * HIDDEN * (3 + HIDDEN + 2)


def test_weights_beside_the_graph_are_put_into_it(tmp_path: Path) -> None:
    model = onnx.load_from_string(Net().build())
    path = tmp_path / "net.onnx"
    onnx.save(model, path, save_as_external_data=True, location="weights", size_threshold=0)
    graph = read_graph_file(path)
    (tmp_path / "weights").unlink()
    assert [spec.name for spec in Session(graph.content).inputs] == ["x", "lengths"]
    with pytest.raises(ModelRefused, match="weights"):
        read_graph_file(path)


def test_weights_in_constant_nodes_and_subgraphs_are_counted() -> None:
    inner = helper.make_graph(
        [
            helper.make_node("Constant", [], ["c"], value=numpy_helper.from_array(_ones(2), "c")),
            helper.make_node("Add", ["state", "c"], ["sum"]),
            helper.make_node("Add", ["sum", "slice"], ["next"]),
            helper.make_node("Add", ["next", "w"], ["out"]),
        ],
        "body",
        [_tensor("state", 2), _tensor("slice", 2)],
        [_tensor("next", 2), _tensor("out", 2)],
        [numpy_helper.from_array(_ones(2), "w")],
    )
    scan = helper.make_node("Scan", ["s", "x"], ["t", "y"], body=inner, num_scan_inputs=1)
    graph = helper.make_graph(
        [scan], "net", [_tensor("s", 2), _tensor("x", "time", 2)], [_tensor("y", "time", 2)]
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)])
    read = describe(model)
    assert (read.cell, read.hidden_size, read.parameters) == ("custom", 0, 4)


def _ones(size: int) -> npt.NDArray[np.float32]:
    return np.ones(size, np.float32)


def _tensor(name: str, *shape: int | str) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)


@pytest.mark.parametrize("content", [b"", b"\x80\x04\x95", b"PK\x03\x04" + bytes(100), b"{}"])
def test_a_file_that_is_no_graph(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "net.onnx"
    path.write_bytes(content)
    with pytest.raises(ModelRefused, match=r"net\.onnx is no ONNX graph: "):
        read_graph_file(path)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ModelRefused, match=r"there is no file net\.onnx"):
        read_graph_file(tmp_path / "net.onnx")
    with pytest.raises(ModelRefused, match="cannot be read: Is a directory"):
        read_graph_file(tmp_path)
