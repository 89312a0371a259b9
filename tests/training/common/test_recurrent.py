"""Stacks of cells: NumPy, torch, the ONNX graph, and the graph fed step by step must agree."""

from collections.abc import Sequence
from functools import cache
from itertools import pairwise

import numpy as np
import onnxruntime
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch import nn

from app.training.common.cells import CELLS
from app.training.common.graph import Graph
from app.training.common.recurrent import Recurrent, last_step
from tests.training.common import reference

INPUT, HIDDEN, LAYERS = 4, 6, 2
RAGGED = [[9, 4, 1, 6], [1], [12, 0, 12]]
"""Lengths of three batches of different shapes."""
NATIVE = {"rnn": "RNN", "gru": "GRU", "lstm": "LSTM", "peephole_lstm": "LSTM"}
Array = NDArray[np.float32]


@cache
def network(cell: str, *, bidirectional: bool = False) -> Recurrent:
    torch.manual_seed(5)
    stack = Recurrent(cell, INPUT, HIDDEN, LAYERS, bidirectional=bidirectional, residual=True)
    for parameter in stack.parameters():
        nn.init.normal_(parameter, std=0.5)
    return stack.eval()


def graph_of(stack: Recurrent, *, carried: bool, lengths: bool = True) -> Graph:
    graph = Graph("test")
    inputs = graph.input("inputs", np.float32, ("time", "batch", stack.input_size))
    ends = graph.input("lengths", np.int64, ("batch",)) if lengths else None
    cell = type(stack.layers()[0][0])
    shapes = [
        (LAYERS * stack.num_directions, "batch", cell.state_size(name, HIDDEN))
        for name in stack.states
    ]
    state = tuple(
        graph.input(name, np.float32, shape)
        for name, shape in zip(stack.states, shapes, strict=True)
    )
    outputs, final = stack.to_onnx(graph, inputs, ends, state if carried else None)
    graph.output("outputs", outputs, np.float32, ("time", "batch", stack.output_size))
    for name, value, shape in zip(stack.states, final, shapes, strict=True):
        graph.output(f"new_{name}", value, np.float32, shape)
    return graph


@cache
def session(
    cell: str, *, bidirectional: bool = False, carried: bool = False, lengths: bool = True
) -> onnxruntime.InferenceSession:
    """A session that ignores the state given to it unless it is `carried`."""
    stack = network(cell, bidirectional=bidirectional)
    model = graph_of(stack, carried=carried, lengths=lengths).build()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3  # unused state inputs are meant
    return onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )


def run(
    graph: onnxruntime.InferenceSession,
    inputs: Array,
    lengths: Sequence[int] | None,
    state: Sequence[Array],
) -> tuple[Array, list[Array]]:
    names = [each.name for each in graph.get_inputs() if each.name not in ("inputs", "lengths")]
    feeds = {"inputs": inputs, **dict(zip(names, state, strict=True))}
    if lengths is not None:
        feeds["lengths"] = np.array(lengths, np.int64)
    outputs, *final = graph.run(None, feeds)
    return outputs, final


def batch(stack: Recurrent, lengths: Sequence[int], seed: int = 6) -> tuple[Array, list[Array]]:
    """Inputs with noise also in the padding, and a state to begin with."""
    rng = np.random.default_rng(seed)
    inputs = rng.normal(size=(max(lengths), len(lengths), INPUT)).astype(np.float32)
    shape = (LAYERS * stack.num_directions, len(lengths))
    states = reference.states(type(stack.layers()[0][0]), shape, HIDDEN, seed)
    return inputs, [values.astype(np.float32) for values in states]


def initial(stack: Recurrent, state: Sequence[Array]) -> list[Array]:
    """States of the shapes of `state` as the cells begin with."""
    cell = type(stack.layers()[0][0])
    return [
        np.broadcast_to(cell.initial_state(name, HIDDEN), tensor.shape).copy()
        for name, tensor in zip(stack.states, state, strict=True)
    ]


def by_equations(
    cell: str, stack: Recurrent, inputs: Array, lengths: Sequence[int], state: Sequence[Array]
) -> tuple[Array, list[Array]]:
    """NumPy, one row at a time."""
    layers = [
        [{k: v.double().numpy() for k, v in one.state_dict().items()} for one in layer]
        for layer in stack.layers()
    ]
    outputs = np.zeros((inputs.shape[0], len(lengths), stack.output_size), np.float32)
    final = [np.zeros_like(tensor) for tensor in state]
    for row, length in enumerate(lengths):
        before = tuple(tensor[:, row].astype(np.float64) for tensor in state)
        x = inputs[:length, row].astype(np.float64)
        outputs[:length, row], after = reference.run_stack(
            reference.STEPS[cell], layers, x, before, residual=stack.residual
        )
        for tensor, value in zip(final, after, strict=True):
            tensor[:, row] = value
    return outputs, final


def assert_close(found: tuple[Array, list[Array]], expected: tuple[Array, list[Array]]) -> None:
    for a, b in zip((found[0], *found[1]), (expected[0], *expected[1]), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("lengths", RAGGED)
@pytest.mark.parametrize("bidirectional", [False, True], ids=["stacked", "bidirectional"])
@pytest.mark.parametrize("cell", CELLS)
def test_four_forward_passes_agree(cell: str, bidirectional: bool, lengths: list[int]) -> None:
    stack = network(cell, bidirectional=bidirectional)
    inputs, state = batch(stack, lengths)
    if bidirectional:
        state = initial(stack, state)
    expected = by_equations(cell, stack, inputs, lengths, state)

    with torch.no_grad():
        given_state = tuple(torch.from_numpy(tensor) for tensor in state)
        outputs, final = stack(torch.from_numpy(inputs), torch.tensor(lengths), given_state)
    assert_close((outputs.numpy(), [tensor.numpy() for tensor in final]), expected)

    whole = session(cell, bidirectional=bidirectional, carried=not bidirectional)
    assert_close(run(whole, inputs, lengths, state), expected)

    if not bidirectional:
        pieces = []
        for time in range(max(lengths)):
            here = [int(time < length) for length in lengths]
            output, state = run(whole, inputs[time : time + 1], here, state)
            pieces.append(output)
        assert_close((np.concatenate(pieces), state), expected)


@pytest.mark.parametrize("bidirectional", [False, True], ids=["stacked", "bidirectional"])
@pytest.mark.parametrize("lengths", [True, False], ids=["lengths", "no lengths"])
@pytest.mark.parametrize("cell", CELLS)
def test_a_graph_without_state_starts_from_the_initial_one(
    cell: str, lengths: bool, bidirectional: bool
) -> None:
    stack = network(cell, bidirectional=bidirectional)
    ends = [8, 8, 8]
    inputs, state = batch(stack, ends)
    expected = by_equations(cell, stack, inputs, ends, initial(stack, state))
    graph = session(cell, bidirectional=bidirectional, lengths=lengths)
    assert_close(run(graph, inputs, ends if lengths else None, state), expected)


@given(
    lengths=st.lists(st.integers(0, 20), min_size=1, max_size=9).filter(any),
    seed=st.integers(0, 2**32 - 1),
)
@settings(max_examples=15, deadline=None)
@pytest.mark.parametrize("bidirectional", [False, True], ids=["stacked", "bidirectional"])
@pytest.mark.parametrize("cell", CELLS)
def test_an_answer_never_depends_on_its_batch_mates(
    cell: str, bidirectional: bool, lengths: list[int], seed: int
) -> None:
    """Bit for bit for GRU and LSTM, with peepholes or without, on one thread.

    The kernel of RNN and the products of a Scan round a single row otherwise than several.
    """
    stack = network(cell, bidirectional=bidirectional)
    graph = session(cell, bidirectional=bidirectional, carried=not bidirectional)
    inputs, state = batch(stack, lengths, seed)
    outputs, final = run(graph, inputs, lengths, state)
    for row, length in enumerate(lengths):
        if length == 0:
            assert not outputs[:, row].any()
            continue
        one = slice(row, row + 1)
        alone, alone_final = run(
            graph, inputs[:length, one].copy(), [length], [s[:, one].copy() for s in state]
        )
        tolerance = 0.0 if cell in ("gru", "lstm", "peephole_lstm") else 1e-5
        if cell == "ntm":  # where it looks is sharpened by a power, and so is what was rounded
            tolerance = 1e-4
        pairs = [(outputs[:length, one], alone)]
        pairs += [(a[:, one], b) for a, b in zip(final, alone_final, strict=True)]
        for together, by_itself in pairs:
            np.testing.assert_allclose(together, by_itself, rtol=tolerance, atol=tolerance)
        assert not outputs[length:, row].any()


@pytest.mark.parametrize("bidirectional", [False, True], ids=["stacked", "bidirectional"])
@pytest.mark.parametrize("cell", CELLS)
def test_padding_in_a_graph_may_hold_anything(cell: str, bidirectional: bool) -> None:
    graph = session(cell, bidirectional=bidirectional)
    lengths = [5, 2, 3]
    inputs, state = batch(network(cell, bidirectional=bidirectional), lengths)
    clean, clean_final = run(graph, inputs, lengths, state)
    for row, length in enumerate(lengths):
        inputs[length:, row] = np.nan
    spoiled, spoiled_final = run(graph, inputs, lengths, state)
    for a, b in zip((clean, *clean_final), (spoiled, *spoiled_final), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("bidirectional", [False, True], ids=["stacked", "bidirectional"])
@pytest.mark.parametrize("cell", NATIVE)
def test_a_native_layer_is_one_node(cell: str, bidirectional: bool) -> None:
    stack = network(cell, bidirectional=bidirectional)
    model = graph_of(stack, carried=False).build()
    nodes = [node for node in model.graph.node if node.op_type == NATIVE[cell]]
    assert len(nodes) == LAYERS
    assert not any(node.op_type == "Scan" for node in model.graph.node)


def test_a_bidirectional_graph_carries_no_state() -> None:
    with pytest.raises(ValueError, match="bidirectional network cannot carry its state"):
        graph_of(network("lstm", bidirectional=True), carried=True)


def test_an_unknown_cell_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match="unknown cell 'elman': expected one of rnn, jordan, gru"):
        Recurrent("elman", INPUT, HIDDEN)


@pytest.mark.parametrize("options", [{"dropout": 0.5}, {"recurrent_dropout": 0.5}])
def test_dropout_works_in_training_mode_only(options: dict[str, float]) -> None:
    torch.manual_seed(7)
    stack = Recurrent("gru", INPUT, HIDDEN, LAYERS, residual=True, **options)  # type: ignore[arg-type]
    inputs = torch.randn(5, 3, INPUT)
    assert not torch.equal(stack(inputs)[0], stack(inputs)[0])
    stack.eval()
    assert torch.equal(stack(inputs)[0], stack(inputs)[0])


def test_dropout_spares_the_first_input_and_the_last_output() -> None:
    stack = Recurrent("lstm", INPUT, HIDDEN, 1, dropout=0.9)
    inputs = torch.randn(5, 3, INPUT)
    assert torch.equal(stack(inputs)[0], stack(inputs)[0])


def test_a_residual_stack_without_upper_layers_passes_the_first_layer_on() -> None:
    torch.manual_seed(8)
    deep = Recurrent("rnn", INPUT, HIDDEN, 3, residual=True)
    shallow = Recurrent("rnn", INPUT, HIDDEN, 1)
    shallow.cells[0].load_state_dict(deep.cells[0].state_dict())
    for cell in deep.cells[1:]:
        for parameter in cell.parameters():
            nn.init.zeros_(parameter)
    inputs, lengths = torch.randn(5, 3, INPUT), torch.tensor([5, 2, 4])
    assert torch.equal(deep(inputs, lengths)[0], shallow(inputs, lengths)[0])


def test_sequences_may_be_fed_to_torch_in_pieces() -> None:
    stack = network("lstm")
    inputs, lengths = torch.randn(9, 3, INPUT), torch.tensor([9, 4, 0])
    whole, final = stack(inputs, lengths)
    pieces, state = [], None
    for start, end in pairwise([0, 4, 5, 9]):
        here = (lengths - start).clamp(0, end - start)
        outputs, state = stack(inputs[start:end], here, state)
        pieces.append(outputs)
    torch.testing.assert_close(torch.cat(pieces), whole)
    torch.testing.assert_close(state, final)


def test_last_step_takes_the_last_valid_one() -> None:
    sequences = torch.arange(6.0).view(3, 2, 1)  # (time, batch, 1)
    assert last_step(sequences, torch.tensor([2, 3])).tolist() == [[2.0], [5.0]]
    assert last_step(sequences, torch.tensor([0, 1])).tolist() == [[0.0], [1.0]]
    assert last_step(sequences, None).tolist() == [[4.0], [5.0]]
