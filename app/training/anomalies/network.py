"""The network of the streaming forecaster, in torch and in ONNX. Knows shapes, no series."""

from dataclasses import asdict, dataclass

import numpy as np
import onnx
import torch
from torch import Tensor, nn

from app.features.running import AHEAD, GUESSES, ROW
from app.training.common.cell import Names, State
from app.training.common.graph import Graph
from app.training.common.recurrent import Recurrent

QUANTILE_LEVELS = (0.005, 0.025, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.975, 0.995)
_REGISTER = 16  # floats in the widest vector register
_WIDEST = 12.0  # logarithm of the largest distance between two levels, in units


@dataclass(frozen=True)
class StreamForecasterOptions:
    """Sizes of a `StreamForecaster`."""

    cell: str = "gru"  # recurrent cell; a key of CELLS in common/cells.py, with one state
    hidden_size: int = 96  # units of a layer
    num_layers: int = 1  # recurrent layers
    head_size: int = 64  # units between the state and the answer
    levels: tuple[float, ...] = QUANTILE_LEVELS  # of the quantiles that are answered, rising

    def __post_init__(self) -> None:
        if list(self.levels) != sorted(set(self.levels)) or 0.5 not in self.levels:
            raise ValueError("levels must be increasing and contain 0.5")


class StreamForecaster(nn.Module):
    """Reads one row a value, and answers all quantiles of any step ahead from the state there.

    The answer for a step ahead does not go through the steps between (direct, as the MQ-RNN of
    Wen et al. 2017, "A multi-horizon quantile recurrent forecaster", section 3). Its median is a
    weighted mean of simple guesses and an offset: the network chooses between them, as in the
    gating of Jacobs et al. (1991), "Adaptive mixtures of local experts". Quantiles cannot cross:
    they are the median plus or minus cumulated positive distances.
    """

    def __init__(self, options: StreamForecasterOptions) -> None:
        super().__init__()
        self.options = o = options
        self.recurrent = Recurrent(o.cell, ROW, o.hidden_size, o.num_layers, residual=True)
        if len(self.recurrent.states) != 1:
            raise ValueError(f"{o.cell!r} has several states, which has no form here")
        self.hidden = nn.Linear(o.hidden_size + AHEAD - GUESSES, o.head_size)
        self.head = nn.Linear(o.head_size, GUESSES + len(o.levels))
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    @property
    def middle(self) -> int:
        return self.options.levels.index(0.5)

    def forward(self, rows: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """rows (time, batch, ROW) -> what `answer` needs (time, batch, hidden), and the state."""
        outputs, after = self.recurrent(rows, None, state)
        return outputs, after

    def answer(self, outputs: Tensor, ahead: Tensor) -> Tensor:
        """outputs (..., hidden), ahead (..., AHEAD) -> quantiles (..., levels), in units from the
        last value."""
        entry = torch.cat([outputs, ahead[..., GUESSES:]], dim=-1)
        raw = self.head(torch.relu(self.hidden(entry)))
        weights = torch.softmax(raw[..., :GUESSES], dim=-1)
        guess = (weights * ahead[..., :GUESSES]).sum(-1, keepdim=True)
        raw = raw[..., GUESSES:]
        middle = self.middle
        widths = torch.exp(raw.clamp(-_WIDEST, _WIDEST))
        median = guess + raw[..., middle : middle + 1]
        below = widths[..., :middle].flip(-1).cumsum(-1).flip(-1)
        above = widths[..., middle + 1 :].cumsum(-1)
        return torch.cat([median - below, median, median + above], dim=-1)

    def describe(self) -> dict[str, object]:
        return asdict(self.options) | {"parameters": sum(p.numel() for p in self.parameters())}


def stream_forecaster_graph(network: StreamForecaster) -> onnx.ModelProto:
    """Any number of values of any number of series.

    rows (batch, time, ROW) float32, lengths (batch,) int64, state (batch, layers * hidden)
    float32, next (batch, time, AHEAD) float32: one step ahead after each value, and future
    (batch, horizon, AHEAD) float32: any steps ahead after the last one -> quantiles (batch, time,
    levels), forecast (batch, horizon, levels), next_state (batch, layers * hidden), all float32.
    """
    o, levels = network.options, len(network.options.levels)
    graph = Graph("stream_forecaster")
    rows = graph.input("rows", np.float32, ("batch", "time", ROW))
    lengths = graph.input("lengths", np.int64, ("batch",))
    width = o.num_layers * o.hidden_size
    state = graph.input("state", np.float32, ("batch", width))
    following = graph.input("next", np.float32, ("batch", "time", AHEAD))
    future = graph.input("future", np.float32, ("batch", "horizon", AHEAD))
    parts = graph.op("Reshape", state, np.array([0, o.num_layers, o.hidden_size], np.int64))
    before = graph.op("Transpose", parts, perm=[1, 0, 2])  # (layers, batch, hidden)
    steps = graph.op("Transpose", rows, perm=[1, 0, 2])  # (time, batch, ROW)
    outputs, after = network.recurrent.to_onnx(graph, steps, lengths, (before,))
    each = graph.op("Transpose", outputs, perm=[1, 0, 2])  # (batch, time, hidden)
    with graph.scope("next"):
        quantiles = _answer(graph, network, each, following)
    with graph.scope("future"):
        last = graph.op(
            "Unsqueeze", graph.last_step(outputs, lengths), np.array([1], np.int64)
        )  # (batch, 1, hidden)
        horizon = graph.op("Shape", future, start=1, end=2)
        one = np.array([1], np.int64)
        tiled = graph.op("Expand", last, graph.op("Concat", one, horizon, one, axis=0))
        forecast = _answer(graph, network, tiled, future)
    graph.output("quantiles", quantiles, np.float32, ("batch", "time", levels))
    graph.output("forecast", forecast, np.float32, ("batch", "horizon", levels))
    graph.output("next_state", _flat(graph, after), np.float32, ("batch", width))
    return graph.build()


def _flat(graph: Graph, state: Names) -> str:
    """(layers, batch, hidden) -> (batch, layers * hidden)."""
    rows = graph.op("Transpose", state[0], perm=[1, 0, 2])
    return graph.op("Reshape", rows, np.array([0, -1], np.int64))


def _answer(graph: Graph, network: StreamForecaster, outputs: str, ahead: str) -> str:
    """`StreamForecaster.answer` as nodes."""
    end = np.iinfo(np.int64).max
    entry = graph.op("Concat", outputs, graph.slices(ahead, GUESSES, end, axis=2), axis=2)
    raw = graph.linear(graph.op("Relu", graph.linear(entry, network.hidden)), network.head)
    weights = graph.op("Softmax", graph.slices(raw, 0, GUESSES, axis=2), axis=2)
    weighed = graph.op("Mul", weights, graph.slices(ahead, 0, GUESSES, axis=2))
    # A sum over rows that do not fill registers is taken in an order that depends on where a row
    # lies in memory, and the exponential rounds whole registers otherwise than what is left over
    # at the end of a batch. With rows that fill registers an answer is the same to the bit in
    # every batch.
    filled = graph.op("Pad", weighed, _rest(GUESSES))
    guess = graph.op("ReduceSum", filled, np.array([2], np.int64), keepdims=1)
    raw = graph.slices(raw, GUESSES, end, axis=2)
    middle, count = network.middle, len(network.options.levels)
    bounds = (np.array(-_WIDEST, np.float32), np.array(_WIDEST, np.float32))
    widths = graph.op("Exp", graph.op("Pad", graph.op("Clip", raw, *bounds), _rest(count)))
    median = graph.op("Add", guess, graph.slices(raw, middle, middle + 1, axis=2))
    axis = np.array(2, np.int64)
    below = graph.op("CumSum", graph.slices(widths, 0, middle, axis=2), axis, reverse=1)
    above = graph.op("CumSum", graph.slices(widths, middle + 1, count, axis=2), axis)
    parts = (graph.op("Sub", median, below), median, graph.op("Add", median, above))
    return graph.op("Concat", *parts, axis=2)


def _rest(count: int) -> np.ndarray:
    """What pads the last axis of (batch, time, count) to whole registers."""
    return np.array([0, 0, 0, 0, 0, -count % _REGISTER], np.int64)
