"""Linear classifiers of token n-grams that stand beside the recurrence. Knows token ids only.

"Wide and deep": what a phrase says by itself is remembered here, so that the recurrent network
need not (Cheng et al. 2016, "Wide & Deep Learning for Recommender Systems", section 3). There is
one classifier for every source of texts, and a gate that tells from the same n-grams whose kind
of text it is (a mixture of experts: Jacobs et al. 1991, eq. 1.2).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import onnx
from numpy.typing import NDArray
from scipy.special import softmax

from app.training.common.graph import Graph
from app.training.sentiment.batches import Ids
from app.training.sentiment.ngram_rows import NgramOptions, counts, repeats, rows_onnx, times_onnx

Array = NDArray[np.float32]
_TINY = np.array(1e-12, np.float32)


@dataclass(frozen=True)
class NgramClassifier:
    """weights (rows, experts, classes) and gate (rows, kinds), already times the inverse
    document frequencies; squares (rows,): what an n-gram that stands once adds to the squared
    length of a text's vector; one that stands n times adds n * n times as much; bias (experts,
    classes), gate_bias (kinds,).

    The first kinds of texts have an expert each; about those after them nothing is said."""

    vocabulary_size: int
    options: NgramOptions
    weights: Array
    gate: Array
    squares: Array
    bias: Array
    gate_bias: Array

    def parts(self, tokens: Sequence[Ids]) -> tuple[Array, Array]:
        """What each expert says, as far as the gate believes it: (texts, experts, classes); and
        how far the gate believes in each kind: (texts, kinds), which sum to one."""
        seen = counts(tokens, self.vocabulary_size, self.options)
        weighed = seen.multiply(repeats(seen)).tocsr()
        lengths = np.sqrt(np.maximum(weighed @ self.squares, np.float32(1e-12)))[:, None]
        experts, classes = self.bias.shape
        said = (seen @ self.weights.reshape(len(self.weights), -1)) / lengths
        said = said.reshape(-1, experts, classes) + self.bias
        trust = softmax(seen @ self.gate / lengths + self.gate_bias, axis=1)
        believed = said * trust[:, :experts, None]
        return believed.astype(np.float32), trust.astype(np.float32)

    def scaled(self, factors: Sequence[float]) -> "NgramClassifier":
        """The same with every expert's logits times its factor."""
        by = np.array(factors, np.float32)[:, None]
        return NgramClassifier(
            self.vocabulary_size,
            self.options,
            self.weights * by,
            self.gate,
            self.squares,
            self.bias * by,
            self.gate_bias,
        )

    def to_onnx(self, graph: Graph, token_ids: str, lengths: str) -> tuple[str, str, str]:
        """`parts` in a graph, what the experts say added up: (logits (batch, classes),
        contributions (batch, time, classes), trust (batch, kinds)). What an n-gram adds is shared
        out equally among its tokens.
        """
        one, zero, two = (np.array([i], np.int64) for i in (1, 0, 2))
        experts, classes = self.bias.shape
        time = graph.op("Shape", token_ids, start=1, end=2)
        # Everything a row holds side by side: experts * classes, kinds of the gate, its square.
        table = np.concatenate(
            [self.weights.reshape(len(self.weights), -1), self.gate, self.squares[:, None]], axis=1
        )
        width = table.shape[1]
        stored = graph.constant(table.astype(np.float16), "ngrams")
        added, gates, squared = [], [], []
        sizes = rows_onnx(graph, token_ids, lengths, self.vocabulary_size, self.options)
        for size, ((rows, inside), times) in enumerate(
            zip(sizes, times_onnx(graph, sizes), strict=True), start=1
        ):
            found = graph.op("Cast", graph.op("Gather", stored, rows), to=onnx.TensorProto.FLOAT)
            found = graph.op("Mul", found, inside)  # (batch, time, width)
            said = graph.slices(found, 0, experts * classes, axis=2)
            gates.append(graph.slices(found, experts * classes, width - 1, axis=2))
            squared.append(graph.op("Mul", graph.slices(found, width - 1, width, axis=2), times))
            share = graph.op("Mul", said, np.array(1.0 / size, np.float32))
            for shift in range(size):
                moved = graph.op("Pad", share, np.array([0, shift, 0, 0, 0, 0], np.int64))
                added.append(graph.op("Slice", moved, zero, time, one))
        energy = graph.op("Max", _last_sum(graph, graph.op("Sum", *squared)), _TINY)
        length = graph.op("Sqrt", energy)  # (batch, 1)
        belief = graph.op("Div", _last_sum(graph, graph.op("Sum", *gates)), length)
        belief = graph.op("Add", belief, graph.constant(self.gate_bias, "gate_bias"))
        trust = graph.op("Softmax", belief, axis=1)  # (batch, kinds)
        shares = graph.slices(trust, 0, experts, 1)  # (batch, experts)

        parts = graph.op("Div", graph.op("Sum", *added), graph.op("Unsqueeze", length, one))
        shape = np.array([0, 0, experts, classes], np.int64)
        by_expert = graph.op("Reshape", parts, shape)  # (batch, time, experts, classes)
        weigh = graph.op("Unsqueeze", shares, np.array([1, 3], np.int64))
        told = graph.op("ReduceSum", graph.op("Mul", by_expert, weigh), two, keepdims=0)
        bias = graph.op(
            "Mul", graph.op("Unsqueeze", shares, two), graph.constant(self.bias, "ngram_bias")
        )
        start = graph.op("ReduceSum", bias, one, keepdims=0)  # (batch, classes)
        return graph.op("Add", _last_sum(graph, told), start), told, trust


def _last_sum(graph: Graph, values: str) -> str:
    """The sum of (batch, time, size) over time, added up in one order whatever the padding."""
    running = graph.op("CumSum", values, np.array(1, np.int64))
    last = graph.slices(running, -1, 2**31, axis=1)
    return graph.op("Squeeze", last, np.array([1], np.int64))
