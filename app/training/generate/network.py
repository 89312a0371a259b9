"""The network that guesses the next unit of a text, in torch and in ONNX. Knows ids, no text."""

from dataclasses import asdict, dataclass

import numpy as np
import onnx
import torch
from torch import Tensor, nn
from torch.nn import functional

from app.tasks.generate.features import BEGIN
from app.training.common.cell import State
from app.training.common.cells import CELLS
from app.training.common.graph import Graph
from app.training.common.recurrent import Recurrent


@dataclass(frozen=True)
class LanguageModelOptions:
    """Sizes of a `LanguageModel`."""

    vocabulary_size: int  # units, the beginning included
    cell: str = "lstm"  # recurrent cell; a key of CELLS in common/cells.py
    embedding_size: int = 96  # units of an embedded unit of text
    hidden_size: int = 512  # units of a layer
    num_layers: int = 1  # layers
    embedding_dropout: float = 0.1  # share of the embedded values, 0 to 1
    dropout: float = 0.3  # share of the values between layers and before the logits, 0 to 1
    recurrent_dropout: float = 0.25  # share of the hidden-to-hidden weights, 0 to 1


class LanguageModel(nn.Module):
    """A recurrent language model (Mikolov et al. 2010; Graves 2013, "Generating sequences with
    recurrent neural networks", section 2), with dropped recurrent weights (Merity, Keskar and
    Socher 2018, section 2)."""

    def __init__(self, options: LanguageModelOptions) -> None:
        super().__init__()
        self.options = o = options
        self.embedding = nn.Embedding(o.vocabulary_size, o.embedding_size)
        self.recurrent = Recurrent(
            o.cell,
            o.embedding_size,
            o.hidden_size,
            o.num_layers,
            residual=True,
            dropout=o.dropout,
            recurrent_dropout=o.recurrent_dropout,
        )
        self.output = nn.Linear(o.hidden_size, o.vocabulary_size)
        nn.init.zeros_(self.output.bias)

    def forward(self, tokens: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """Logits of the unit after each of `tokens` (time, batch): (time, batch, vocabulary).

        The state is one tensor (layers, batch, hidden) for each name in `recurrent.states`.
        """
        o = self.options
        embedded = functional.dropout(self.embedding(tokens), o.embedding_dropout, self.training)
        outputs, state = self.recurrent(embedded, None, state)
        outputs = functional.dropout(outputs, o.dropout, self.training)
        return self.output(outputs), state

    def describe(self) -> dict[str, object]:
        return asdict(self.options) | {"parameters": sum(p.numel() for p in self.parameters())}


def language_model_graph(network: LanguageModel) -> onnx.ModelProto:
    """Any number of steps of any number of rows.

    token_ids (rows, time) int64, lengths (rows,) int64 in steps, and for each layer its states
    (rows, size of the state) -> log_probabilities (rows, time, vocabulary) float32 of the unit
    after each step, and the states after a row's last step as `next_` and their names. The
    beginning of a text is never answered.
    """
    o = network.options
    names = network.recurrent.states
    graph = Graph("language_model")
    tokens = graph.input("token_ids", np.int64, ("batch", "time"))
    lengths = graph.input("lengths", np.int64, ("batch",))
    first = np.array([0], np.int64)
    kind = CELLS[o.cell]
    shapes = {name: ("batch", kind.state_size(name, o.hidden_size)) for name in names}
    given = {
        (name, layer): graph.input(f"{name}_{layer}", np.float32, shapes[name])
        for layer in range(o.num_layers)
        for name in names
    }
    state = tuple(
        graph.op(
            "Concat",
            *(graph.op("Unsqueeze", given[name, layer], first) for layer in range(o.num_layers)),
            axis=0,
        )
        for name in names
    )
    steps = graph.op("Transpose", tokens, perm=[1, 0])  # (time, rows)
    embedded = graph.op("Gather", graph.constant(network.embedding.weight), steps, axis=0)
    outputs, after = network.recurrent.to_onnx(graph, embedded, lengths, state)
    with graph.scope("output"):
        rows = graph.op("Transpose", outputs, perm=[1, 0, 2])  # (rows, time, hidden)
        logits = graph.linear(rows, network.output)
        never = np.zeros(o.vocabulary_size, np.float32)
        never[BEGIN] = -1e30
        logs = graph.op("LogSoftmax", graph.op("Add", logits, never), axis=2)
    shape = ("batch", "time", o.vocabulary_size)
    graph.output("log_probabilities", logs, np.float32, shape)
    for name, value in zip(names, after, strict=True):
        parts = graph.op("Split", value, outputs=o.num_layers, axis=0, num_outputs=o.num_layers)
        for layer, part in enumerate(parts):
            last = graph.op("Squeeze", part, first)
            graph.output(f"next_{name}_{layer}", last, np.float32, shapes[name])
    return graph.build()


def initial_states(options: LanguageModelOptions) -> dict[str, float]:
    """What the states of `language_model_graph` begin with, where it is not 0.

    Raises:
        ValueError: the cell begins with different numbers in one state, which has no form here.
    """
    cell = CELLS[options.cell]
    found: dict[str, float] = {}
    for name in cell.states:
        first = cell.initial_state(name, options.hidden_size)
        if (first != first[0]).any():
            raise ValueError(f"{options.cell!r} cannot be the cell of a language model")
        if first[0]:
            found |= {f"{name}_{layer}": float(first[0]) for layer in range(options.num_layers)}
    return found


def nats(
    network: LanguageModel, ids: Tensor, *, lanes: int = 32, context: int = 256, chunk: int = 256
) -> float:
    """The mean negative log-probability of `ids` (n,), each after all that stands before it.

    For speed the text is read in up to `lanes` parts side by side, each after the `context` units
    before it.
    """
    total = len(ids)
    lanes = max(1, min(lanes, total // context))
    size = -(-total // lanes)
    starts = list(range(0, total, size))
    rows = [ids[max(0, start - context) : start + size] for start in starts]
    skipped = torch.tensor([start - max(0, start - context) for start in starts])
    lengths = torch.tensor([len(row) for row in rows])
    targets = nn.utils.rnn.pad_sequence(rows, padding_value=BEGIN)  # (time, rows)
    inputs = torch.cat([torch.full((1, len(rows)), BEGIN), targets[:-1]])
    steps = torch.arange(len(targets))[:, None]
    counted = (steps >= skipped) & (steps < lengths)
    network.eval()
    state: State | None = None
    loss = 0.0
    with torch.no_grad():
        for start in range(0, len(targets), chunk):
            part = slice(start, start + chunk)
            logits, state = network(inputs[part], state)
            logits[:, :, BEGIN] = -torch.inf
            here = counted[part]
            loss += float(
                functional.cross_entropy(logits[here], targets[part][here], reduction="sum")
            )
    return loss / total
