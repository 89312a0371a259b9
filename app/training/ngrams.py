"""A linear classifier of token n-grams that stands beside the recurrence. Knows token ids only.

"Wide and deep": what a phrase says by itself is remembered here, so that the recurrent network
need not (Cheng et al. 2016, "Wide & Deep Learning for Recommender Systems", section 3).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import onnx
from numpy.typing import NDArray
from scipy import sparse
from sklearn.svm import LinearSVC

from app.training.graph import Graph
from app.training.text_batches import Encoded, Ids

Array = NDArray[np.float32]
_FIRST, _SECOND = 1_000_003, 1_009  # the products of token ids stay far below 2**63


@dataclass(frozen=True)
class NgramOptions:
    """Tokens have a row each; pairs and triples of them share `bigrams` and `trigrams` rows.

    cost: of the linear SVM, larger fits closer. max_iterations bounds its solver.
    """

    bigrams: int = 2**17
    trigrams: int = 2**16
    cost: float = 0.3
    max_iterations: int = 200


@dataclass(frozen=True)
class NgramClassifier:
    """weights (rows, classes), already times the inverse document frequencies; squares (rows,)
    of those; bias (classes,)."""

    vocabulary_size: int
    options: NgramOptions
    weights: Array
    squares: Array
    bias: Array

    def logits(self, tokens: Sequence[Ids]) -> Array:
        """(texts, classes), the sums of a text's weights over the length of its vector."""
        counts = _counts(tokens, self.vocabulary_size, self.options)
        norms = np.sqrt(np.maximum(counts @ self.squares, np.float32(1e-12)))
        answer: Array = (counts @ self.weights / norms[:, None] + self.bias).astype(np.float32)
        return answer

    def to_onnx(self, graph: Graph, token_ids: str, lengths: str) -> tuple[str, str]:
        """The same in a graph: logits (batch, classes), contributions (batch, time, classes).

        What an n-gram adds is shared out equally among its tokens.
        """
        one, zero = np.array([1], np.int64), np.array([0], np.int64)
        time = graph.op("Shape", token_ids, start=1, end=2)
        padded = graph.op("Pad", token_ids, np.array([0, 0, 0, 2], np.int64))
        column = graph.op("Unsqueeze", lengths, one)  # (batch, 1)
        limit = graph.op("Squeeze", time, zero)
        steps = graph.op("Range", np.array(0, np.int64), limit, np.array(1, np.int64))
        weights = graph.constant(self.weights, "ngram_weights")
        squares = graph.constant(self.squares[:, None], "ngram_squares")
        tokens = [token_ids]
        for shift in (1, 2):
            start = np.array([shift], np.int64)
            end = graph.op("Add", time, start)
            tokens.append(graph.op("Slice", padded, start, end, one))
        added, energy = [], []
        for size, rows in enumerate(self._rows_onnx(graph, tokens), start=1):
            last = graph.op("Add", steps, np.array(size - 1, np.int64))
            inside = graph.op("Less", last, column)  # (batch, time)
            mask = graph.op("Cast", inside, to=onnx.TensorProto.FLOAT)
            mask = graph.op("Unsqueeze", mask, np.array([2], np.int64))  # (batch, time, 1)
            energy.append(graph.op("Mul", graph.op("Gather", squares, rows), mask))
            whole = graph.op("Mul", graph.op("Gather", weights, rows), mask)
            share = graph.op("Mul", whole, np.array(1.0 / size, np.float32))
            for shift in range(size):
                moved = graph.op("Pad", share, np.array([0, shift, 0, 0, 0, 0], np.int64))
                added.append(graph.op("Slice", moved, zero, time, one))
        total = _last_sum(graph, graph.op("Sum", *energy))  # (batch, 1)
        norm = graph.op("Sqrt", graph.op("Max", total, np.array(1e-12, np.float32)))
        parts = graph.op("Div", graph.op("Sum", *added), graph.op("Unsqueeze", norm, one))
        bias = graph.constant(self.bias, "ngram_bias")
        return graph.op("Add", _last_sum(graph, parts), bias), parts

    def _rows_onnx(self, graph: Graph, tokens: Sequence[str]) -> tuple[str, str, str]:
        """The rows of the 1-, 2- and 3-grams that begin at each step, each (batch, time)."""
        o, first = self.options, np.array(_FIRST, np.int64)
        pairs = graph.op("Add", graph.op("Mul", tokens[0], first), tokens[1])
        triples = graph.op("Mul", pairs, np.array(_SECOND, np.int64))
        triples = graph.op("Add", triples, tokens[2])
        two = graph.op("Mod", pairs, np.array(o.bigrams, np.int64))
        three = graph.op("Mod", triples, np.array(o.trigrams, np.int64))
        start = self.vocabulary_size
        return (
            tokens[0],
            graph.op("Add", two, np.array(start, np.int64)),
            graph.op("Add", three, np.array(start + o.bigrams, np.int64)),
        )


def fit_ngrams(
    sources: Sequence[tuple[Encoded, float]],
    vocabulary_size: int,
    classes: int,
    options: NgramOptions,
) -> NgramClassifier:
    """A linear SVM, one class against the others, over TF-IDF of 1- to 3-grams of tokens.

    `sources` come with the weight of each of their texts. A document frequency is the mean over
    the sources, so that the one with most texts does not decide what is rare.
    """
    matrices = [_counts(data.tokens, vocabulary_size, options) for data, _ in sources]
    frequencies = np.mean([np.asarray((m > 0).mean(axis=0)).ravel() for m in matrices], axis=0)
    inverse = (np.log(1.0 / (frequencies + 1e-5)) + 1.0).astype(np.float32)
    scaled = []
    for counts in matrices:
        norms = np.sqrt(np.maximum(counts @ inverse**2, np.float32(1e-12)))
        scaled.append(counts.multiply(1.0 / norms[:, None]).multiply(inverse[None]).tocsr())
    labels = np.concatenate([data.labels for data, _ in sources])
    rates = np.concatenate([np.full(len(data.labels), weight) for data, weight in sources])
    svm = LinearSVC(C=options.cost, max_iter=options.max_iterations, random_state=0)
    svm.fit(sparse.vstack(scaled, format="csr"), labels, sample_weight=rates)
    if list(svm.classes_) != list(range(classes)) or classes < 3:
        raise ValueError(f"the labels are {list(svm.classes_)}, expected all of {classes} classes")
    weights = (svm.coef_.T * inverse[:, None]).astype(np.float32)  # (rows, classes)
    bias = svm.intercept_.astype(np.float32)
    return NgramClassifier(vocabulary_size, options, weights, inverse**2, bias)


def _counts(tokens: Sequence[Ids], vocabulary_size: int, o: NgramOptions) -> sparse.csr_array:
    """How often each row's n-gram stands in each text: (texts, rows)."""
    rows = [_rows(ids.astype(np.int64), vocabulary_size, o) for ids in tokens]
    ends = np.cumsum([0, *map(len, rows)], dtype=np.int32)  # liblinear takes no wider ones
    shape = (len(tokens), vocabulary_size + o.bigrams + o.trigrams)
    ones = np.ones(ends[-1], np.float32)
    counts = sparse.csr_array((ones, np.concatenate(rows).astype(np.int32), ends), shape=shape)
    counts.sum_duplicates()
    return counts


def _rows(ids: NDArray[np.int64], vocabulary_size: int, o: NgramOptions) -> NDArray[np.int64]:
    pairs = ids[:-1] * _FIRST + ids[1:]
    triples = pairs[:-1] * _SECOND + ids[2:]
    two = pairs % o.bigrams + vocabulary_size
    three = triples % o.trigrams + vocabulary_size + o.bigrams
    return np.concatenate([ids, two, three])


def _last_sum(graph: Graph, values: str) -> str:
    """The sum of (batch, time, size) over time, added up in one order whatever the padding."""
    running = graph.op("CumSum", values, np.array(1, np.int64))
    last = graph.slices(running, -1, 2**31, axis=1)
    return graph.op("Squeeze", last, np.array([1], np.int64))
