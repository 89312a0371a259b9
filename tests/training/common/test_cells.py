"""The cells: the fast ways against the equations, padding, gradients, recurrent dropout."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from app.training.common.cell import Cell, State, flip_time
from app.training.common.cells import CELLS
from app.training.common.chunks import CHUNK
from app.training.common.classic_cells import LayerNormLstm, Lstm, PeepholeLstm
from app.training.common.linear_scan import linear_scan
from app.training.common.native_cell import NativeCell
from tests.training.common import reference

TIME, BATCH, INPUT, HIDDEN = 7, 5, 4, 6
LENGTHS = torch.tensor([7, 3, 0, 1, 5])
RECURRENT = [name for name, cell in CELLS.items() if cell.recurrent_gates != 0]
TORCH_MODULES: dict[str, Callable[[int, int], nn.RNNBase]] = {
    "rnn": nn.RNN,
    "gru": nn.GRU,
    "lstm": nn.LSTM,
}


def make(name: str) -> Cell:
    """A cell whose parameters are all away from their first values."""
    torch.manual_seed(1)
    cell = CELLS[name](INPUT, HIDDEN)
    for parameter in cell.parameters():
        nn.init.normal_(parameter, std=0.5)
    return cell


def make_batch(cell: Cell) -> tuple[Tensor, State]:
    torch.manual_seed(2)
    inputs = torch.randn(TIME, BATCH, INPUT)
    states = reference.states(type(cell), (BATCH,), HIDDEN, seed=2)
    return inputs, tuple(torch.tensor(values, dtype=torch.float32) for values in states)


def row_by_row(
    cell: Cell, inputs: Tensor, lengths: Tensor, state: State, *, reverse: bool, weight_hh: Tensor
) -> tuple[Tensor, State]:
    """The meaning of `forward` in the plainest form: each row alone, each step by `step`."""
    outputs = torch.zeros(inputs.shape[0], inputs.shape[1], cell.hidden_size)
    finals = []
    for row, length in enumerate(lengths.tolist()):
        current = tuple(s[row : row + 1] for s in state)
        for time in reversed(range(length)) if reverse else range(length):
            current = cell.step(cell.project(inputs[time, row : row + 1]), current, weight_hh)
            outputs[time, row] = current[0][0]
        finals.append(current)
    return outputs, tuple(torch.cat(tensors) for tensors in zip(*finals, strict=True))


def test_every_cell_has_a_reference() -> None:
    assert reference.STEPS.keys() == CELLS.keys()


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("lengths", [None, LENGTHS, torch.full((BATCH,), TIME - 2)])
@pytest.mark.parametrize("name", CELLS)
def test_forward_and_its_gradients_are_those_of_a_plain_loop(
    name: str, lengths: Tensor | None, reverse: bool
) -> None:
    cell = make(name)
    inputs, state = make_batch(cell)
    leaves = [inputs.requires_grad_(), *(s.requires_grad_() for s in state), *cell.parameters()]
    each = torch.full((BATCH,), TIME) if lengths is None else lengths

    fast, fast_state = cell(inputs, lengths, state, reverse=reverse)
    plain, plain_state = row_by_row(
        cell, inputs, each, state, reverse=reverse, weight_hh=cell.weight_hh
    )

    torch.testing.assert_close(fast, plain, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(fast_state, plain_state, rtol=1e-5, atol=1e-5)
    weights = [torch.randn_like(tensor) for tensor in (fast, *fast_state)]
    gradients = []
    for results in ((fast, *fast_state), (plain, *plain_state)):
        loss = torch.stack([(w * r).sum() for w, r in zip(weights, results, strict=True)]).sum()
        gradients.append(
            torch.autograd.grad(loss, leaves, allow_unused=True, materialize_grads=True)
        )
    torch.testing.assert_close(gradients[0], gradients[1], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", CELLS)
def test_a_long_sequence_is_its_steps(name: str) -> None:
    """Longer than what some cells take at once, and a row that ends within such a piece."""
    cell = make(name)
    torch.manual_seed(4)
    inputs, lengths = torch.randn(2 * CHUNK + 5, 3, INPUT), torch.tensor([37, CHUNK + 3, 2])
    states = reference.states(type(cell), (3,), HIDDEN, seed=4)
    state = tuple(torch.tensor(values, dtype=torch.float32) for values in states)
    fast, fast_state = cell(inputs, lengths, state)
    plain, plain_state = row_by_row(
        cell, inputs, lengths, state, reverse=False, weight_hh=cell.weight_hh
    )
    torch.testing.assert_close(fast, plain, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(fast_state, plain_state, rtol=1e-4, atol=1e-5)


def test_a_linear_scan_has_the_gradients_of_its_equation() -> None:
    torch.manual_seed(5)
    kept, added = (torch.randn(6, 2, 3, dtype=torch.float64, requires_grad=True) for _ in "12")
    first = torch.randn(2, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(linear_scan, (kept, added, first))


@pytest.mark.parametrize("name", TORCH_MODULES)
def test_a_native_cell_is_torchs_module(name: str) -> None:
    cell = make(name)
    assert isinstance(cell, NativeCell)
    inputs, _ = make_batch(cell)
    module = TORCH_MODULES[name](INPUT, HIDDEN)
    module.load_state_dict({f"{key}_l0": value for key, value in cell.state_dict().items()})
    torch.testing.assert_close(cell(inputs)[0], module(inputs)[0])


@pytest.mark.parametrize("name", CELLS)
def test_an_empty_row_gives_zeros_and_keeps_its_state(name: str) -> None:
    cell = make(name)
    inputs, state = make_batch(cell)
    outputs, final = cell(inputs, LENGTHS, state)
    empty = int((LENGTHS == 0).nonzero())
    assert not outputs[:, empty].any()
    for before, after in zip(state, final, strict=True):
        assert torch.equal(before[empty], after[empty])


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("name", CELLS)
def test_padding_may_hold_anything(name: str, reverse: bool) -> None:
    cell = make(name)
    inputs, state = make_batch(cell)
    padding = torch.arange(TIME)[:, None] >= LENGTHS  # (time, batch)
    spoiled = inputs.masked_fill(padding[:, :, None], float("nan"))
    clean, clean_state = cell(inputs, LENGTHS, state, reverse=reverse)
    outputs, final = cell(spoiled, LENGTHS, state, reverse=reverse)
    outputs.sum().backward()
    assert torch.equal(outputs, clean)
    assert all(torch.equal(a, b) for a, b in zip(final, clean_state, strict=True))
    assert not outputs[padding].any()
    gradients = [parameter.grad for parameter in cell.parameters() if parameter.numel()]
    assert all(g is not None and g.isfinite().all() for g in gradients)


@pytest.mark.parametrize("name", RECURRENT)
def test_recurrent_dropout_drops_the_same_weights_at_every_step(name: str) -> None:
    cell = make(name)
    inputs, state = make_batch(cell)
    torch.manual_seed(3)
    outputs, _ = cell(inputs, LENGTHS, state, recurrent_dropout=0.5)
    torch.manual_seed(3)
    thinned = functional.dropout(cell.weight_hh, 0.5)
    expected, _ = row_by_row(cell, inputs, LENGTHS, state, reverse=False, weight_hh=thinned)
    torch.testing.assert_close(outputs, expected, rtol=1e-5, atol=1e-5)

    outputs.sum().backward()
    assert cell.weight_hh.grad is not None
    assert not cell.weight_hh.grad[thinned == 0].any()


@pytest.mark.parametrize("name", RECURRENT)
def test_recurrent_dropout_works_in_training_mode_only(name: str) -> None:
    cell = make(name)
    inputs, state = make_batch(cell)
    dropped, _ = cell(inputs, None, state, recurrent_dropout=0.5)
    cell.eval()
    whole, _ = cell(inputs, None, state)
    evaluated, _ = cell(inputs, None, state, recurrent_dropout=0.5)
    assert torch.equal(evaluated, whole)
    assert not torch.allclose(dropped, whole)


@pytest.mark.parametrize("kind", [Lstm, PeepholeLstm, LayerNormLstm])
def test_the_forget_gate_starts_open(kind: type[Cell]) -> None:
    biases = kind(INPUT, HIDDEN).bias_ih.detach().view(4, HIDDEN)
    assert torch.equal(biases[1], torch.ones(HIDDEN))
    assert not biases[[0, 2, 3]].any()


def test_closed_peepholes_make_a_plain_lstm_and_open_ones_do_not() -> None:
    torch.manual_seed(4)
    plain, peeping = Lstm(INPUT, HIDDEN), PeepholeLstm(INPUT, HIDDEN)
    peeping.load_state_dict(plain.state_dict(), strict=False)
    inputs = torch.randn(TIME, BATCH, INPUT)
    expected, _ = plain(inputs)
    torch.testing.assert_close(peeping(inputs)[0], expected)
    for gate in range(3):
        with torch.no_grad():
            peeping.peepholes.zero_()[gate * HIDDEN : (gate + 1) * HIDDEN] = 1.0
        assert (peeping(inputs)[0] - expected).abs().max() > 0.01


def test_layer_norm_makes_the_scale_of_the_weights_irrelevant() -> None:
    """Ba et al. 2016, table 1: invariant to re-scaling of either weight matrix."""
    torch.manual_seed(4)
    cell = LayerNormLstm(INPUT, 32)
    inputs = 10.0 * torch.randn(TIME, BATCH, INPUT)  # large against the epsilon in the norm
    before, _ = cell(inputs)
    with torch.no_grad():
        cell.weight_ih.mul_(7.0)
    after, _ = cell(inputs)
    torch.testing.assert_close(after, before, rtol=1e-3, atol=1e-3)


def test_flip_time_leaves_padding_where_it_is() -> None:
    sequences = torch.tensor([[1, 1], [2, 2], [3, 3]])[:, :, None]  # (time, batch, 1)
    flipped = flip_time(sequences, torch.tensor([3, 2]))[:, :, 0]
    assert flipped.tolist() == [[3, 2], [2, 1], [1, 3]]
