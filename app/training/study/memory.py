"""What cells keep of a list of keys and values. Knows one made task."""

from typing import TYPE_CHECKING, Final

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from app.training.study.finding import Finding, Report, Rows
from app.training.study.reader import Reader, made, taught

if TYPE_CHECKING:
    from matplotlib.figure import Figure

STEPS: Final = 500  # of training, for each cell
CELLS_STUDIED: Final = ("lstm", "mingru", "slstm", "gated_delta")
PAIRS: Final = (1, 2, 4, 8, 16)
SCORED: Final = 400  # lists
_KEYS, _VALUES, _UNITS, _LAYERS, _ROWS, _RATE = 16, 8, 48, 2, 64, 5e-3


def pairs(
    rng: np.random.Generator, count: int, rows: int, *, again: bool = False
) -> tuple[Tensor, Tensor]:
    """`count` keys with their values, then each key again: (2 count, rows, keys + values), and
    the value that belongs to each (count, rows).

    With `again` the list comes twice with the same keys and new values, and the newer ones count.
    The task is that of Arora et al. 2023, "Zoology: Measuring and Improving Recall in Efficient
    Language Models", section 3.1, a pair in one step.
    """
    keys = np.argsort(rng.random((_KEYS, rows)), axis=0)[:count]
    lists = 2 if again else 1
    values = rng.integers(0, _VALUES, (lists, count, rows))
    of_key, of_value = np.eye(_KEYS, dtype=np.float32), np.eye(_VALUES, dtype=np.float32)
    shown = [np.concatenate([of_key[keys], of_value[each]], axis=2) for each in values]
    order = rng.permutation(count)
    asked = np.concatenate(
        [of_key[keys[order]], np.zeros((count, rows, _VALUES), np.float32)], axis=2
    )
    return (
        torch.from_numpy(np.concatenate([*shown, asked])),
        torch.from_numpy(values[-1][order]),
    )


def learned(cell: str) -> Reader:
    """A network taught on lists of 1 to 16 pairs, half of them with new values."""
    inputs = _KEYS + _VALUES
    network = made(lambda: Reader(cell, inputs, _UNITS, _VALUES, _LAYERS), 0)

    def batch(rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        count = PAIRS[rng.integers(len(PAIRS))]
        return pairs(rng, count, _ROWS, again=bool(rng.integers(2)))

    def loss(module: nn.Module, drawn: tuple[Tensor, Tensor]) -> Tensor:
        inputs, target = drawn
        answer = module(inputs)[0][-len(target) :]
        return functional.cross_entropy(answer.flatten(0, 1), target.flatten())

    taught(network, batch, loss, steps=STEPS, rate=_RATE)
    return network


def kept(network: Reader, count: int, *, again: bool) -> float:
    """Share of the values that are right, of lists of `count` pairs."""
    inputs, target = pairs(np.random.default_rng(count), count, SCORED, again=again)
    with torch.no_grad():
        answer = network(inputs)[0][-count:].argmax(2)
    return float((answer == target).float().mean())


def memory(report: Report) -> Finding:
    """Each cell, by the length of the list, with and without new values for old keys."""
    lines = {}
    for cell in CELLS_STUDIED:
        report(f"what {cell} keeps of a list")
        network = learned(cell)
        lines[cell] = {
            again: [kept(network, count, again=again) for count in PAIRS] for again in (False, True)
        }
    tables = [
        Rows(
            f"Share of right values, {title} ({1 / _VALUES:.3f} is chance):",
            ("cell", *(f"{count} pairs" for count in PAIRS)),
            [[cell, *(f"{each:.3f}" for each in line[again])] for cell, line in lines.items()],
        )
        for again, title in ((False, "each key once"), (True, "each key twice, the newer counts"))
    ]
    return Finding("What is kept of a list", _TEXT, tables, lambda figure: _draw(figure, lines))


def _draw(figure: "Figure", lines: dict[str, dict[bool, list[float]]]) -> None:
    each_axes = figure.subplots(1, 2, sharey=True)
    for axes, again, title in zip(
        each_axes, (False, True), ("each key once", "each key twice"), strict=True
    ):
        for cell, line in lines.items():
            axes.semilogx(PAIRS, line[again], "o-", base=2, label=cell)
        axes.set_title(title)
        axes.set_xlabel("pairs in the list")
    each_axes[0].set_ylabel("share right")
    each_axes[0].legend()


_TEXT = """
A list of keys and values is read, a pair a step, and then each key is shown again and asked for its
value. A state of a fixed number of units that gates let in and forget has to hold all pairs at
once: beyond two or three, LSTM, minGRU and sLSTM of this size answer little better than chance
after the same teaching, and what they do know is mostly which values were there. The gated delta
rule keeps a matrix: it writes a value under its key, takes off what stood under that key before,
and reads by key. It learns the task whole, also where a key gets a new value. The sizes are equal
in units, not in numbers of the state: a matrix of keys by values is larger than a vector.
"""
