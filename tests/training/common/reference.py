"""Every cell in NumPy, one row and one step at a time, written from its published equations.

Knows no batches, no padding and no kernels: slow, and plain enough to be checked by eye.
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from app.training.common.cell import Cell

Array = NDArray[np.float64]
Parameters = Mapping[str, Array]
Step = Callable[[Parameters, Array, tuple[Array, ...]], tuple[Array, ...]]


def sigmoid(value: Array) -> Array:
    result: Array = 1.0 / (1.0 + np.exp(-value))
    return result


def layer_norm(value: Array, scale: Array, shift: Array) -> Array:
    """Ba et al. 2016, equation 4 (with the usual epsilon)."""
    result: Array = scale * (value - value.mean()) / np.sqrt(value.var() + 1e-5) + shift
    return result


def rnn(p: Parameters, x: Array, state: tuple[Array, ...]) -> tuple[Array, ...]:
    """Elman 1990."""
    (h,) = state
    return (np.tanh(p["weight_ih"] @ x + p["bias_ih"] + p["weight_hh"] @ h + p["bias_hh"]),)


def jordan(p: Parameters, x: Array, state: tuple[Array, ...]) -> tuple[Array, ...]:
    """Jordan 1986: the output is fed back."""
    (y,) = state
    h = np.tanh(p["weight_ih"] @ x + p["bias_ih"] + p["weight_hh"] @ y + p["bias_hh"])
    return (np.tanh(p["weight_output"] @ h + p["bias_output"]),)


def gru(p: Parameters, x: Array, state: tuple[Array, ...]) -> tuple[Array, ...]:
    """Cho et al. 2014, with the reset gate after the product."""
    (h,) = state
    w_r, w_z, w_n = np.split(p["weight_ih"], 3)
    u_r, u_z, u_n = np.split(p["weight_hh"], 3)
    b_r, b_z, b_n = np.split(p["bias_ih"], 3)
    d_r, d_z, d_n = np.split(p["bias_hh"], 3)
    r = sigmoid(w_r @ x + b_r + u_r @ h + d_r)
    z = sigmoid(w_z @ x + b_z + u_z @ h + d_z)
    n = np.tanh(w_n @ x + b_n + r * (u_n @ h + d_n))
    return ((1.0 - z) * n + z * h,)


def lstm(p: Parameters, x: Array, state: tuple[Array, ...]) -> tuple[Array, ...]:
    """Hochreiter and Schmidhuber 1997, with the forget gate of Gers et al. 2000."""
    h, c = state
    w_i, w_f, w_g, w_o = np.split(p["weight_ih"], 4)
    u_i, u_f, u_g, u_o = np.split(p["weight_hh"], 4)
    b_i, b_f, b_g, b_o = np.split(p["bias_ih"] + p["bias_hh"], 4)
    i = sigmoid(w_i @ x + u_i @ h + b_i)
    f = sigmoid(w_f @ x + u_f @ h + b_f)
    g = np.tanh(w_g @ x + u_g @ h + b_g)
    o = sigmoid(w_o @ x + u_o @ h + b_o)
    c = f * c + i * g
    return o * np.tanh(c), c


def peephole_lstm(p: Parameters, x: Array, state: tuple[Array, ...]) -> tuple[Array, ...]:
    """Gers and Schmidhuber 2000: gates see the old cell state, the output gate the new one."""
    h, c = state
    w_i, w_f, w_g, w_o = np.split(p["weight_ih"], 4)
    u_i, u_f, u_g, u_o = np.split(p["weight_hh"], 4)
    b_i, b_f, b_g, b_o = np.split(p["bias_ih"] + p["bias_hh"], 4)
    p_i, p_f, p_o = np.split(p["peepholes"], 3)
    i = sigmoid(w_i @ x + u_i @ h + p_i * c + b_i)
    f = sigmoid(w_f @ x + u_f @ h + p_f * c + b_f)
    g = np.tanh(w_g @ x + u_g @ h + b_g)
    c = f * c + i * g
    o = sigmoid(w_o @ x + u_o @ h + p_o * c + b_o)
    return o * np.tanh(c), c


def working_memory_lstm(p: Parameters, x: Array, state: tuple[Array, ...]) -> tuple[Array, ...]:
    """Landi et al. 2021: gates see a projection of the cell state through tanh."""
    h, c = state
    w_i, w_f, w_g, w_o = np.split(p["weight_ih"], 4)
    u_i, u_f, u_g, u_o = np.split(p["weight_hh"], 4)
    b_i, b_f, b_g, b_o = np.split(p["bias_ih"] + p["bias_hh"], 4)
    v_i, v_f, v_o = np.split(p["weight_memory"], 3)
    i = sigmoid(w_i @ x + u_i @ h + np.tanh(v_i @ c) + b_i)
    f = sigmoid(w_f @ x + u_f @ h + np.tanh(v_f @ c) + b_f)
    g = np.tanh(w_g @ x + u_g @ h + b_g)
    c = f * c + i * g
    o = sigmoid(w_o @ x + u_o @ h + np.tanh(v_o @ c) + b_o)
    return o * np.tanh(c), c


def layernorm_lstm(p: Parameters, x: Array, state: tuple[Array, ...]) -> tuple[Array, ...]:
    """Ba et al. 2016, equations 20 to 22."""
    h, c = state
    recurrent = layer_norm(p["weight_hh"] @ h, p["scale_hh"], np.zeros_like(p["scale_hh"]))
    gates = recurrent + layer_norm(p["weight_ih"] @ x, p["scale_ih"], p["bias_ih"])
    i, f, g, o = np.split(gates, 4)
    c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
    return sigmoid(o) * np.tanh(layer_norm(c, p["scale_cell"], p["shift_cell"])), c


def indrnn(p: Parameters, x: Array, state: tuple[Array, ...]) -> tuple[Array, ...]:
    """Li et al. 2018, equation 2."""
    (h,) = state
    return (np.maximum(0.0, p["weight_ih"] @ x + p["bias_ih"] + p["weight_hh"] * h + p["bias_hh"]),)


def mingru(p: Parameters, x: Array, state: tuple[Array, ...]) -> tuple[Array, ...]:
    """Feng et al. 2024, section 3.1."""
    (h,) = state
    z, new = np.split(p["weight_ih"] @ x + p["bias_ih"], 2)
    z = sigmoid(z)
    return ((1.0 - z) * h + z * new,)


def minlstm(p: Parameters, x: Array, state: tuple[Array, ...]) -> tuple[Array, ...]:
    """Feng et al. 2024, section 3.2."""
    (h,) = state
    i, f, new = np.split(p["weight_ih"] @ x + p["bias_ih"], 3)
    i, f = sigmoid(i), sigmoid(f)
    return (f / (f + i) * h + i / (f + i) * new,)


def slstm(p: Parameters, x: Array, state: tuple[Array, ...]) -> tuple[Array, ...]:
    """Beck et al. 2024, equations 8 to 17."""
    h, c, n, m = state
    gates = p["weight_ih"] @ x + p["bias_ih"] + p["weight_hh"] @ h + p["bias_hh"]
    i, f, z, o = np.split(gates, 4)
    log_f = np.log(sigmoid(f))
    m_new = np.maximum(log_f + m, i)
    i, f = np.exp(i - m_new), np.exp(log_f + m - m_new)
    c = f * c + i * np.tanh(z)
    n = f * n + i
    return sigmoid(o) * c / n, c, n, m_new


def heads(values: Array, count: int) -> Array:
    """(hidden) as (heads, units)."""
    return values.reshape(count, -1)


def mlstm(p: Parameters, x: Array, state: tuple[Array, ...]) -> tuple[Array, ...]:
    """Beck et al. 2024, equations 19 to 27, one head after the other."""
    _, memory, normaliser, stabiliser = state
    count, hidden = len(stabiliser), len(normaliser)
    projected = p["weight_ih"] @ x + p["bias_ih"]
    q, k, v, o = (heads(each, count) for each in np.split(projected[: 4 * hidden], 4))
    i, f = np.split(projected[4 * hidden :], 2)
    units = hidden // count
    matrix = memory.reshape(count, units, units).copy()  # a row a unit of the key
    n, m, h = heads(normaliser, count).copy(), stabiliser.copy(), np.zeros((count, units))
    for head in range(count):
        key, log_f = k[head] / np.sqrt(units), np.log(sigmoid(f[head]))
        m[head] = max(log_f + stabiliser[head], i[head])
        enter, keep = np.exp(i[head] - m[head]), np.exp(log_f + stabiliser[head] - m[head])
        matrix[head] = keep * matrix[head] + enter * np.outer(key, v[head])
        n[head] = keep * n[head] + enter * key
        weight = max(abs(n[head] @ q[head]), np.exp(-m[head]))
        h[head] = sigmoid(o[head]) * (matrix[head].T @ q[head]) / weight
    return h.ravel(), matrix.ravel(), n.ravel(), m


def gated_delta(p: Parameters, x: Array, state: tuple[Array, ...]) -> tuple[Array, ...]:
    """Yang et al. 2024, equation 10, one head after the other."""
    hidden = len(state[0])
    count = (len(p["bias_ih"]) - 4 * hidden) // 2
    projected = p["weight_ih"] @ x + p["bias_ih"]
    q, k, v, o = (heads(each, count) for each in np.split(projected[: 4 * hidden], 4))
    a, b = sigmoid(projected[4 * hidden :]).reshape(2, count)
    matrix = state[1].reshape(count, hidden // count, -1).copy()  # a row a unit of the key
    h = np.zeros_like(q)
    for head in range(count):
        query, key = (each / np.sqrt(each @ each + 1e-6) for each in (q[head], k[head]))
        known = a[head] * matrix[head]
        matrix[head] = known + b[head] * np.outer(key, v[head] - known.T @ key)
        h[head] = sigmoid(o[head]) * (matrix[head].T @ query)
    return h.ravel(), matrix.ravel()


STEPS: dict[str, Step] = {
    "rnn": rnn,
    "jordan": jordan,
    "gru": gru,
    "lstm": lstm,
    "peephole_lstm": peephole_lstm,
    "working_memory_lstm": working_memory_lstm,
    "layernorm_lstm": layernorm_lstm,
    "indrnn": indrnn,
    "mingru": mingru,
    "minlstm": minlstm,
    "slstm": slstm,
    "mlstm": mlstm,
    "gated_delta": gated_delta,
}


def states(cell: type[Cell], shape: tuple[int, ...], hidden: int, seed: int) -> list[Array]:
    """Random states of (*shape, size) that a cell can come to: its normalisers are positive."""
    rng = np.random.default_rng(seed)
    found = []
    for name in cell.states:
        values = rng.normal(size=(*shape, cell.state_size(name, hidden)))
        found.append(np.abs(values) + 1.0 if name == "normaliser" else values)
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
