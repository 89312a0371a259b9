"""The text classifier: embedding, recurrence over chunks, pooling, a linear head. Knows shapes."""

from dataclasses import asdict, dataclass

import numpy as np
import onnx
import torch
from torch import Tensor, nn
from torch.nn import functional

from app.training.common.graph import Graph
from app.training.common.recurrent import Recurrent


@dataclass(frozen=True)
class ClassifierOptions:
    """Sizes of a `TextClassifier`."""

    vocabulary_size: int  # tokens
    classes: int  # labels
    cell: str = "lstm"  # recurrent cell; a key of CELLS in common/cells.py
    embedding_size: int = 160  # units of a token
    hidden_size: int = 192  # units of each direction
    num_layers: int = 1  # recurrent layers
    bidirectional: bool = True  # whether a text is read backwards, too
    # tokens that the recurrence reads before it starts again from an empty state
    chunk_length: int = 128
    token_dropout: float = 0.1  # share of whole tokens that is dropped in training, 0 to 1
    embedding_dropout: float = 0.3  # share of the units of tokens, 0 to 1
    recurrent_dropout: float = 0.1  # share of the hidden-to-hidden weights, 0 to 1
    head_dropout: float = 0.5  # share of the pooled units, 0 to 1


class TextClassifier(nn.Module):
    """Reads a text in chunks and pools over all of it.

    Long texts are cut into chunks of `chunk_length` tokens that are read side by side, each from
    an empty state; the maximum over each chunk, in the mean over the chunks by their lengths, and
    the mean over all steps go into a linear head (Johnson and Zhang 2016, "Supervised and
    Semi-Supervised Text Categorization using LSTM for Region Embeddings", section 2.2, for one
    chunk). A maximum over all chunks would grow with the length of what says the same again and
    again. Since the head is linear, the logits split exactly into what each step adds to them.
    """

    def __init__(self, options: ClassifierOptions) -> None:
        super().__init__()
        self.options = options
        o = options
        self.embedding = nn.Embedding(o.vocabulary_size, o.embedding_size, padding_idx=0)
        nn.init.normal_(self.embedding.weight, std=0.1)
        self.recurrent = Recurrent(
            o.cell,
            o.embedding_size,
            o.hidden_size,
            o.num_layers,
            bidirectional=o.bidirectional,
            dropout=o.embedding_dropout,
            recurrent_dropout=o.recurrent_dropout,
        )
        self.head = nn.Linear(2 * self.recurrent.output_size, o.classes)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def forward(self, token_ids: Tensor, lengths: Tensor) -> Tensor:
        """token_ids (batch, time), lengths (batch,) of 1 or more -> logits (batch, classes)."""
        batch, time = token_ids.shape
        chunk = min(time, self.options.chunk_length)
        count = -(-time // chunk)
        token_ids = functional.pad(token_ids, (0, count * chunk - time))
        starts = torch.arange(count, device=lengths.device) * chunk  # (chunks,)
        chunk_lengths = (lengths[:, None] - starts).clamp(0, chunk).reshape(-1)
        rows = token_ids.reshape(batch * count, chunk)
        filled = chunk_lengths > 0  # training does not pay for chunks of padding alone
        outputs = self.read(rows[filled], chunk_lengths[filled]).float()  # (rows, chunk, size)
        owner = torch.arange(batch, device=lengths.device).repeat_interleave(count)[filled]
        size = outputs.shape[2]
        valid = torch.arange(chunk, device=lengths.device) < chunk_lengths[filled][:, None]
        highest = outputs.masked_fill(~valid[:, :, None], -torch.inf).amax(1)  # (rows, size)
        share = (chunk_lengths[filled] / lengths[owner])[:, None]  # (rows, 1)
        top = outputs.new_zeros(batch, size).index_add(0, owner, highest * share)
        total = outputs.new_zeros(batch, size).index_add(0, owner, outputs.sum(1))
        pooled = torch.cat([top, total / lengths[:, None]], dim=1)  # (batch, 2 * size)
        pooled = functional.dropout(pooled, self.options.head_dropout, self.training)
        logits: Tensor = self.head(pooled)
        return logits

    def read(self, token_ids: Tensor, lengths: Tensor) -> Tensor:
        """token_ids (rows, chunk) -> outputs (rows, chunk, size), zero past a row's end."""
        o = self.options
        embedded = self.embedding(token_ids)  # (rows, chunk, embedding)
        if self.training:
            kept = torch.rand(token_ids.shape, device=token_ids.device) >= o.token_dropout
            embedded = embedded * kept[:, :, None]
            # one mask for a whole row (Gal and Ghahramani 2016)
            mask = embedded.new_ones(len(embedded), 1, o.embedding_size)
            embedded = embedded * functional.dropout(mask, o.embedding_dropout)
        outputs, _ = self.recurrent(embedded.transpose(0, 1), lengths)
        transposed: Tensor = outputs.transpose(0, 1)
        return transposed

    def to_onnx(self, graph: Graph, token_ids: str, lengths: str) -> tuple[str, str]:
        """Add `forward` to a graph, without dropout: (logits, contributions).

        The contributions (batch, time, classes) are what each step adds to the logits; with the
        head's bias they sum up to them. They cost nothing where nobody asks for them.
        """
        one = np.array([1], np.int64)
        time = graph.op("Shape", token_ids, start=1, end=2)  # (1,)
        chunk = graph.op("Min", time, np.array([self.options.chunk_length], np.int64))
        count = graph.op("Div", graph.op("Sub", graph.op("Add", time, chunk), one), chunk)
        whole = graph.op("Mul", count, chunk)
        missing = graph.op("Sub", whole, time)
        pads = graph.op("Concat", np.zeros(3, np.int64), missing, axis=0)
        padded = graph.op("Pad", token_ids, pads)  # (batch, chunks * chunk)
        rows = graph.op("Reshape", padded, graph.op("Concat", -one, chunk, axis=0))
        column = graph.op("Unsqueeze", lengths, one)  # (batch, 1)
        starts = graph.op("Mul", _range(graph, count), chunk)  # (chunks,)
        zero = np.array([0], np.int64)
        left = graph.op("Max", graph.op("Min", graph.op("Sub", column, starts), chunk), zero)
        row_lengths = graph.op("Reshape", left, -one)  # (batch * chunks,)

        # In half precision: most of the graph's bytes are here, and nothing is added up in it.
        table = graph.constant(self.embedding.weight.half(), "embedding")
        embedded = graph.op("Cast", graph.op("Gather", table, rows), to=onnx.TensorProto.FLOAT)
        time_major = graph.op("Transpose", embedded, perm=[1, 0, 2])  # (chunk, rows, embedding)
        outputs, _ = self.recurrent.to_onnx(graph, time_major, row_lengths)
        outputs = graph.op("Transpose", outputs, perm=[1, 0, 2])  # (rows, chunk, size)
        tops, at = self._chunk_tops(graph, outputs, row_lengths)
        divisor = graph.op("Cast", column, to=onnx.TensorProto.FLOAT)  # (batch, 1)
        filled = graph.op("Cast", left, to=onnx.TensorProto.FLOAT)  # (batch, chunks)
        share = graph.op("Div", filled, divisor)  # (batch, chunks), of the text's tokens
        share_of_row = graph.op("Reshape", share, np.array([-1, 1, 1], np.int64))  # (rows, 1, 1)
        size = self.recurrent.output_size
        batch = graph.op("Shape", token_ids, start=0, end=1)
        shape = graph.op("Concat", batch, whole, np.array([size], np.int64), axis=0)
        outputs = graph.op("Reshape", outputs, shape)  # (batch, chunks * chunk, size)

        by_chunk = graph.op("Concat", batch, count, np.array([size], np.int64), axis=0)
        top = graph.op("Reshape", graph.op("Mul", tops, share_of_row), by_chunk)
        top = _last(graph, top)  # (batch, size)
        mean = graph.op("Div", _last(graph, outputs), divisor)  # (batch, size)
        weight = self.head.weight.detach().T  # (2 * size, classes)
        of_top, of_mean = graph.constant(weight[:size]), graph.constant(weight[size:])
        parts = graph.op("Add", graph.op("MatMul", top, of_top), graph.op("MatMul", mean, of_mean))
        logits = graph.op("Add", parts, graph.constant(self.head.bias, "bias"))

        mine = graph.op("Where", at, share_of_row, np.array(0.0, np.float32))
        told = graph.op("Mul", graph.op("Reshape", mine, shape), outputs)  # tops where they stand
        shares = graph.op("Div", outputs, graph.op("Unsqueeze", divisor, one))
        added = graph.op(
            "Add", graph.op("MatMul", told, of_top), graph.op("MatMul", shares, of_mean)
        )
        contributions = graph.op("Slice", added, zero, time, one)  # (batch, time, classes)
        return logits, contributions

    def _chunk_tops(self, graph: Graph, outputs: str, row_lengths: str) -> tuple[str, str]:
        """outputs (rows, chunk, size) -> the maximum of each row within its length (rows, 1, size),
        and whether it stands at a step: (rows, chunk, size). A row without a step has a low one."""
        one, two = np.array([1], np.int64), np.array([2], np.int64)
        steps = _range(graph, graph.op("Shape", outputs, start=1, end=2))  # (chunk,)
        inside = graph.op("Less", steps, graph.op("Unsqueeze", row_lengths, one))  # (rows, chunk)
        lowest = np.array(np.finfo(np.float32).min)
        masked = graph.op("Where", graph.op("Unsqueeze", inside, two), outputs, lowest)
        tops = graph.op("ReduceMax", masked, one)  # (rows, 1, size)
        first = graph.op("ArgMax", masked, axis=1, keepdims=1)  # (rows, 1, size)
        at = graph.op("Equal", graph.op("Unsqueeze", steps, one), first)
        return tops, at

    def describe(self) -> dict[str, object]:
        return asdict(self.options) | {"parameters": sum(p.numel() for p in self.parameters())}


def _range(graph: Graph, end: str) -> str:
    """0, 1, ... up to `end` (1,), exclusive."""
    limit = graph.op("Squeeze", end, np.array([0], np.int64))
    return graph.op("Range", np.array(0, np.int64), limit, np.array(1, np.int64))


def _last(graph: Graph, values: str) -> str:
    """The sum of (batch, time, size) over time, added up in one order whatever the padding:
    ReduceSum adds in another order when a batch-mate is longer."""
    running = graph.op("CumSum", values, np.array(1, np.int64))
    return graph.op("Squeeze", graph.slices(running, -1, 2**31, axis=1), np.array([1], np.int64))
