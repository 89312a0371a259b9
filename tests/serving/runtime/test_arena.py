"""Sessions share one arena, which returns its empty regions."""

import numpy as np
import onnx
import psutil
from onnx import TensorProto, helper

from app.serving.runtime import arena
from app.serving.runtime.session import Session

MEGABYTE = 1024 * 1024
WIDE = 16 * MEGABYTE  # elements, 64 MB as floats


def wide_graph() -> bytes:
    """y = the mean of many copies of x: needs much memory in between, and answers one number."""
    one = helper.make_tensor("one", TensorProto.FLOAT, [1], [1.0])
    nodes = [
        helper.make_node("ConstantOfShape", ["size"], ["ones"], value=one),
        helper.make_node("Mul", ["ones", "x"], ["many"]),
        helper.make_node("ReduceMean", ["many"], ["y"], keepdims=0),
    ]
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [])
    inputs = [x, helper.make_tensor_value_info("size", TensorProto.INT64, [1])]
    graph = helper.make_graph(nodes, "wide", inputs, [y])
    opsets = [helper.make_opsetid("", 17)]
    return bytes(helper.make_model(graph, opset_imports=opsets, ir_version=8).SerializeToString())


def resident() -> float:
    """MiB of this process."""
    return float(psutil.Process().memory_info().rss / MEGABYTE)


def compute(session: Session) -> None:
    feeds = {"x": np.full(1, 2.0, np.float32), "size": np.array([WIDE])}
    assert session.run(feeds)["y"] == 2.0


def test_memory_of_a_run_is_shared_and_returned() -> None:
    first, second = Session(wide_graph()), Session(wide_graph())
    arena.shrink()
    before = resident()
    compute(first)
    after_one = resident()
    compute(second)
    after_both = resident()
    arena.shrink()
    assert after_one - before > 60  # it is kept for the next run
    assert after_both - after_one < 30  # also by another session
    assert resident() - before < 30


def test_the_bytes_of_the_identity_graph_are_valid() -> None:
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in "xy"]
    node = helper.make_node("Identity", ["x"], ["y"])
    graph = helper.make_graph([node], "g", ends[:1], ends[1:])
    opsets = [helper.make_opsetid("", 13)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=8)
    assert onnx.load_from_string(arena.IDENTITY_GRAPH) == model
