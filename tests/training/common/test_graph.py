"""The graph builder: names, constants, subgraphs and the small helpers, against torch."""

from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from app.training.common.graph import IR_VERSION, OPSET, Graph
from app.training.common.recurrent import last_step


def run(graph: Graph, **feeds: NDArray[Any]) -> list[NDArray[Any]]:
    model = graph.build().SerializeToString()
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    results: list[NDArray[Any]] = session.run(None, feeds)
    return results


def test_a_small_graph_runs_at_any_size() -> None:
    graph = Graph("double")
    value = graph.input("value", np.float32, ("batch", 2))
    doubled = graph.op("Mul", value, np.array(2.0, np.float32))
    graph.output("doubled", doubled, np.float32, ("batch", 2))
    for rows in (1, 5):
        ones = np.ones((rows, 2), np.float32)
        np.testing.assert_array_equal(run(graph, value=ones)[0], 2.0 * ones)
    model = graph.build()
    assert model.ir_version == IR_VERSION
    assert model.opset_import[0].version == OPSET
    assert model.graph.output[0].type.tensor_type.shape.dim[0].dim_param == "batch"


def test_names_are_made_unique_and_carry_their_scope() -> None:
    graph = Graph("names")
    value = graph.input("value", np.float32, (1,))
    first, second = graph.op("Neg", value), graph.op("Neg", value)
    with graph.scope("layer_0"), graph.scope("gate"):
        third = graph.op("Neg", value)
    assert [first, second, third] == ["Neg", "Neg_2", "layer_0/gate/Neg"]


def test_a_declared_name_is_never_changed() -> None:
    graph = Graph("names")
    value = graph.input("value", np.float32, (1,))
    with pytest.raises(ValueError, match="'value' is taken"):
        graph.input("value", np.float32, (1,))
    with pytest.raises(ValueError, match="'value' is taken"):
        graph.output("value", value, np.float32, (1,))


def test_equal_constants_are_stored_once() -> None:
    graph = Graph("constants")
    weight = np.arange(3, dtype=np.float32)
    assert graph.constant(weight) == graph.constant(torch.arange(3.0))
    assert graph.constant(weight) != graph.constant(weight.astype(np.float64))
    assert graph.constant(weight) != graph.constant(weight[None])
    assert graph.subgraph("body").constant(weight) == graph.constant(weight)


def test_an_operator_may_have_several_outputs_and_absent_inputs() -> None:
    graph = Graph("several")
    value = graph.input("value", np.float32, (4,))
    low, high = graph.op("Split", value, outputs=2, axis=0, num_outputs=2)
    capped = graph.op("Clip", high, None, np.array(2.5, np.float32))
    graph.output("low", low, np.float32, (2,))
    graph.output("capped", capped, np.float32, (2,))
    found = run(graph, value=np.arange(4, dtype=np.float32))
    assert [part.tolist() for part in found] == [[0.0, 1.0], [2.0, 2.5]]


def test_a_wrong_graph_is_refused() -> None:
    graph = Graph("wrong")
    value = graph.input("value", np.float32, (2,))
    graph.output("out", graph.op("NoSuchOperator", value), np.float32, (2,))
    with pytest.raises(onnx.checker.ValidationError, match="NoSuchOperator"):
        graph.build()


@pytest.mark.parametrize("reverse", [False, True])
def test_scan_carries_a_state_from_either_end(reverse: bool) -> None:
    graph = Graph("sums")
    sequence = graph.input("sequence", np.float32, ("time", "batch"))
    start = graph.input("start", np.float32, ("batch",))
    factor = graph.op("Neg", np.array(-1.0, np.float32))  # seen by the body from outside
    body = graph.subgraph("body")
    total = body.input("body/total", np.float32, ("batch",))
    item = body.input("body/item", np.float32, ("batch",))
    new = body.op("Add", total, body.op("Mul", item, factor))
    body.output("body/new", new, np.float32, ("batch",))
    body.output("body/sum", new, np.float32, ("batch",))
    last, sums = graph.scan(body, [start], [sequence], num_outputs=1, reverse=reverse)
    graph.output("last", last, np.float32, ("batch",))
    graph.output("sums", sums, np.float32, ("time", "batch"))

    values = np.arange(6, dtype=np.float32).reshape(3, 2)  # (time, batch)
    found_last, found = run(graph, sequence=values, start=np.ones(2, np.float32))
    turned = values[::-1] if reverse else values
    expected = 1.0 + turned.cumsum(axis=0)
    np.testing.assert_array_equal(found, expected[::-1] if reverse else expected)
    np.testing.assert_array_equal(found_last, expected[-1])


@pytest.mark.parametrize(
    "layer", [nn.Linear(5, 3), nn.Linear(5, 3, bias=False), nn.LayerNorm(5)], ids=str
)
def test_layers_are_torchs(layer: nn.Linear | nn.LayerNorm) -> None:
    for parameter in layer.parameters():
        nn.init.normal_(parameter)
    graph = Graph("layer")
    value = graph.input("value", np.float32, ("time", "batch", 5))
    if isinstance(layer, nn.Linear):
        size, result = 3, graph.linear(value, layer)
    else:
        size, result = 5, graph.layer_norm(value, layer)
    graph.output("result", result, np.float32, ("time", "batch", size))
    inputs = torch.randn(4, 2, 5)
    with torch.no_grad():
        expected: Tensor = layer(inputs)
    found = run(graph, value=inputs.numpy())[0]
    np.testing.assert_allclose(found, expected.numpy(), rtol=1e-5, atol=1e-5)


def test_a_layer_norm_without_an_onnx_form_is_refused() -> None:
    graph = Graph("layer")
    value = graph.input("value", np.float32, (2, 3))
    for layer in (nn.LayerNorm((2, 3)), nn.LayerNorm(3, elementwise_affine=False)):
        with pytest.raises(ValueError, match="affine layer norm over one axis"):
            graph.layer_norm(value, layer)


def test_valid_steps_and_last_step_follow_the_lengths() -> None:
    graph = Graph("steps")
    sequences = graph.input("sequences", np.float32, ("time", "batch", 2))
    lengths = graph.input("lengths", np.int64, ("batch",))
    graph.output("valid", graph.valid_steps(sequences, lengths), np.bool_, ("time", "batch", 1))
    last = graph.last_step(sequences, lengths)
    graph.output("last", last, np.float32, ("batch", 2))
    graph.output("tail", graph.slices(last, -1, 2, axis=1), np.float32, ("batch", 1))
    values, ends = torch.randn(3, 4, 2), torch.tensor([3, 1, 0, 2])
    valid, found, tail = run(graph, sequences=values.numpy(), lengths=ends.numpy())
    assert valid[:, :, 0].T.astype(int).tolist() == [[1, 1, 1], [1, 0, 0], [0, 0, 0], [1, 1, 0]]
    np.testing.assert_array_equal(found, last_step(values, ends).numpy())
    np.testing.assert_array_equal(tail, found[:, 1:])
