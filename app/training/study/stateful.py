"""One network taught on shuffled windows, and in order with its state kept. Knows one series."""

from typing import TYPE_CHECKING, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from app.training.common.cell import State
from app.training.study.finding import Finding, Report, Rows
from app.training.study.reader import Reader, made, served_stream

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Array = NDArray[np.float32]
WINDOW: Final = 10  # steps of a window
STEPS: Final = 300  # of training
REPEATS: Final = 10
_ROWS, _UNITS, _RATE = 32, 16, 1e-2
_PERIOD, _NOISE = 40, 0.5


def waves(rng: np.random.Generator, steps: int, rows: int) -> Array:
    """Sines of one period, each with its own beginning, under noise: (steps, rows)."""
    times = np.arange(steps)[:, None] + rng.uniform(0.0, _PERIOD, rows)
    found = np.sin(2.0 * np.pi * times / _PERIOD) + _NOISE * rng.normal(size=(steps, rows))
    return found.astype(np.float32)


def learned(stateful: bool, seed: int) -> Reader:
    """One network, one step ahead, by as many windows in either way."""
    rng = np.random.default_rng(seed)
    network = made(lambda: Reader("lstm", 1, _UNITS, 1), seed)
    optimiser = torch.optim.Adam(network.parameters(), lr=_RATE)
    series = torch.from_numpy(waves(rng, STEPS * WINDOW + 1, _ROWS))
    starts = np.arange(STEPS) * WINDOW
    if not stateful:
        # any window of any row, in any order
        columns = np.stack([rng.permutation(STEPS) for _ in range(_ROWS)], axis=1) * WINDOW
    state: State | None = None
    for step in range(STEPS):
        first = np.full(_ROWS, starts[step]) if stateful else columns[step]
        index = torch.from_numpy(first[None, :] + np.arange(WINDOW + 1)[:, None])
        piece = series.gather(0, index)[:, :, None]  # (window + 1, rows, 1)
        answer, after = network(piece[:-1], None, state)
        loss = nn.functional.mse_loss(answer, piece[1:])
        optimiser.zero_grad()
        torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        if stateful:
            state = tuple(each.detach() for each in after)
    return network.eval()


def errors(network: Reader, series: Tensor, *, carried: bool) -> float:
    """Root mean squared error one step ahead over (time + 1, rows), the first tenth left out."""
    steps = (len(series) - 1) // WINDOW
    inputs, targets = series[: steps * WINDOW, :, None], series[1 : steps * WINDOW + 1, :, None]
    with torch.no_grad():
        if carried:
            answer, _ = network(inputs)
        else:
            answer = torch.cat([network(piece)[0] for piece in torch.split(inputs, WINDOW)])
    skipped = len(answer) // 10
    return float(((answer - targets)[skipped:] ** 2).mean().sqrt())


def stateful(report: Report) -> Finding:
    """Box plots of both, and the stateful one as a stream."""
    fresh = torch.from_numpy(waves(np.random.default_rng(999), 500 + 1, 64))
    boxes: dict[str, list[float]] = {name: [] for name in _WAYS}
    for seed in range(REPEATS):
        report(f"repetition {seed + 1} of {REPEATS}")
        shuffled, ordered = learned(False, seed), learned(True, seed)
        boxes["windows alone"].append(errors(shuffled, fresh, carried=False))
        boxes["windows, then carried"].append(errors(shuffled, fresh, carried=True))
        boxes["in order, then alone"].append(errors(ordered, fresh, carried=False))
        boxes["in order, carried"].append(errors(ordered, fresh, carried=True))
    table = Rows(
        f"Root mean squared error one step ahead, {REPEATS} repetitions; the noise alone is "
        f"{_NOISE}:",
        ("taught, then asked", "best", "median", "worst"),
        [
            [name, *(f"{each:.3f}" for each in (min(box), float(np.median(box)), max(box)))]
            for name, box in boxes.items()
        ],
    )
    report("the last one as a stream")
    values = fresh[:100, :1].numpy()  # (100, 1)
    with torch.no_grad():
        whole = ordered(torch.from_numpy(values)[:, None])[0][:, 0].numpy()
    with served_stream(ordered, "stateful") as opened:
        one, many = opened(), opened()
        single = np.concatenate([one(step[None]) for step in values])
        pieces = np.concatenate([many(piece) for piece in np.split(values, [7, 8, 50])])
    streams = Rows(
        "The network in order, as a stream whose state the service keeps; 100 steps:",
        ("sent", "largest difference from torch over the whole"),
        [
            ["one by one", f"{np.abs(single - whole).max():.1e}"],
            ["in pieces of 7, 1, 42 and 50", f"{np.abs(pieces - whole).max():.1e}"],
        ],
    )
    return Finding(
        "Stateless and stateful", _TEXT, [table, streams], lambda figure: _draw(figure, boxes)
    )


_WAYS: Final = (
    "windows alone",
    "windows, then carried",
    "in order, then alone",
    "in order, carried",
)


def _draw(figure: "Figure", boxes: dict[str, list[float]]) -> None:
    axes = figure.subplots()
    axes.boxplot(list(boxes.values()), tick_labels=list(boxes))
    axes.set_ylabel("error one step ahead")


_TEXT = f"""
A wave of {_PERIOD} steps lies under noise of half its height, and a window has {WINDOW} steps.
Taught on shuffled windows that each begin with an empty state, the network has to guess anew in
every window where the wave is. Taught in order, with the state of one window handed to the next
(and the gradient cut there), it uses all that it has seen, and needs its state when it is asked,
too. Handing the state on to a network that was taught on windows helps little or does harm: it has
never seen such a state. That is what a stream is for: the service keeps the state, and steps sent
alone, or in pieces of any length, get the answers of the whole.
"""
