"""What a network reads and when it answers: the four shapes, on small made tasks. Knows no data."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from app.training.study.finding import Finding, Report, Rows
from app.training.study.reader import Reader, made, taught

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Array = NDArray[np.float32]
STEPS: Final = 500  # of training, for each network
CELLS_STUDIED: Final = ("rnn", "gru", "lstm")
_ROWS, _UNITS, _RATE, _SYMBOLS = 64, 32, 5e-3, 6


@dataclass(frozen=True)
class Examples:
    """inputs (time, rows, inputs), targets (time, rows, outputs); asked: the steps that count."""

    inputs: Array
    targets: Array
    asked: slice


@dataclass(frozen=True)
class Shape:
    """One architecture: its task in words, how examples are made, whether it answers symbols."""

    task: str
    draw: Callable[[np.random.Generator, int], Examples]
    symbols: bool


def one_to_many(rng: np.random.Generator, rows: int) -> Examples:
    """A frequency at the first step, then nothing; asked for the wave."""
    time = 20
    frequency = rng.uniform(0.2, 0.8, rows)
    inputs = np.zeros((time, rows, 1), np.float32)
    inputs[0, :, 0] = frequency
    wave = np.sin(np.arange(time)[:, None] * frequency)[:, :, None]
    return Examples(inputs, wave.astype(np.float32), slice(0, time))


def many_to_one(rng: np.random.Generator, rows: int) -> Examples:
    """Numbers, two of them marked; asked at the end for the sum of the two.

    Hochreiter and Schmidhuber 1997, "Long short-term memory", experiment 4.
    """
    time = 15
    numbers = rng.uniform(-1.0, 1.0, (time, rows))
    marks = np.argsort(rng.random((time, rows)), axis=0) < 2
    inputs = np.stack([numbers, marks], axis=2).astype(np.float32)
    targets = np.zeros((time, rows, 1), np.float32)
    targets[-1, :, 0] = (numbers * marks).sum(axis=0)
    return Examples(inputs, targets, slice(time - 1, time))


def synchronous(rng: np.random.Generator, rows: int) -> Examples:
    """Bits; asked at each step whether the number of ones so far is odd."""
    time = 15
    bits = rng.integers(0, 2, (time, rows))
    odd = np.cumsum(bits, axis=0) % 2
    one_hot = np.eye(2, dtype=np.float32)
    return Examples(bits[:, :, None].astype(np.float32), one_hot[odd], slice(0, time))


def delayed(rng: np.random.Generator, rows: int) -> Examples:
    """Five symbols, then nothing; asked for them in reverse: an encoder and a decoder in one."""
    count = 5
    symbols = rng.integers(0, _SYMBOLS, (count, rows))
    one_hot = np.eye(_SYMBOLS + 1, dtype=np.float32)  # the last is "nothing"
    silence = np.full((count, rows), _SYMBOLS)
    inputs = one_hot[np.concatenate([symbols, silence])]
    targets = one_hot[np.concatenate([silence, symbols[::-1]])][:, :, :_SYMBOLS]
    return Examples(inputs, targets, slice(count, 2 * count))


SHAPES: Final = {
    "one to many": Shape("a frequency becomes a wave", one_to_many, False),
    "many to one": Shape("the sum of two marked numbers", many_to_one, False),
    "many to many, synchronous": Shape("odd or even so far", synchronous, True),
    "many to many, delayed": Shape("five symbols reversed", delayed, True),
}


def learned(shape: Shape, cell: str) -> Reader:
    """A network of one shape."""
    example = shape.draw(np.random.default_rng(0), 1)
    sizes = example.inputs.shape[2], example.targets.shape[2]
    network = made(lambda: Reader(cell, sizes[0], _UNITS, sizes[1]), 0)

    def loss(module: nn.Module, drawn: Examples) -> Tensor:
        answer = module(torch.from_numpy(drawn.inputs))[0][drawn.asked]
        target = torch.from_numpy(drawn.targets[drawn.asked])
        if shape.symbols:
            return functional.cross_entropy(answer.flatten(0, 1), target.flatten(0, 1))
        return functional.mse_loss(answer, target)

    taught(network, lambda rng: shape.draw(rng, _ROWS), loss, steps=STEPS, rate=_RATE)
    return network


def answers(network: Reader, drawn: Examples) -> Array:
    """What it answers when it is asked: (steps, rows, outputs)."""
    with torch.no_grad():
        found: Array = network(torch.from_numpy(drawn.inputs))[0][drawn.asked].numpy()
    return found


def score(shape: Shape, network: Reader, drawn: Examples) -> float:
    """Share of right symbols, or root mean squared error."""
    answer, target = answers(network, drawn), drawn.targets[drawn.asked]
    if shape.symbols:
        return float((answer.argmax(2) == target.argmax(2)).mean())
    return float(np.sqrt(((answer - target) ** 2).mean()))


def architectures(report: Report) -> Finding:
    """Each shape with each cell, and one example of each."""
    rows, shown = [], {}
    for name, shape in SHAPES.items():
        fresh = shape.draw(np.random.default_rng(99), 1000)
        target = fresh.targets[fresh.asked]
        nothing = 1.0 / target.shape[2] if shape.symbols else float(target.std())
        cells = []
        for cell in CELLS_STUDIED:
            report(f"{name}, {cell}")
            network = learned(shape, cell)
            cells.append(f"{score(shape, network, fresh):.3f}")
        measure = "share right" if shape.symbols else "error"
        rows.append([f"{name}: {shape.task}", measure, f"{nothing:.3f}", *cells])
        answer = answers(network, fresh)
        if shape.symbols:
            answer, target = answer.argmax(2)[:, :, None], target.argmax(2)[:, :, None]
        shown[name] = (target[:, :8, 0], answer[:, :8, 0])
    table = Rows(
        "Share of right answers (more is better) or root mean squared error (less is better):",
        ("architecture", "measure", "without reading", *CELLS_STUDIED),
        rows,
    )
    return Finding(
        "When a network reads and when it answers",
        _TEXT,
        [table],
        lambda figure: _draw(figure, shown),
        (10.0, 5.0),
    )


def _draw(figure: "Figure", shown: dict[str, tuple[Array, Array]]) -> None:
    for axes, (name, (target, answer)) in zip(
        figure.subplots(2, 2).ravel(), shown.items(), strict=True
    ):
        axes.set_title(name, fontsize=9)
        if len(target) == 1:
            axes.plot(target[0], answer[0], "o")
            axes.axline((0, 0), slope=1.0, color="grey")
            axes.set_xlabel("right")
            axes.set_ylabel("answered")
            continue
        axes.plot(target[:, 0], "o", color="black", label="right")
        axes.plot(answer[:, 0], "x-", label="answered")
        axes.set_xlabel("step")
        axes.legend(fontsize=7)


_TEXT = """
The network is the same in all four: a cell, and a linear layer on its output. What differs is when
it reads and which of its answers count. One to many writes on from one number, as a caption is
written from one picture. Many to one answers at the end, as a classifier of texts. Many to many
answers at every step, or, delayed, only after it has read everything, as a translator: then all of
the sequence has to fit into the state. Counting that must be exact, such as odd or even, is where
the cells differ most by the same budget. Here all answers are of an lstm in the picture.
"""
