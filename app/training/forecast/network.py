"""Networks of the tasks, made of recurrent stacks; knows shapes, not data and not losses."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
import onnx
import torch
from torch import Tensor, nn
from torch.nn import functional

from app.features.series import CONTEXT_FEATURES, FUTURE_FEATURES
from app.features.trends import CANDIDATES, TREND_FEATURES
from app.training.common.graph import Graph
from app.training.common.recurrent import Recurrent

_REGISTER = 16  # floats in the widest vector register
_DOUBT = -3.0  # log of the weight of a candidate against the network's own median, untaught
QUANTILE_LEVELS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.975, 0.99)


@dataclass(frozen=True)
class ForecasterOptions:
    """Sizes of a `Forecaster`."""

    cell: str = "gru"  # recurrent cell; a key of CELLS in common/cells.py
    hidden_size: int = 64  # units of a layer
    num_layers: int = 2  # of the encoder and of the decoder
    residual: bool = True  # whether a layer adds its input to its output
    dropout: float = 0.1  # share of the inputs of a layer that is dropped in training, 0 to 1
    recurrent_dropout: float = 0.1  # share of the hidden-to-hidden weights, 0 to 1
    context_features: int = CONTEXT_FEATURES  # numbers that the encoder reads at a step
    future_features: int = FUTURE_FEATURES  # numbers that the decoder reads at a step
    candidates: int = 0  # plain ways on that are weighed, CANDIDATES or none
    levels: tuple[float, ...] = QUANTILE_LEVELS  # of the quantiles that are answered, rising

    def __post_init__(self) -> None:
        if list(self.levels) != sorted(set(self.levels)) or 0.5 not in self.levels:
            raise ValueError("levels must be increasing and contain 0.5")
        if self.candidates not in (0, CANDIDATES):
            raise ValueError(f"candidates must be 0 or {CANDIDATES}")

    @property
    def inputs(self) -> int:
        """Columns of `future`: what the decoder reads, and with candidates `trend_table`."""
        return self.future_features + (TREND_FEATURES if self.candidates else 0)


class Forecaster(nn.Module):
    """Encoder-decoder that answers all quantiles of all steps at once (direct, no feedback).

    The encoder reads the context; its last state starts the decoder, which walks forward over
    the horizon with what is known of each future step. So any horizon can be asked for and
    step h does not depend on how many steps follow it.
    Quantiles cannot cross: they are the median plus or minus cumulated positive widths
    (Park et al. 2022, "Learning Quantile Functions without Quantile Crossing", eq. 5).
    The median is a weighted mean of the network's own and of the candidates' of
    `features.trends`; the weights of a step come out of the decoder's state and the errors that
    the candidates made in the past (a mixture of experts: Jacobs et al. 1991, eq. 1.1). So a trend
    as clean as in no series of business is gone on with as it is.
    """

    def __init__(self, options: ForecasterOptions) -> None:
        super().__init__()
        self.options = options
        o = options

        def stack(input_size: int) -> Recurrent:
            return Recurrent(
                o.cell,
                input_size,
                o.hidden_size,
                o.num_layers,
                residual=o.residual,
                dropout=o.dropout,
                recurrent_dropout=o.recurrent_dropout,
            )

        self.encoder = stack(o.context_features)
        self.decoder = stack(o.inputs - o.candidates + o.hidden_size)
        self.hidden = nn.Linear(o.hidden_size, o.hidden_size)
        self.head = nn.Linear(o.hidden_size, len(o.levels))
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)
        if o.candidates:
            self.mixing = nn.Linear(o.hidden_size + TREND_FEATURES - o.candidates, o.hidden_size)
            self.weights = nn.Linear(o.hidden_size, 1 + o.candidates)
            self.shift = nn.Linear(o.hidden_size, len(o.levels))
            for layer in (self.weights, self.shift):
                nn.init.zeros_(layer.weight)
                nn.init.zeros_(layer.bias)
            with torch.no_grad():
                self.weights.bias[1:] = _DOUBT

    @property
    def middle(self) -> int:
        return self.options.levels.index(0.5)

    def forward(self, context: Tensor, lengths: Tensor, future: Tensor) -> Tensor:
        """context (batch, time, features), lengths (batch,) in steps, future (batch, horizon,
        inputs) -> quantiles (batch, horizon, levels), increasing along the last axis."""
        steps = future.transpose(0, 1)  # (horizon, batch, inputs)
        known = steps[..., : self.options.future_features]
        places = steps[..., known.shape[2] : known.shape[2] + self.options.candidates]
        about = steps[..., known.shape[2] + self.options.candidates :]
        _, state = self.encoder(context.transpose(0, 1), lengths)
        summary = state[0][-1].expand(future.shape[1], -1, -1)  # (horizon, batch, hidden)
        entry = torch.cat([known, summary, about], dim=2)
        decoded, _ = self.decoder(entry, None, state)
        raw = self.head(torch.relu(self.hidden(decoded)))
        if not self.options.candidates:
            return fan(raw.transpose(0, 1), self.middle)
        mixed = torch.relu(self.mixing(torch.cat([decoded, about], dim=2)))
        raw = raw + self.shift(mixed)
        own = raw[..., self.middle : self.middle + 1]
        share = torch.softmax(self.weights(mixed), dim=2)
        median = (share * torch.cat([own, places], dim=2)).sum(dim=2, keepdim=True)
        return fan(raw.transpose(0, 1), self.middle, median.transpose(0, 1))

    def to_onnx(self, graph: Graph, context: str, lengths: str, future: str) -> str:
        """Add `forward` to a graph, dropout left out; same arguments and result, as names."""
        time_major = graph.op("Transpose", context, perm=[1, 0, 2])  # (time, batch, features)
        steps = graph.op("Transpose", future, perm=[1, 0, 2])  # (horizon, batch, inputs)
        o = self.options
        known = about = steps
        if o.candidates:
            places_from, about_from = o.future_features, o.future_features + o.candidates
            known = graph.slices(steps, 0, places_from, axis=2)
            places = graph.slices(steps, places_from, about_from, axis=2)
            about = graph.slices(steps, about_from, o.inputs, axis=2)
        with graph.scope("encoder"):
            _, state = self.encoder.to_onnx(graph, time_major, lengths)
        last = self.options.num_layers - 1
        summary = graph.slices(state[0], last, last + 1, axis=0)  # (1, batch, hidden)
        horizon = graph.op("Shape", steps, start=0, end=1)
        ones = np.array([1, 1], np.int64)
        shape = graph.op("Concat", horizon, ones, axis=0)
        parts = [known, graph.op("Expand", summary, shape), *([about] if o.candidates else [])]
        entry = graph.op("Concat", *parts, axis=2)
        with graph.scope("decoder"):
            decoded, _ = self.decoder.to_onnx(graph, entry, None, state)
        with graph.scope("head"):
            hidden = graph.op("Relu", graph.linear(decoded, self.hidden))
            raw = graph.linear(hidden, self.head)  # (horizon, batch, levels)
            middle = self.middle
            median = None
            if o.candidates:
                entry = graph.op("Concat", decoded, about, axis=2)
                mixed = graph.op("Relu", graph.linear(entry, self.mixing))
                raw = graph.op("Add", raw, graph.linear(mixed, self.shift))
                own = graph.slices(raw, middle, middle + 1, axis=2)
                share = graph.op("Softmax", graph.linear(mixed, self.weights), axis=2)
                all_of_them = graph.op("Concat", own, places, axis=2)
                product = graph.op("Mul", share, all_of_them)
                # a running sum: `ReduceSum` rounds by what else is in the batch
                sums = graph.op("CumSum", product, np.array(2, np.int64))
                whole = graph.slices(sums, o.candidates, o.candidates + 1, axis=2)
                median = graph.op("Transpose", whole, perm=[1, 0, 2])
            raw = graph.op("Transpose", raw, perm=[1, 0, 2])  # (batch, horizon, levels)
            return fan_to_onnx(graph, raw, middle, len(o.levels), median)

    def describe(self) -> dict[str, object]:
        return asdict(self.options) | {"parameters": sum(p.numel() for p in self.parameters())}


def fan(raw: Tensor, middle: int, median: Tensor | None = None) -> Tensor:
    """Medians and widths (..., levels) -> quantiles, increasing along the last axis; `median`
    (..., 1) may stand in place of that in `raw`."""
    median = raw[..., middle : middle + 1] if median is None else median
    below = functional.softplus(raw[..., :middle]).flip(-1).cumsum(-1).flip(-1)
    above = functional.softplus(raw[..., middle + 1 :]).cumsum(-1)
    return torch.cat([median - below, median, median + above], dim=-1)


def fan_to_onnx(graph: Graph, raw: str, middle: int, count: int, median: str | None = None) -> str:
    """Add `fan` over (batch, horizon, count) to a graph."""
    # Softplus rounds whole vector registers otherwise than what is left over at the end
    # of a batch. With rows that fill registers there is never a rest, and an answer is
    # the same to the bit in every batch.
    rest = np.array([0, 0, 0, 0, 0, -count % _REGISTER], np.int64)
    widths = graph.op("Softplus", graph.op("Pad", raw, rest))
    median = median or graph.slices(raw, middle, middle + 1, axis=2)
    axis = np.array(2, np.int64)
    below = graph.op("CumSum", graph.slices(widths, 0, middle, axis=2), axis, reverse=1)
    above = graph.op("CumSum", graph.slices(widths, middle + 1, count, axis=2), axis)
    parts = (graph.op("Sub", median, below), median, graph.op("Add", median, above))
    return graph.op("Concat", *parts, axis=2)


def forecaster_graph(members: Sequence[Forecaster]) -> onnx.ModelProto:
    """One graph that answers the mean of the members' quantiles (Lichtendahl et al. 2013).

    context (batch, time, features) float32, lengths (batch,) int64, future (batch, horizon,
    features) float32 -> quantiles (batch, horizon, levels) float32.
    """
    options = members[0].options
    if any(member.options.levels != options.levels for member in members):
        raise ValueError("the members answer different quantile levels")
    graph = Graph("forecaster")
    context = graph.input("context", np.float32, ("batch", "time", options.context_features))
    lengths = graph.input("lengths", np.int64, ("batch",))
    future = graph.input("future", np.float32, ("batch", "horizon", options.inputs))
    answers = []
    for i, member in enumerate(members):
        with graph.scope(f"member_{i}"):
            answers.append(member.to_onnx(graph, context, lengths, future))
    mean = graph.op("Mean", *answers) if len(answers) > 1 else answers[0]
    graph.output("quantiles", mean, np.float32, ("batch", "horizon", len(options.levels)))
    return graph.build()


def pinball(quantiles: Tensor, target: Tensor, levels: Tensor) -> Tensor:
    """Pinball loss (Koenker and Bassett 1978, eq. 1.3 as a mean over levels).

    quantiles (batch, horizon, levels), target (batch, horizon) -> (batch, horizon).
    """
    error = target[..., None] - quantiles
    return torch.maximum(levels * error, (levels - 1.0) * error).mean(-1)
