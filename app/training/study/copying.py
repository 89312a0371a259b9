"""The copy task: bits are shown, then asked for. Knows its data, how it is learned and scored."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from app.training.common.loop import Fit, LoopOptions, Progress, fit
from app.training.study.finding import Finding, Report, Rows
from app.training.study.reader import Reader, served_stream

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def _loop(steps: int = 8000, rate: float = 3e-3) -> LoopOptions:
    return LoopOptions(
        steps=steps, learning_rate=rate, weight_decay=0.0, averaging=0.998, validate_every=250,
        patience=steps,
    )  # fmt: skip


@dataclass(frozen=True)
class CopyOptions:
    """One network and how it learns to copy."""

    cell: str = "ntm"  # a key of CELLS
    hidden_size: int = 64  # units of the controller, or of a layer
    bits: int = 8  # in a vector
    longest: int = 20  # vectors of a sequence in training
    batch_size: int = 32  # sequences of a step, all of one length
    begin: int = 4  # longest sequence at first; it grows evenly over the first half of the steps
    loop: LoopOptions = field(default_factory=_loop)  # how it is trained


def reader_of(options: CopyOptions) -> Reader:
    """The network: it reads bits and two marks, and answers bits at every step."""
    torch.manual_seed(options.loop.seed)
    return Reader(options.cell, options.bits + 2, options.hidden_size, options.bits)


def sequences(rng: np.random.Generator, length: int, rows: int, bits: int) -> tuple[Tensor, Tensor]:
    """What is read, (2 length + 2, rows, bits + 2), and to be answered, (length, rows, bits).

    A mark, the vectors, another mark, and nothing while the answer is given (Graves, Wayne and
    Danihelka 2014, "Neural Turing Machines", section 4.1). The last two columns are the marks.
    """
    shown = torch.from_numpy(rng.integers(0, 2, (length, rows, bits)).astype(np.float32))
    inputs = torch.zeros(2 * length + 2, rows, bits + 2)
    inputs[0, :, bits] = 1.0
    inputs[1 : length + 1, :, :bits] = shown
    inputs[length + 1, :, bits + 1] = 1.0
    return inputs, shown


def wrong_bits(network: nn.Module, length: int, bits: int, rows: int = 300, seed: int = 9) -> float:
    """Bits that are wrong in a sequence of `length` vectors, mean over `rows` fresh sequences."""
    inputs, target = sequences(np.random.default_rng([seed, length]), length, rows, bits)
    with torch.no_grad():
        answer = network(inputs)[0][-length:] > 0
    return float((answer != (target > 0.5)).sum()) / rows


def learn(
    options: CopyOptions,
    *,
    checkpoint: Path | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> Fit:
    """Train a `Reader`; the best step is that with the smallest loss at the longest sequence."""
    o = options
    judged = sequences(np.random.default_rng([o.loop.seed, 1]), o.longest, 50, o.bits)

    def batch(step: int) -> tuple[Tensor, Tensor]:
        rng = np.random.default_rng([o.loop.seed, 2, step])
        grown = o.begin + (o.longest - o.begin) * min(1.0, 2.0 * step / o.loop.steps)
        return sequences(rng, int(rng.integers(1, round(grown) + 1)), o.batch_size, o.bits)

    def loss(module: nn.Module, drawn: tuple[Tensor, Tensor]) -> Tensor:
        inputs, target = drawn
        logits = module(inputs)[0][-len(target) :]
        return functional.binary_cross_entropy_with_logits(logits, target)

    def validate(module: nn.Module) -> float:
        return float(loss(module, judged))

    network = reader_of(o)
    return fit(network, batch, loss, validate, o.loop, checkpoint=checkpoint, progress=progress)


TAUGHT: Final = (
    CopyOptions(bits=6, longest=6, begin=2, loop=_loop(1500, 4e-3)),
    CopyOptions("lstm", 128, bits=6, longest=6, begin=2, loop=_loop(3000)),
)
"""What the experiment compares: sequences of 6, since those of 20 take half an hour."""


def copying(report: Report) -> Finding:
    """A network with a memory beside one without, at lengths that they were not taught."""
    lengths = [TAUGHT[0].longest * factor // 2 for factor in (1, 2, 3, 4, 6)]
    lines, networks = {}, {}
    for options in TAUGHT:
        report(f"{options.cell} learns to copy up to {options.longest} vectors")
        network = networks[options.cell] = learn(options).network
        lines[options.cell] = [wrong_bits(network, length, options.bits) for length in lengths]
    taught = TAUGHT[0].longest
    table = Rows(
        f"Wrong bits in a sequence, taught up to {taught} vectors of {TAUGHT[0].bits} bits:",
        ("cell", *(f"length {length}" for length in lengths)),
        [[cell, *(f"{each:.3f}" for each in line)] for cell, line in lines.items()],
    )
    ntm = networks["ntm"]
    assert isinstance(ntm, Reader)
    inputs, _ = sequences(np.random.default_rng(5), taught, 1, TAUGHT[0].bits)
    report("the ntm as a stream, one step a time")
    with torch.no_grad():
        whole = ntm(inputs)[0][:, 0].numpy()
    with served_stream(ntm, "copy-ntm") as opened:
        take = opened()
        steps = np.concatenate([take(step) for step in inputs.numpy()])  # (time, bits)
    apart = float(np.abs(whole - steps).max())
    stream = Rows(
        "The same sequence read by torch, and by a stream that keeps the memory as its state:",
        ("what", "number"),
        [["steps", f"{len(steps)}"], ["largest difference of a logit", f"{apart:.1e}"]],
    )
    heads = _heads(ntm, inputs)
    return Finding(
        "Copying with a memory",
        _TEXT,
        [table, stream],
        lambda figure: _draw(figure, lengths, lines, heads),
        (9.0, 3.8),
    )


def _heads(network: Reader, inputs: Tensor) -> np.ndarray:
    """Where it writes and reads at each step: (slots, 2 x time)."""
    places: dict[str, list[Tensor]] = {"write_weights": [], "read_weights": []}
    state = None
    with torch.no_grad():
        for step in torch.split(inputs, 1):
            _, state = network(step, None, state)
            for name, kept in places.items():
                kept.append(state[network.stack.states.index(name)][0, 0])
    return torch.cat([torch.stack(kept) for kept in places.values()]).T.numpy()


def _draw(
    figure: "Figure", lengths: list[int], lines: dict[str, list[float]], heads: np.ndarray
) -> None:
    left, right = figure.subplots(1, 2)
    for cell, line in lines.items():
        left.plot(lengths, line, "o-", label=cell)
    left.set_xlabel("vectors in a sequence")
    left.set_ylabel("wrong bits")
    left.legend()
    used = np.flatnonzero(heads.max(axis=1) > 0.05)
    right.imshow(heads[: used.max() + 2], aspect="auto", cmap="viridis", interpolation="nearest")
    right.axvline(heads.shape[1] / 2 - 0.5, color="white")
    right.set_title("where it writes (left) and reads (right)")
    right.set_xlabel("time step")
    right.set_ylabel("slot")


_TEXT = """
A sequence of random bits is shown and then asked for. An LSTM has to keep it in its units: it
learns most of the lengths that it is taught and fails at longer ones. The neural Turing machine
learns to write each vector beside the one before, to go back to the first at the mark, and to read
slot after slot in the same direction; the picture shows both heads move. So it also copies
sequences of half as many vectors again nearly without an error, and longer ones better than the
LSTM copies those that it was taught. As a stream its state is the memory, both heads and the
controller: each step is sent alone, and the answer is that of the whole. Sequences of 20 stand in
docs/textbook.md, from benchmarks/copying.py.
"""
