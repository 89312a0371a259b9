"""The cells of the textbooks in NumPy, one row and one step, as their papers have them."""

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

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
