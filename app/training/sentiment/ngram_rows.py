"""Which rows of a table the n-grams of a text have, in NumPy and in ONNX. Knows token ids only."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import onnx
from numpy.typing import NDArray
from scipy import sparse

from app.training.common.graph import Graph
from app.training.sentiment.batches import Ids

_FIRST, _SECOND = 1_000_003, 1_009  # the products of token ids stay far below 2**63
# How often an n-gram stands in a text is counted in so many bins by the remainder of its row, in
# NumPy and in the graph alike: a table of all rows for each text would take too long to clear.
_BINS = 32_768


@dataclass(frozen=True)
class NgramOptions:
    """The tables of the n-gram classifiers; single tokens have a row each."""

    bigrams: int = 2**18  # rows that pairs of tokens share
    trigrams: int = 120_000  # rows that triples of tokens share
    # rows of the n-grams of characters that tokens are spelled with; in training only
    characters: int = 2**17
    shortest: int = 3  # characters of these n-grams, at least
    longest: int = 5  # characters of these n-grams, at most
    character_weight: float = 0.5  # how much they count beside tokens
    cost: float = 0.5  # of the linear SVMs; larger fits closer
    max_iterations: int = 60  # of their solver


def counts(tokens: Sequence[Ids], vocabulary_size: int, o: NgramOptions) -> sparse.csr_array:
    """How often each row's n-gram stands in each text: (texts, rows)."""
    rows = [_rows(ids.astype(np.int64), vocabulary_size, o) for ids in tokens]
    ends = np.cumsum([0, *map(len, rows)], dtype=np.int32)  # liblinear takes no wider ones
    shape = (len(tokens), vocabulary_size + o.bigrams + o.trigrams)
    ones = np.ones(ends[-1], np.float32)
    seen = sparse.csr_array((ones, np.concatenate(rows).astype(np.int32), ends), shape=shape)
    seen.sum_duplicates()
    return seen


def repeats(seen: sparse.csr_array) -> sparse.csr_array:
    """Like `seen` (texts, rows), with how often each n-gram that is there stands in its text."""
    texts = np.repeat(np.arange(seen.shape[0], dtype=np.int64), np.diff(seen.indptr))
    bins, where = np.unique(texts * _BINS + seen.indices % _BINS, return_inverse=True)
    times = np.bincount(where, seen.data, len(bins))[where].astype(np.float32)
    return sparse.csr_array((times, seen.indices, seen.indptr), shape=seen.shape)


def times_onnx(graph: Graph, sizes: Sequence[tuple[str, str]]) -> list[str]:
    """`repeats` in a graph: for each of the pairs of `rows_onnx` (batch, time, 1) float."""
    bins = [graph.op("Mod", rows, np.array(_BINS, np.int64)) for rows, _ in sizes]
    every = graph.op("Concat", *bins, axis=1)  # (batch, sizes * time)
    two = np.array([2], np.int64)
    ones = graph.op("Concat", *(graph.op("Squeeze", inside, two) for _, inside in sizes), axis=1)
    batch = graph.op("Shape", every, start=0, end=1)
    shape = graph.op("Concat", batch, np.array([_BINS], np.int64), axis=0)
    empty = graph.op("Expand", np.array([[0.0]], np.float32), shape)  # (batch, bins)
    filled = graph.op("ScatterElements", empty, every, ones, axis=1, reduction="add")
    times = graph.op("GatherElements", filled, every, axis=1)
    split = graph.op("Split", times, outputs=len(sizes), axis=1, num_outputs=len(sizes))
    return [graph.op("Unsqueeze", each, two) for each in split]


def rows_onnx(
    graph: Graph, token_ids: str, lengths: str, vocabulary_size: int, o: NgramOptions
) -> list[tuple[str, str]]:
    """Of the 1-, 2- and 3-grams that begin at each step the rows (batch, time), and 1 or 0 for
    whether they end within the text, float (batch, time, 1)."""
    one, zero = np.array([1], np.int64), np.array([0], np.int64)
    time = graph.op("Shape", token_ids, start=1, end=2)
    padded = graph.op("Pad", token_ids, np.array([0, 0, 0, 2], np.int64))
    tokens = [token_ids]
    for shift in (1, 2):
        start = np.array([shift], np.int64)
        tokens.append(graph.op("Slice", padded, start, graph.op("Add", time, start), one))
    pairs = graph.op("Mul", tokens[0], np.array(_FIRST, np.int64))
    pairs = graph.op("Add", pairs, tokens[1])
    triples = graph.op("Mul", pairs, np.array(_SECOND, np.int64))
    triples = graph.op("Add", triples, tokens[2])
    two = graph.op("Mod", pairs, np.array(o.bigrams, np.int64))
    three = graph.op("Mod", triples, np.array(o.trigrams, np.int64))
    rows = (
        tokens[0],
        graph.op("Add", two, np.array(vocabulary_size, np.int64)),
        graph.op("Add", three, np.array(vocabulary_size + o.bigrams, np.int64)),
    )
    limit = graph.op("Squeeze", time, zero)
    steps = graph.op("Range", np.array(0, np.int64), limit, np.array(1, np.int64))
    column = graph.op("Unsqueeze", lengths, one)  # (batch, 1)
    answer = []
    for size, each in enumerate(rows, start=1):
        last = graph.op("Add", steps, np.array(size - 1, np.int64))
        inside = graph.op("Cast", graph.op("Less", last, column), to=onnx.TensorProto.FLOAT)
        answer.append((each, graph.op("Unsqueeze", inside, np.array([2], np.int64))))
    return answer


def _rows(ids: NDArray[np.int64], vocabulary_size: int, o: NgramOptions) -> NDArray[np.int64]:
    pairs = ids[:-1] * _FIRST + ids[1:]
    triples = pairs[:-1] * _SECOND + ids[2:]
    two = pairs % o.bigrams + vocabulary_size
    three = triples % o.trigrams + vocabulary_size + o.bigrams
    return np.concatenate([ids, two, three])
