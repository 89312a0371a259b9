"""How far back a gradient reaches. Knows back-propagation through time, step by step in NumPy."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from app.training.common.recurrent import Recurrent
from app.training.study.finding import Finding, Report, Rows

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Array = NDArray[np.float64]
CELLS_STUDIED: Final = ("rnn", "lstm", "gru")
_STEPS, _UNITS, _ROWS = 100, 32, 16
_SCALES: Final = {"below one": 0.5, "at one": 1.0, "above one": 1.5}  # of the recurrent weights
_CLIP = 1.0  # the norm that a gradient is cut to
DELAYS: Final = (5, 10, 20, 40)
_TAUGHT: Final = 250  # batches that a network learns a delay from


@dataclass(frozen=True)
class Elman:
    """h[t] = tanh(W x[t] + U h[t-1] + b), y = V h[T]; the loss is half of (y - target) squared."""

    w: Array  # (units, inputs)
    u: Array  # (units, units)
    b: Array  # (units,)
    v: Array  # (units,)


def through_time(network: Elman, x: Array, target: float) -> dict[str, Array]:
    """The gradients of the loss of one sequence x (time, inputs), from the equations.

    Werbos 1990, "Backpropagation through time: what it does and how to do it". "h" holds the
    gradient with respect to the state at each step, (time, units).
    """
    states = [np.zeros(len(network.b))]
    for value in x:
        states.append(np.tanh(network.w @ value + network.u @ states[-1] + network.b))
    error = float(network.v @ states[-1] - target)
    found = {name: np.zeros_like(getattr(network, name)) for name in ("w", "u", "b")}
    found["v"] = error * states[-1]
    found["h"] = np.zeros((len(x), len(network.b)))
    at_state = error * network.v  # dL/dh[T]
    for time in reversed(range(len(x))):
        found["h"][time] = at_state
        at_sum = at_state * (1.0 - states[time + 1] ** 2)  # through tanh
        found["w"] += np.outer(at_sum, x[time])
        found["u"] += np.outer(at_sum, states[time])
        found["b"] += at_sum
        at_state = network.u.T @ at_sum  # to the step before
    return found


def by_torch(network: Elman, x: Array, target: float) -> dict[str, Array]:
    """The same gradients from torch's automatic differentiation."""
    parts = {name: torch.tensor(getattr(network, name), requires_grad=True) for name in "wubv"}
    state = torch.zeros(len(network.b), dtype=torch.float64)
    states = []
    for value in torch.tensor(x):
        state = torch.tanh(parts["w"] @ value + parts["u"] @ state + parts["b"])
        state.retain_grad()
        states.append(state)
    torch.autograd.backward(0.5 * (parts["v"] @ state - target) ** 2)
    found = {name: _gradient(part) for name, part in parts.items()}
    return found | {"h": np.stack([_gradient(each) for each in states])}


def _gradient(tensor: Tensor) -> Array:
    assert tensor.grad is not None
    found: Array = tensor.grad.numpy()
    return found


def norms(cell: str, scale: float, seed: int = 0) -> Array:
    """Norms of dL/dh[t] (time,) for a loss at the last step of 100, mean over rows.

    The recurrent weights are orthogonal, times `scale`; inputs are small, so that no unit is
    saturated at first.
    """
    torch.manual_seed(seed)
    stack = Recurrent(cell, 4, _UNITS)
    one = stack.layers()[0][0]
    with torch.no_grad():
        one.weight_hh.mul_(scale)
    state = tuple(torch.zeros(_ROWS, _UNITS) for _ in stack.states)
    outputs = []
    for x in 0.1 * torch.randn(_STEPS, _ROWS, 4):
        state = one.step(one.project(x), state, one.weight_hh)
        state[0].retain_grad()
        outputs.append(state[0])
    torch.autograd.backward((outputs[-1] * torch.randn(_UNITS)).sum())
    found: Array = np.array([np.linalg.norm(_gradient(each), axis=1).mean() for each in outputs])
    return found


def copied(cell: str, delay: int, *, steps: int = _TAUGHT, seed: int = 0) -> float:
    """How often a network says which of two symbols came `delay` steps ago: 0.5 is chance."""
    torch.manual_seed(seed)
    stack, head = Recurrent(cell, 2, _UNITS), nn.Linear(_UNITS, 1)
    parameters = [*stack.parameters(), *head.parameters()]
    optimiser = torch.optim.Adam(parameters, lr=5e-3)
    for _ in range(steps):
        x, y = _delayed(delay, 32)
        loss = nn.functional.binary_cross_entropy_with_logits(head(stack(x)[0][-1])[:, 0], y)
        optimiser.zero_grad()
        torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_(parameters, _CLIP)
        optimiser.step()
    x, y = _delayed(delay, 500)
    with torch.no_grad():
        return float(((head(stack(x)[0][-1])[:, 0] > 0) == (y > 0.5)).float().mean())


def _delayed(delay: int, rows: int) -> tuple[Tensor, Tensor]:
    """A symbol at the first step, noise after it: (delay + 1, rows, 2), and the symbol (rows,)."""
    symbol = torch.randint(0, 2, (rows,)).float()
    x = torch.randn(delay + 1, rows, 2) * 0.3
    x[0] = torch.stack([symbol * 2 - 1, torch.ones(rows)], dim=1)
    return x, symbol


def gradients(report: Report) -> Finding:
    """Equations against torch, vanishing and exploding norms, what is learned across them."""
    report("the equations beside torch")
    rng = np.random.default_rng(0)
    network = Elman(rng.normal(size=(4, 2)), rng.normal(size=(4, 4)), *rng.normal(size=(2, 4)))
    x = rng.normal(size=(6, 2))
    ours, theirs = through_time(network, x, 1.0), by_torch(network, x, 1.0)
    equal = Rows(
        "Back-propagation through time, written out, beside automatic differentiation:",
        ("gradient of the loss by", "largest difference"),
        [[name, f"{np.abs(ours[name] - theirs[name]).max():.1e}"] for name in ours],
    )
    report("norms over 100 steps")
    lines = {
        (cell, size): norms(cell, scale)
        for cell in CELLS_STUDIED
        for size, scale in _SCALES.items()
    }
    reach = Rows(
        f"Norm of dL/dh at the first of {_STEPS} steps, over that at the last:",
        ("cell", *(f"recurrent weights {size}" for size in _SCALES)),
        [
            [cell, *(f"{lines[cell, size][0] / lines[cell, size][-1]:.1e}" for size in _SCALES)]
            for cell in CELLS_STUDIED
        ],
    )
    learned = {}
    for cell in CELLS_STUDIED:
        report(f"what {cell} learns of a symbol long ago")
        learned[cell] = [copied(cell, delay) for delay in DELAYS]
    copy = Rows(
        "A symbol, then noise; after so many steps the network is asked for it (0.5 is chance):",
        ("cell", *(f"{delay} steps" for delay in DELAYS)),
        [[cell, *(f"{each:.2f}" for each in scores)] for cell, scores in learned.items()],
    )
    return Finding(
        "How far back a gradient reaches",
        _TEXT.format(clip=_CLIP, steps=_TAUGHT, longest=DELAYS[-1]),
        [equal, reach, copy],
        lambda figure: _draw(figure, lines),
        (10.0, 3.6),
    )


def _draw(figure: "Figure", lines: dict[tuple[str, str], Array]) -> None:
    each_axes = figure.subplots(1, len(_SCALES), sharey=True)
    for axes, size in zip(each_axes, _SCALES, strict=True):
        for cell in CELLS_STUDIED:
            axes.semilogy(np.maximum(lines[cell, size], 1e-30), label=cell)
        clipped = lines["rnn", size] * min(1.0, _CLIP / max(lines["rnn", size]))
        axes.semilogy(np.maximum(clipped, 1e-30), "--", color="grey", label="rnn, clipped")
        axes.set_title(f"recurrent weights {size}")
        axes.set_xlabel("time step")
    each_axes[0].set_ylabel("norm of dL/dh")
    each_axes[0].legend()


_TEXT = """
The norms are those of networks before training. The gradient at a step is that at the step after
it, times the recurrent weights and the slope of the activation. In `rnn`, weights below one make it
shrink by a constant factor a step, until nothing is left; with weights above one it grows, and
less so once activations are saturated. An `lstm` loses less with small weights and grows less with
large ones, since a part of its gradient goes back through the forget gate alone. A `gru` loses most
at one and above: before training its update gate lets half of the state go at every step. So gates
by themselves do not keep a gradient; they have to be open.

Clipping cuts a gradient to the norm {clip:g} and keeps its direction: that saves training from a
step that is far too large, and does nothing for one that has vanished.

The last table is after training, one run of {steps} steps for each entry. Norms before training do
not tell what it says: `rnn` and `lstm` find the symbol at every delay asked here, so that their
limits lie further back than {longest} steps and are not shown. Where an entry is
near 0.5, this budget was too small for that cell and delay; a longer one was not tried.
"""
