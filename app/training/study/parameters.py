"""How many weights a network has: by formula, and by counting them. Knows shapes only."""

from typing import TYPE_CHECKING

import torch
from torch import nn

from app.training.common.cells import CELLS
from app.training.common.recurrent import Recurrent
from app.training.study.finding import Finding, Report, Rows

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_INPUTS, _UNITS = 100, 64
_GATES = {"rnn": 1, "gru": 3, "lstm": 4, "peephole_lstm": 4}
_DENSE = (32, 1)  # units of the layers behind the recurrent one


def by_formula(cell: str, inputs: int, units: int, *, biases: int, directions: int = 1) -> int:
    """gates (inputs + units + biases) units, peepholes, in each direction.

    `biases` is how many each gate has: torch keeps two, Keras one.
    """
    one = _GATES[cell] * (inputs + units + biases) * units
    return directions * (one + (3 * units if cell == "peephole_lstm" else 0))


def by_counting(cell: str, inputs: int, units: int, *, biases: int, directions: int = 1) -> int:
    """The numbers in a network that was made; with one bias a gate, the second is not counted."""
    network = Recurrent(cell, inputs, units, bidirectional=directions == 2)
    return sum(
        parameter.numel()
        for name, parameter in network.named_parameters()
        if biases == 2 or not name.endswith("bias_hh")
    )


def parameters(report: Report) -> Finding:
    """Counts of every kind of layer, and a network layer by layer."""
    report("counting")
    layers = [(cell, 1) for cell in _GATES] + [("rnn", 2), ("lstm", 2)]
    counts = []
    for cell, directions in layers:
        row = []
        for biases in (2, 1):
            sizes = {"biases": biases, "directions": directions}
            row += [
                by_formula(cell, _INPUTS, _UNITS, **sizes),
                by_counting(cell, _INPUTS, _UNITS, **sizes),
            ]
        counts.append(row)
    names = [cell + (", bidirectional" if both == 2 else "") for cell, both in layers]
    table = Rows(
        f"Weights of a layer of {_UNITS} units on {_INPUTS} inputs:",
        ("layer", "formula, two biases", "counted", "formula, one bias", "counted"),
        [[name, *(f"{each:,}" for each in row)] for name, row in zip(names, counts, strict=True)],
    )
    others = Rows(
        "The other cells, counted:",
        ("cell", "weights"),
        [
            [name, f"{sum(each.numel() for each in cell(_INPUTS, _UNITS).parameters()):,}"]
            for name, cell in CELLS.items()
            if name not in _GATES
        ],
    )
    return Finding(
        "How many weights a recurrent layer has",
        _TEXT.format(units=_UNITS, inputs=_INPUTS),
        [table, others, *(_layer_by_layer(steps) for steps in (10, 1000))],
        lambda figure: _draw(figure, names, counts),
    )


def _layer_by_layer(steps: int) -> Rows:
    """Shapes and weights of a whole network, with every step handed on and with the last one."""
    torch.manual_seed(0)
    recurrent = Recurrent("rnn", _INPUTS, _UNITS)
    dense = [nn.Linear(a, b) for a, b in zip((_UNITS, *_DENSE), _DENSE, strict=False)]
    outputs, _ = recurrent(torch.zeros(steps, 1, _INPUTS))  # (time, batch, units)
    rows = []
    for handed_on, value in (
        ("every step", outputs.transpose(0, 1)),
        ("the last step", outputs[-1]),
    ):
        rows.append(_row(f"rnn({_UNITS}), hands on {handed_on}", recurrent, value))
        for layer in dense:
            value = layer(value)
            rows.append(_row(f"dense({layer.out_features})", layer, value))
    return Rows(
        f"A network over {steps:,} time steps, one row in a batch:",
        ("layer", "shape of its output", "weights"),
        rows,
    )


def _row(name: str, layer: nn.Module, value: torch.Tensor) -> list[str]:
    shape = " x ".join(str(each) for each in value.shape)
    return [name, shape, f"{sum(each.numel() for each in layer.parameters()):,}"]


def _draw(figure: "Figure", names: list[str], counts: list[list[int]]) -> None:
    axes = figure.subplots()
    axes.barh(names, [row[0] for row in counts], color="tab:blue")
    axes.invert_yaxis()
    axes.set_xlabel("weights, two biases a gate")


_TEXT = """
A layer has one block of weights for each gate: from the inputs, from its own state, and biases. An
Elman network has one block, a GRU three, an LSTM four. torch keeps two biases for each gate, Keras
one (but for its GRU, which keeps two as well): {units} more numbers a gate here. Reading a
sequence from both ends doubles everything; peepholes add three numbers a unit.

The number of time steps does not occur in any of it: the same weights are used at every step, and
ten steps and a thousand need equally many. Whether a layer hands on every step or the last one
changes the shape of what follows, not its weights, since a dense layer takes each step alike.
"""
