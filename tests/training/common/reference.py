"""Every cell in NumPy, one row and one step at a time, written from its published equations.

Knows no batches, no padding and no kernels: slow, and plain enough to be checked by eye.
"""

from collections.abc import Sequence

import numpy as np

from app.training.common.cell import Cell
from tests.training.common import classic_equations as classic
from tests.training.common import modern_equations as modern
from tests.training.common.classic_equations import Array, Parameters, Step

STEPS: dict[str, Step] = {
    "rnn": classic.rnn,
    "jordan": classic.jordan,
    "gru": classic.gru,
    "lstm": classic.lstm,
    "peephole_lstm": classic.peephole_lstm,
    "working_memory_lstm": classic.working_memory_lstm,
    "layernorm_lstm": classic.layernorm_lstm,
    "indrnn": modern.indrnn,
    "mingru": modern.mingru,
    "minlstm": modern.minlstm,
    "slstm": modern.slstm,
    "mlstm": modern.mlstm,
    "gated_delta": modern.gated_delta,
    "tdnn": modern.tdnn,
    "wavenet": modern.wavenet,
    "ntm": modern.ntm,
}


def states(cell: type[Cell], shape: tuple[int, ...], hidden: int, seed: int) -> list[Array]:
    """Random states of (*shape, size) that a cell can come to.

    Its normalisers are positive, and weights over slots add up to one.
    """
    rng = np.random.default_rng(seed)
    found = []
    for name in cell.states:
        values = rng.normal(size=(*shape, cell.state_size(name, hidden)))
        if name == "normaliser":
            values = np.abs(values) + 1.0
        elif name.endswith("_weights"):
            values = np.abs(values) / np.abs(values).sum(-1, keepdims=True)
        found.append(values)
    return found


def run_row(
    step: Step, p: Parameters, x: Array, state: tuple[Array, ...], *, reverse: bool
) -> tuple[Array, tuple[Array, ...]]:
    """One cell over one row without padding, x (time, input): outputs (time, hidden), state."""
    outputs = np.zeros((len(x), len(state[0])))
    times = range(len(x))
    for time in reversed(times) if reverse else times:
        state = step(p, x[time], state)
        outputs[time] = state[0]
    return outputs, state


def run_stack(
    step: Step,
    layers: Sequence[Sequence[Parameters]],
    x: Array,
    state: tuple[Array, ...],
    *,
    residual: bool,
) -> tuple[Array, tuple[Array, ...]]:
    """A stack over one row; `state` has tensors of (layers * directions, size)."""
    finals = []
    for depth, layer in enumerate(layers):
        found = []
        for direction, p in enumerate(layer):
            initial = tuple(s[depth * len(layer) + direction] for s in state)
            outputs, final = run_row(step, p, x, initial, reverse=direction == 1)
            found.append(outputs)
            finals.append(final)
        outputs = np.concatenate(found, axis=1)
        x = outputs + x if residual and depth else outputs
    return x, tuple(np.stack(tensors) for tensors in zip(*finals, strict=True))
