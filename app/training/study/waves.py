"""The textbook's generated waves, one and ten values ahead. Knows networks in small, no model."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from app.training.study.finding import Finding, Report, Rows
from app.training.study.reader import Reader, made, taught
from app.training.waves.data import waves as drawn_waves

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Array = NDArray[np.float64]
STEPS: Final = 400  # of training, for each network
PAST: Final = 50
AHEAD: Final = 10
SCORED: Final = 2000  # fresh series
_ROWS, _UNITS, _RATE = 64, 20, 8e-3


@dataclass(frozen=True)
class Kind:
    """A network of the chapter.

    ahead: values that it answers. every: whether it is taught at every step, not at the last alone.
    inputs: 2 adds a one to each value, since layer norm leaves nothing of a single one but its
    sign.
    """

    name: str
    cell: str
    units: int = _UNITS
    layers: int = 1
    ahead: int = AHEAD
    every: bool = False
    inputs: int = 1


KINDS: Final = (
    Kind("rnn of one unit, one value", "rnn", units=1, ahead=1),
    Kind("deep rnn, one value", "rnn", layers=2, ahead=1),
    Kind("deep rnn, ten values", "rnn", layers=2),
    Kind("deep rnn, ten values at every step", "rnn", layers=2, every=True),
    Kind("lstm with layer norm, at every step", "layernorm_lstm", every=True, inputs=2),
    Kind("lstm, at every step", "lstm", layers=2, every=True),
    Kind("gru, at every step", "gru", layers=2, every=True),
    Kind("wavenet, at every step", "wavenet", layers=2, every=True),
)


def learned(kind: Kind) -> Reader:
    """A network that has seen `STEPS` batches of fresh series of 60 points."""
    network = made(lambda: Reader(kind.cell, kind.inputs, kind.units, kind.ahead, kind.layers), 0)

    def batch(rng: np.random.Generator) -> Tensor:
        return torch.from_numpy(drawn_waves(rng, _ROWS, PAST + AHEAD)).float().T  # (time, rows)

    def loss(module: nn.Module, series: Tensor) -> Tensor:
        answer, _ = module(_entry(series[:PAST], kind.inputs))  # (past, rows, ahead)
        # what follows each step: (past, rows, ahead)
        targets = series.unfold(0, kind.ahead, 1)[1 : PAST + 1]
        if not kind.every:
            answer, targets = answer[-1:], targets[-1:]
        return nn.functional.mse_loss(answer, targets)

    taught(network, batch, loss, steps=STEPS, rate=_RATE)
    return network


def forecast(network: Reader, past: Array, ahead: int) -> Array:
    """The next ten values (rows, 10); a network of one value is asked again with its own answer."""
    series = torch.from_numpy(past).float().T  # (time, rows)
    with torch.no_grad():
        answer, state = network(_entry(series, network.stack.input_size))
        if ahead > 1:
            found: Array = answer[-1].double().numpy()
            return found
        values = [answer[-1:]]
        for _ in range(AHEAD - 1):
            answer, state = network(values[-1], None, state)
            values.append(answer)
    return torch.cat(values)[:, :, 0].T.double().numpy()  # (rows, 10)


def _entry(series: Tensor, inputs: int) -> Tensor:
    """(time, rows) to (time, rows, inputs)."""
    return torch.stack([series, torch.ones_like(series)][:inputs], dim=2)


def baselines(rng: np.random.Generator) -> dict[str, Callable[[Array], Array]]:
    """The last value, and least squares on the past fitted to as many series as a network sees."""
    known = drawn_waves(rng, STEPS * _ROWS, PAST + AHEAD)

    def design(past: Array) -> Array:
        return np.hstack([past, np.ones((len(past), 1))])

    weights: Any = np.linalg.lstsq(design(known[:, :PAST]), known[:, PAST:], rcond=None)[0]
    return {
        "naive": lambda past: np.repeat(past[:, -1:], AHEAD, axis=1),
        "linear": lambda past: design(past) @ weights,
    }


def waves(report: Report) -> Finding:
    """Each network of the chapter by one budget, beside the baselines."""
    rng = np.random.default_rng(77)
    fresh = drawn_waves(rng, SCORED, PAST + AHEAD)
    past, target = np.split(fresh, [PAST], axis=1)
    answers = {name: method(past) for name, method in baselines(rng).items()}
    weights = {"naive": 0, "linear": (PAST + 1) * AHEAD}
    for kind in KINDS:
        report(kind.name)
        network = learned(kind)
        answers[kind.name] = forecast(network, past, kind.ahead)
        weights[kind.name] = sum(each.numel() for each in network.parameters())
    errors = {name: ((answer - target) ** 2).mean(axis=0) for name, answer in answers.items()}
    table = Rows(
        f"Mean squared error on {SCORED:,} fresh series; {STEPS} batches of {_ROWS} series for "
        "each; the noise alone is 0.00083:",
        ("method", "weights", "next step", "ten steps", "the tenth"),
        [
            [name, f"{weights[name]:,}", *(f"{x:.4f}" for x in (each[0], each.mean(), each[-1]))]
            for name, each in errors.items()
        ],
    )
    return Finding(
        "Waves, one and ten steps ahead",
        _TEXT,
        [table],
        lambda figure: _draw(figure, errors, fresh[0], answers),
        (10.0, 4.0),
    )


def _draw(
    figure: "Figure", errors: dict[str, Array], series: Array, answers: dict[str, Array]
) -> None:
    left, right = figure.subplots(1, 2)
    steps = np.arange(AHEAD) + 1
    for name, each in errors.items():
        left.semilogy(steps, each, "--" if name in ("naive", "linear") else "-", label=name)
    left.set_xlabel("steps ahead")
    left.set_ylabel("mean squared error")
    left.legend(fontsize=6)
    right.plot(np.arange(PAST + AHEAD), series, color="black", label="series")
    for name in ("linear", KINDS[1].name, KINDS[-1].name):
        right.plot(PAST + steps - 1, answers[name][0], label=name)
    right.legend(fontsize=6)


_TEXT = """
The last value is a poor forecast of a wave, and one recurrent unit is hardly better for the next
step. Least squares on the past are hard to beat one step ahead; further ahead a network wins by
what it makes of the whole past. One value at a time, the network goes on with its own answers, and
their errors add up; ten values at once need no such chain. Asked at every step instead of the last
one, each series is used fifty times, which makes its task harder, too: the early steps have seen
little. Gates and dilated convolutions carry what the waves were doing further than a plain network
does. All of these are small and were taught for seconds: what the same cells reach with a real
budget stands in docs/models.md, from benchmarks/waves.py.
"""
