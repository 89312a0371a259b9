"""Later cells in NumPy, one row and one step, as their papers have them."""

import numpy as np

from tests.training.common.classic_equations import Array, Parameters, sigmoid


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


def tdnn(p: Parameters, x: Array, state: tuple[Array, ...]) -> tuple[Array, ...]:
    """Waibel et al. 1989; the state is the sum that earlier steps add to this and later ones."""
    y, coming = state
    products = (p["weight_ih"] @ x + p["bias_ih"]).reshape(5, len(y))
    sums = products + np.vstack([coming.reshape(4, len(y)), np.zeros(len(y))])
    return np.tanh(sums[0]), sums[1:].ravel()


def wavenet(p: Parameters, x: Array, state: tuple[Array, ...]) -> tuple[Array, ...]:
    """van den Oord et al. 2016, equation 2; `past` is a queue for each dilation."""
    y, past = state
    queues = np.split(past.reshape(31, len(y)), [1, 3, 7, 15])
    value, skips, kept = p["weight_ih"] @ x + p["bias_ih"], np.zeros(len(y)), []
    for layer, queue in enumerate(queues):
        gates = p["weight_now"][layer] @ value + p["weight_before"][layer] @ queue[0]
        f, g = np.split(gates + p["bias_gate"][layer], 2)
        z = np.tanh(f) * sigmoid(g)
        residual, skip = np.split(p["weight_mix"][layer] @ z + p["bias_mix"][layer], 2)
        kept += [*queue[1:], value]
        value, skips = value + residual, skips + skip
    return p["weight_output"] @ np.maximum(0.0, skips) + p["bias_output"], np.concatenate(kept)


def ntm(p: Parameters, x: Array, state: tuple[Array, ...]) -> tuple[Array, ...]:
    """Graves et al. 2014, with an LSTM as its controller."""
    _, h, c, read, flat, w_read, w_write = state
    gates = p["weight_ih"] @ x + p["bias_ih"] + p["weight_hh"] @ h + p["bias_hh"]
    i, f, g, o = np.split(gates + p["weight_read"] @ read, 4)
    c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
    h = sigmoid(o) * np.tanh(c)
    memory = flat.reshape(len(w_read), len(read))
    heads = p["weight_heads"] @ h + p["bias_heads"]
    width = len(read)
    to_read, to_write, erase, add = np.split(heads, np.cumsum([width + 6, width + 6, width]))
    w_write = address(to_write, memory, w_write)
    memory = memory * (1.0 - np.outer(w_write, sigmoid(erase))) + np.outer(w_write, np.tanh(add))
    w_read = address(to_read, memory, w_read)
    read = w_read @ memory
    y = p["weight_output"] @ np.concatenate([h, read]) + p["bias_output"]
    return y, h, c, read, memory.ravel(), w_read, w_write


def address(head: Array, memory: Array, before: Array) -> Array:
    """Graves et al. 2014, equations 5 to 9."""
    key, (strength, gate, *shifts, sharpness) = head[: memory.shape[1]], head[memory.shape[1] :]
    lengths = np.sqrt((memory**2).sum(1) + 1e-6) * np.sqrt(key @ key + 1e-6)
    content = softmax(np.log1p(np.exp(strength)) * (memory @ key) / lengths)
    weights = sigmoid(gate) * content + (1.0 - sigmoid(gate)) * before
    back, stay, forth = softmax(np.array(shifts))
    slots = len(weights)
    moved = np.array(
        [
            back * weights[(slot + 1) % slots] + stay * weights[slot] + forth * weights[slot - 1]
            for slot in range(slots)
        ]
    )
    sharp: Array = (moved + 1e-6) ** (1.0 + np.log1p(np.exp(sharpness)))
    total: Array = sharp / sharp.sum()
    return total


def softmax(values: Array) -> Array:
    powers = np.exp(values - values.max())
    result: Array = powers / powers.sum()
    return result
