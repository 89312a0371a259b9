"""The network that tells authors apart, in torch and in ONNX. Knows characters, no text or data.

Every character ends n-grams of one to `ngrams` characters. They are hashed (Weinberger et al.
2009, "Feature Hashing for Large Scale Multitask Learning") inside the network, so that it takes
nothing but characters.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import onnx
import torch
from torch import Tensor, nn
from torch.nn import functional

from app.features.characters import PAD_ID
from app.training.common.cell import valid_steps
from app.training.common.graph import Graph
from app.training.common.recurrent import Recurrent

_PRIME = 2**31 - 1  # products of what is below it with the factors below fit 64 bits
_CARRY, _ENTER = 69_069, 40_503
_FAR = -1e4  # below every output of a recurrent layer
_FP16 = onnx.TensorProto.FLOAT16
_FP32 = onnx.TensorProto.FLOAT


@dataclass(frozen=True)
class AuthorshipOptions:
    """The dimensions of a network."""

    num_classes: int  # authors
    ngrams: int = 5  # longest n-grams of characters that are hashed; all shorter ones are, too
    buckets: int = 8192  # rows of the embedding for each length of n-grams
    embedding_size: int = 64  # units of an n-gram
    stride: int = 10  # characters in a step of the recurrence
    cell: str = "gru"  # recurrent cell; a key of CELLS in common/cells.py
    hidden_size: int = 96  # units of each direction
    num_layers: int = 1  # recurrent layers
    dropout: float = 0.3  # share of the inputs of a layer that is dropped in training, 0 to 1
    gram_dropout: float = 0.3  # share of the n-grams that is dropped in training, 0 to 1
    # rows of the table of the n-gram profile; 0 leaves the profile out, and then only the recurrent
    # layers read the text
    profile: int = 0
    profile_ngrams: int = 6  # longest n-grams of the profile, which begin at two characters

    def __post_init__(self) -> None:
        for name in ("ngrams", "buckets", "embedding_size", "stride", "hidden_size", "num_layers"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be positive")
        if self.num_classes < 2:
            raise ValueError("there must be two classes at least")


class AuthorshipNetwork(nn.Module):
    """Hashed n-grams, summed over strides of characters, into a bidirectional recurrent network.

    The mean and the greatest value of every unit over the steps go into a linear head. With
    `profile`, the n-gram counts of the chunk, with weights of their own for every class, are added:
    a linear model beside the recurrent one (Cheng et al. 2016, "Wide & Deep Learning").
    """

    profile_weights: Tensor
    profile_bias: Tensor
    inverse_frequency: Tensor

    def __init__(self, options: AuthorshipOptions) -> None:
        super().__init__()
        o = self.options = options
        rows = o.ngrams * o.buckets + 1  # the last one, all zeros, is for padding
        self.embedding = nn.Embedding(rows, o.embedding_size, padding_idx=rows - 1)
        nn.init.normal_(self.embedding.weight, std=0.1)
        with torch.no_grad():
            self.embedding.weight[-1].zero_()
        self.norm = nn.LayerNorm(o.embedding_size)
        self.recurrent = Recurrent(
            o.cell,
            o.embedding_size,
            o.hidden_size,
            o.num_layers,
            bidirectional=True,
            dropout=o.dropout,
        )
        self.head = nn.Linear(2 * self.recurrent.output_size, o.num_classes)
        self.register_buffer("profile_weights", torch.zeros(o.profile, o.num_classes))
        self.register_buffer("profile_bias", torch.zeros(o.num_classes))
        self.register_buffer("inverse_frequency", torch.zeros(o.profile))

    def forward(self, character_ids: Tensor, lengths: Tensor) -> Tensor:
        """character_ids (batch, time), 0 past the end, lengths (batch,) -> logits (batch, classes).

        A row must not be empty.
        """
        logits = self.read(*self.bags(character_ids, lengths))
        if self.options.profile:
            logits = logits + self.profile_logits(character_ids, lengths)
        return logits

    def bags(self, character_ids: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Rows of the embedding (batch, steps, stride * ngrams), and lengths in steps (batch,)."""
        o = self.options
        short = -character_ids.shape[1] % o.stride
        character_ids = functional.pad(character_ids, (0, short), value=PAD_ID)
        valid = torch.arange(character_ids.shape[1])[None] < lengths[:, None]  # (batch, time)
        rows = torch.stack(
            [
                torch.where(valid, hashed % o.buckets + n * o.buckets, o.ngrams * o.buckets)
                for n, hashed in enumerate(ngram_hashes(character_ids, o.ngrams))
            ],
            dim=2,
        )  # (batch, time, ngrams)
        bags = rows.reshape(len(rows), -1, o.stride * o.ngrams)
        return bags, (lengths + o.stride - 1) // o.stride

    def read(self, bags: Tensor, steps: Tensor) -> Tensor:
        """The recurrent part: what `bags` gives -> logits (batch, classes)."""
        o = self.options
        batch, time, size = bags.shape
        flat = bags.reshape(batch * time, size)
        kept = torch.ones(flat.shape)
        if self.training:
            kept = (torch.rand(flat.shape) >= o.gram_dropout) / (1.0 - o.gram_dropout)
        summed = functional.embedding_bag(
            flat, self.embedding.weight, mode="sum", per_sample_weights=kept
        )
        inputs = self.norm(summed.reshape(batch, time, -1))
        inputs = functional.dropout(inputs, o.dropout, self.training).transpose(0, 1)
        outputs, _ = self.recurrent(inputs, steps)  # (time, batch, 2 * hidden)
        mean = outputs.sum(0) / steps[:, None]
        greatest = outputs.masked_fill(~valid_steps(time, steps), _FAR).amax(0)
        pooled = torch.cat([mean, greatest], dim=1)  # (batch, 4 * hidden)
        logits: Tensor = self.head(functional.dropout(pooled, o.dropout, self.training))
        return logits

    def profile_logits(self, character_ids: Tensor, lengths: Tensor) -> Tensor:
        """The linear part: log counts, rare n-grams weighing more, unit length: (batch, classes).

        Sublinear term frequency and inverse document frequency as in Manning, Raghavan and Schuetze
        2008, sections 6.4.1 and 6.2.1.
        """
        o = self.options
        valid = torch.arange(character_ids.shape[1])[None] < lengths[:, None]
        counts = torch.zeros(len(character_ids), o.profile)
        for hashed in ngram_hashes(character_ids, o.profile_ngrams)[1:]:
            counts.scatter_add_(1, hashed % o.profile, valid.float())
        weighted = torch.where(counts > 0, 1.0 + counts.clamp(min=1.0).log(), 0.0)
        weighted = weighted * self.inverse_frequency
        norm = weighted.square().sum(1, keepdim=True).clamp(min=1e-12).sqrt()
        return (weighted @ self.profile_weights) / norm + self.profile_bias

    def read_onnx(self, graph: Graph, character_ids: str, lengths: str) -> str:
        """Add `read` of `bags` to a graph, dropout left out: logits, by name."""
        o = self.options
        time = graph.op("Shape", character_ids, start=1, end=2)
        stride = np.array([o.stride], np.int64)
        padded = graph.op("Sub", stride, graph.op("Mod", time, stride))  # a stride too many is dead
        before = graph.constant(np.zeros(3, np.int64))
        ids = graph.op("Pad", character_ids, graph.op("Concat", before, padded, axis=0))
        valid = _valid_onnx(graph, ids, lengths)  # (batch, time)
        rows = []
        for n, hashed in enumerate(_hashes_onnx(graph, ids, o.ngrams)):
            row = graph.op("Mod", hashed, np.array(o.buckets, np.int64))
            row = graph.op("Add", row, np.array(n * o.buckets, np.int64))
            rows.append(graph.op("Where", valid, row, np.array(o.ngrams * o.buckets, np.int64)))
        stacked = graph.op("Concat", *[_last_axis(graph, row) for row in rows], axis=2)
        bags = graph.op("Reshape", stacked, np.array([0, -1, o.stride * o.ngrams], np.int64))
        steps = graph.op("Add", lengths, np.array(o.stride - 1, np.int64))
        steps = graph.op("Div", steps, np.array(o.stride, np.int64))
        # Half precision in the file; what is looked up is computed with in full.
        table = graph.constant(self.embedding.weight.half(), "embedding")
        found = graph.op("Cast", graph.op("Gather", table, bags), to=_FP32)
        summed = graph.op("ReduceSum", found, np.array([2], np.int64), keepdims=0)
        inputs = graph.op("Transpose", graph.layer_norm(summed, self.norm), perm=[1, 0, 2])
        with graph.scope("recurrent"):
            outputs, _ = self.recurrent.to_onnx(graph, inputs, steps)
        axis = np.array([0], np.int64)
        total = graph.op("ReduceSum", outputs, axis, keepdims=0)
        count = graph.op("Cast", _last_axis(graph, steps), to=_FP32)
        valid = graph.valid_steps(outputs, steps)
        masked = graph.op("Where", valid, outputs, np.array(_FAR, np.float32))
        greatest = graph.op("ReduceMax", masked, axis, keepdims=0)
        pooled = graph.op("Concat", graph.op("Div", total, count), greatest, axis=1)
        return graph.linear(pooled, self.head)

    def profile_onnx(self, graph: Graph, character_ids: str, lengths: str) -> str:
        """Add `profile_logits` to a graph: logits, by name."""
        o = self.options
        valid = _valid_onnx(graph, character_ids, lengths)
        batch = graph.op("Shape", valid, start=0, end=1)
        shape = graph.op("Concat", batch, np.array([o.profile], np.int64), axis=0)
        counts = graph.op("Expand", np.zeros((1, 1), np.float32), shape)
        ones = graph.op("Cast", valid, to=_FP32)
        for hashed in _hashes_onnx(graph, character_ids, o.profile_ngrams)[1:]:
            row = graph.op("Mod", hashed, np.array(o.profile, np.int64))
            counts = graph.op("ScatterElements", counts, row, ones, axis=1, reduction="add")
        one = np.array(1.0, np.float32)
        logs = graph.op("Add", graph.op("Log", graph.op("Max", counts, one)), one)
        logs = graph.op("Where", graph.op("Cast", counts, to=onnx.TensorProto.BOOL), logs, one - 1)
        frequency = graph.constant(self.inverse_frequency, "inverse_frequency")
        weighted = graph.op("Mul", logs, frequency)
        axis = np.array([1], np.int64)
        squares = graph.op("ReduceSum", graph.op("Mul", weighted, weighted), axis)
        norm = graph.op("Sqrt", graph.op("Max", squares, np.array(1e-12, np.float32)))
        table = graph.constant(self.profile_weights.half(), "profile")
        weights = graph.op("Cast", table, to=_FP32)
        margins = graph.op("Div", graph.op("MatMul", weighted, weights), norm)
        return graph.op("Add", margins, graph.constant(self.profile_bias, "bias"))


def ngram_hashes(character_ids: Tensor, ngrams: int) -> list[Tensor]:
    """For n = 1, 2, ...: a number for the n characters that end at each place: (batch, time).

    Before a row's first character stands nothing. The numbers are below 2**31.
    """
    hashed = torch.zeros_like(character_ids)
    hashes = []
    for n in range(1, ngrams + 1):
        before = functional.pad(hashed, (1, -1))
        hashed = (before * _CARRY + character_ids * _ENTER + n) % _PRIME
        hashes.append(hashed)
    return hashes


def _hashes_onnx(graph: Graph, character_ids: str, ngrams: int) -> list[str]:
    entering = graph.op("Mul", character_ids, np.array(_ENTER, np.int64))
    prime = np.array(_PRIME, np.int64)
    hashed = graph.op("Mod", graph.op("Add", entering, np.array(1, np.int64)), prime)
    hashes = [hashed]
    for n in range(2, ngrams + 1):
        before = graph.op("Pad", hashed, np.array([0, 1, 0, -1], np.int64))
        carried = graph.op("Mul", before, np.array(_CARRY, np.int64))
        total = graph.op("Add", graph.op("Add", carried, entering), np.array(n, np.int64))
        hashed = graph.op("Mod", total, prime)
        hashes.append(hashed)
    return hashes


def _valid_onnx(graph: Graph, character_ids: str, lengths: str) -> str:
    """Which characters lie before the end of their row: (batch, time)."""
    time = graph.op("Shape", character_ids, start=1, end=2)
    scalar = graph.op("Squeeze", time, np.array([0], np.int64))
    places = graph.op("Range", np.array(0, np.int64), scalar, np.array(1, np.int64))
    return graph.op("Less", places, _last_axis(graph, lengths))


def _last_axis(graph: Graph, value: str) -> str:
    return graph.op("Unsqueeze", value, np.array([-1], np.int64))


def authorship_graph(
    members: Sequence[AuthorshipNetwork], *, recurrent: bool = True, profile: bool = True
) -> onnx.ModelProto:
    """One graph: the mean of the members' recurrent logits, and the profile of the first.

    character_ids (batch, time) int64, lengths (batch,) int64 -> logits (batch, classes) float32.
    One of the two parts may be left out, to see what the other one is worth.
    """
    graph = Graph("authorship")
    ids = graph.input("character_ids", np.int64, ("batch", "time"))
    lengths = graph.input("lengths", np.int64, ("batch",))
    answers, parts = [], []
    for i, member in enumerate(members if recurrent else ()):
        with graph.scope(f"member_{i}"):
            answers.append(member.read_onnx(graph, ids, lengths))
    if answers:
        parts.append(graph.op("Mean", *answers))
    if profile and members[0].options.profile:
        with graph.scope("profile"):
            parts.append(members[0].profile_onnx(graph, ids, lengths))
    logits = graph.op("Sum", *parts)
    classes = members[0].options.num_classes
    graph.output("logits", logits, np.float32, ("batch", classes))
    return graph.build()
