"""A forecaster that reads covariates step by step, in torch and in ONNX; knows shapes, no data."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import onnx
import torch
from torch import Tensor, nn
from torch.nn import functional

from app.features.covariates import (
    CALENDAR_FEATURES,
    OWN_AHEAD,
    context_features,
    future_features,
)
from app.training.common.graph import Graph
from app.training.common.recurrent import Recurrent
from app.training.forecast.network import QUANTILE_LEVELS, fan, fan_to_onnx

_MOST_EMBEDDED = 8  # numbers that stand for a category


@dataclass(frozen=True)
class CovariateSizes:
    """Sizes of a `CovariateForecaster` that do not depend on the data."""

    cell: str = "gru"  # recurrent cell; a key of CELLS in common/cells.py
    hidden_size: int = 64  # units of a layer
    num_layers: int = 1  # of the encoder and of the decoder
    dropout: float = 0.1  # share of what a layer, and the head, reads that is dropped in training
    recurrent_dropout: float = 0.1  # share of the hidden-to-hidden weights, 0 to 1
    levels: tuple[float, ...] = QUANTILE_LEVELS  # of the quantiles that are answered, rising


class CovariateForecaster(nn.Module):
    """Encoder-decoder whose decoder reads what is known of every step ahead.

    As in DeepAR (Salinas et al. 2020) covariates stand beside the values of the encoder and at
    every step of the decoder, and categories are embedded; as in MQ-RNN (Wen et al. 2017) all
    quantiles of all steps are answered at once, without feeding answers back. The head sees the
    step's own numbers beside the decoder's state, and the median is told from the first of them:
    the series a cycle ago. Channels are read side by side, and each has quantiles of its own.
    """

    def __init__(
        self,
        sizes: CovariateSizes,
        columns: int,
        categories: Sequence[int] = (),
        channels: int = 1,
    ) -> None:
        """columns: covariates that are numbers; categories: how many codes each other one has."""
        super().__init__()
        self.sizes = sizes
        self.columns = columns
        self.channels = channels
        self.left_out = 0  # the part of the time that it has not learned
        self.embeddings = nn.ModuleList(
            nn.Embedding(count, min(_MOST_EMBEDDED, 1 + count // 2)) for count in categories
        )
        embedded = sum(table.embedding_dim for table in self.tables())
        context, future = context_features(columns, channels), future_features(columns, channels)

        def stack(input_size: int) -> Recurrent:
            return Recurrent(
                sizes.cell,
                input_size,
                sizes.hidden_size,
                sizes.num_layers,
                residual=True,
                dropout=sizes.dropout,
                recurrent_dropout=sizes.recurrent_dropout,
            )

        self.encoder = stack(context + embedded)
        self.decoder = stack(future + embedded + sizes.hidden_size)
        self.hidden = nn.Linear(sizes.hidden_size + future + embedded, sizes.hidden_size)
        self.head = nn.Linear(sizes.hidden_size, channels * len(sizes.levels))
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    @property
    def middle(self) -> int:
        return self.sizes.levels.index(0.5)

    def tables(self) -> list[nn.Embedding]:
        """The embeddings, in the order of the categories."""
        return [table for table in self.embeddings if isinstance(table, nn.Embedding)]

    def forward(
        self,
        context: Tensor,
        lengths: Tensor,
        future: Tensor,
        context_codes: Tensor | None = None,
        future_codes: Tensor | None = None,
    ) -> Tensor:
        """context (batch, time, features), lengths (batch,) in steps, future (batch, horizon,
        features), codes (batch, time, categories) and (batch, horizon, categories) ->
        quantiles (batch, horizon, channels, levels), increasing along the last axis."""
        read = self._embedded(context, context_codes).transpose(0, 1)
        known = self._embedded(future, future_codes).transpose(0, 1)  # (horizon, batch, features)
        _, state = self.encoder(read, lengths)
        summary = state[0][-1].expand(known.shape[0], -1, -1)  # (horizon, batch, hidden)
        decoded, _ = self.decoder(torch.cat([known, summary], dim=2), None, state)
        thinned = functional.dropout(decoded, self.sizes.dropout, self.training)
        hidden = torch.relu(self.hidden(torch.cat([thinned, known], dim=2)))
        raw = self.head(hidden).transpose(0, 1)  # (batch, horizon, channels * levels)
        raw = raw.unflatten(2, (self.channels, len(self.sizes.levels)))
        return fan(raw, self.middle) + repeated(future, self.channels)[..., None]

    def to_onnx(
        self,
        graph: Graph,
        context: str,
        lengths: str,
        future: str,
        context_codes: str | None = None,
        future_codes: str | None = None,
    ) -> str:
        """Add `forward` to a graph, dropout left out; same arguments, as names.

        The result is (batch, horizon, channels * levels).
        """
        with graph.scope("embeddings"):
            read = graph.op(
                "Transpose", self._embedded_in(graph, context, context_codes), perm=[1, 0, 2]
            )
            known = graph.op(
                "Transpose", self._embedded_in(graph, future, future_codes), perm=[1, 0, 2]
            )
        with graph.scope("encoder"):
            _, state = self.encoder.to_onnx(graph, read, lengths)
        last = self.sizes.num_layers - 1
        summary = graph.slices(state[0], last, last + 1, axis=0)  # (1, batch, hidden)
        horizon = graph.op("Shape", known, start=0, end=1)
        shape = graph.op("Concat", horizon, np.array([1, 1], np.int64), axis=0)
        entry = graph.op("Concat", known, graph.op("Expand", summary, shape), axis=2)
        with graph.scope("decoder"):
            decoded, _ = self.decoder.to_onnx(graph, entry, None, state)
        with graph.scope("head"):
            both = graph.op("Concat", decoded, known, axis=2)
            hidden = graph.op("Relu", graph.linear(both, self.hidden))
            raw = graph.op("Transpose", graph.linear(hidden, self.head), perm=[1, 0, 2])
            levels, fans = len(self.sizes.levels), []
            for channel in range(self.channels):
                own, at = raw, channel * OWN_AHEAD
                if self.channels > 1:
                    own = graph.slices(raw, channel * levels, (channel + 1) * levels, axis=2)
                quantiles = fan_to_onnx(graph, own, self.middle, levels)
                fans.append(graph.op("Add", quantiles, graph.slices(future, at, at + 1, axis=2)))
            return graph.op("Concat", *fans, axis=2) if len(fans) > 1 else fans[0]

    def _embedded(self, numbers: Tensor, codes: Tensor | None) -> Tensor:
        if codes is None:
            return numbers
        tables = enumerate(self.tables())
        return torch.cat([numbers, *(table(codes[..., i]) for i, table in tables)], dim=-1)

    def _embedded_in(self, graph: Graph, numbers: str, codes: str | None) -> str:
        if codes is None:
            return numbers
        axis = np.array([2], np.int64)
        parts = [
            graph.op(
                "Gather",
                graph.constant(table.weight, "table"),
                graph.op("Squeeze", graph.slices(codes, i, i + 1, axis=2), axis),
                axis=0,
            )
            for i, table in enumerate(self.tables())
        ]
        return graph.op("Concat", numbers, *parts, axis=2)


def covariate_graph(members: Sequence[CovariateForecaster]) -> onnx.ModelProto:
    """One graph that answers the mean of the members' quantiles (Lichtendahl et al. 2013).

    context (batch, time, features) float32, lengths (batch,) int64, future (batch, horizon,
    features) float32, and if there are categories context_codes (batch, time, categories) int64
    and future_codes (batch, horizon, categories) int64 -> quantiles (batch, horizon, channels *
    levels) float32, those of a channel side by side, of the inverse hyperbolic sine of units.
    """
    first = members[0]
    count, channels = len(first.embeddings), first.channels
    read, known = (
        context_features(first.columns, channels),
        future_features(first.columns, channels),
    )
    graph = Graph("forecaster_with_covariates")
    context = graph.input("context", np.float32, ("batch", "time", read))
    lengths = graph.input("lengths", np.int64, ("batch",))
    future = graph.input("future", np.float32, ("batch", "horizon", known))
    codes = (
        (
            graph.input("context_codes", np.int64, ("batch", "time", count)),
            graph.input("future_codes", np.int64, ("batch", "horizon", count)),
        )
        if count
        else ()
    )
    answers = []
    for i, member in enumerate(members):
        with graph.scope(f"member_{i}"):
            answers.append(member.to_onnx(graph, context, lengths, future, *codes))
    mean = graph.op("Mean", *answers) if len(answers) > 1 else answers[0]
    width = channels * len(first.sizes.levels)
    graph.output("quantiles", mean, np.float32, ("batch", "horizon", width))
    return graph.build()


def repeated(future: Tensor, channels: int) -> Tensor:
    """Of `future` (batch, horizon, features) what was a cycle ago (batch, horizon, channels)."""
    return future[..., : channels * OWN_AHEAD : OWN_AHEAD]


def without_calendar(numbers: Tensor, rows: Tensor) -> Tensor:
    """`numbers` (batch, steps, features) with no calendar where `rows` (batch,) says so."""
    kept = numbers.clone()
    kept[rows, :, numbers.shape[2] - CALENDAR_FEATURES :] = 0.0
    return kept
