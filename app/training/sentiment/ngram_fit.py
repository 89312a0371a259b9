"""Fits the n-gram classifiers; knows token ids, labels and how tokens are spelled."""

import warnings
import zlib
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.svm import LinearSVC

from app.training.sentiment.batches import Encoded
from app.training.sentiment.ngram_rows import NgramOptions, counts
from app.training.sentiment.ngrams import NgramClassifier

Array = NDArray[np.float32]
_ABSENT = -3.0  # the logit of a label that a source does not have
_GATE_TEXTS = 4000  # of a source, at most
_GATE_COST = 10.0
# Added to the gate's logit of the kinds that nothing is to be said about: n-grams that speak of a
# text of another kind do more harm than n-grams that are silent. From 0, 1, 2 and 3, on `select`.
_LEAN = 1.0


def fit_ngrams(
    sources: Sequence[Encoded],
    pieces: Sequence[str],
    classes: int,
    options: NgramOptions,
    *,
    silent: Sequence[Encoded] = (),
) -> NgramClassifier:
    """A linear SVM per source, and a logistic regression that tells the sources apart.

    The regression also learns those that nothing is to be said about, `silent`, as one kind.

    All see TF-IDF of 1- to 3-grams of tokens and of the n-grams of characters that the tokens
    are spelled with. A token's own weight and those of its characters are added up in the end,
    so that the latter cost nothing later: they only let rare words learn from their like.
    A text counts as its weight says, and the labels of a source count alike, however few texts
    one has. A document frequency is the mean over the sources. `pieces` are the tokens as the
    tokeniser writes them, `##` before one that does not begin a word.
    """
    spelled = _spelling(pieces, options)
    seen = [_with_characters(data, spelled, len(pieces), options) for data in sources]
    shares = np.mean([np.asarray((m > 0).mean(axis=0)).ravel() for m in seen], axis=0)
    inverse = (np.log(1.0 / (shares + 1e-5)) + 1.0).astype(np.float32)
    rows = seen[0].shape[1] - options.characters
    inverse[rows:] *= options.character_weight
    squares = _folded((inverse**2)[:, None], spelled, rows)[:, 0]
    scaled = [_normalised(m, inverse, squares) for m in seen]

    experts = [_expert(m, data, classes, options) for m, data in zip(scaled, sources, strict=True)]
    unsaid = [
        _normalised(_with_characters(_some(s), spelled, len(pieces), options), inverse, squares)
        for s in silent
    ]
    together_unsaid = [sparse.vstack(unsaid, format="csr")] if unsaid else []
    gate, gate_bias = _gate([*scaled, *map(sparse.csr_array, together_unsaid)])
    weights = np.stack([weight for weight, _ in experts], axis=1)  # (all rows, experts, classes)
    together = np.concatenate([weights.reshape(len(weights), -1), gate], axis=1)
    together = _folded(together * inverse[:, None], spelled, rows)
    wide = len(sources) * classes
    return NgramClassifier(
        vocabulary_size=len(pieces),
        options=options,
        weights=together[:, :wide].reshape(rows, len(sources), classes),
        gate=together[:, wide:],
        squares=squares,
        bias=np.stack([bias for _, bias in experts]),
        gate_bias=gate_bias,
    )


def with_gate(
    found: NgramClassifier, sources: Sequence[Encoded], silent: Sequence[Encoded]
) -> NgramClassifier:
    """The same experts, of `sources` in this order, with a gate that was fitted anew.

    It sees n-grams of tokens alone, not of characters.
    """
    seen = [_by_length(found, _some(data), found.squares) for data in (*sources, *silent)]
    others = seen[len(sources) :]
    together = [_narrow(sparse.csr_array(sparse.vstack(others, format="csr")))] if others else []
    gate, gate_bias = _gate([*seen[: len(sources)], *together])
    if together:
        gate_bias[-1] += _LEAN
    inverse = np.sqrt(found.squares)[:, None]
    return replace(found, gate=gate * inverse, gate_bias=gate_bias)


def _by_length(found: NgramClassifier, data: Encoded, squares: Array) -> sparse.csr_array:
    seen = _narrow(counts(data.tokens, found.vocabulary_size, found.options))
    return _normalised(seen, np.sqrt(squares), squares)


def _spelling(pieces: Sequence[str], o: NgramOptions) -> sparse.csr_array:
    """Which n-grams of characters each token has, but padding and unknown: (tokens, characters)."""
    tokens, found = [], []
    for token, piece in enumerate(pieces):
        if token < 2:
            continue
        word = f"{piece[2:]} " if piece.startswith("##") else f" {piece} "
        for size in range(o.shortest, o.longest + 1):
            for at in range(len(word) - size + 1):
                tokens.append(token)
                found.append(zlib.crc32(word[at : at + size].encode()) % o.characters)
    ones = np.ones(len(tokens), np.float32)
    shape = (len(pieces), o.characters)
    spelled = sparse.coo_array((ones, (np.array(tokens, int), np.array(found, int))), shape=shape)
    return _narrow(spelled.tocsr())


def _with_characters(
    data: Encoded, spelled: sparse.csr_array, vocabulary_size: int, o: NgramOptions
) -> sparse.csr_array:
    plain = counts(data.tokens, vocabulary_size, o)
    both = sparse.hstack([plain, plain[:, :vocabulary_size] @ spelled], format="csr")
    return _narrow(sparse.csr_array(both))


def _narrow(matrix: sparse.csr_array) -> sparse.csr_array:
    """With sorted 32-bit indices, the only ones that liblinear takes."""
    matrix.sort_indices()
    matrix.indices = matrix.indices.astype(np.int32)
    matrix.indptr = matrix.indptr.astype(np.int32)
    return matrix


def _normalised(seen: sparse.csr_array, inverse: Array, squares: Array) -> sparse.csr_array:
    """Counts times inverse document frequencies over the length of the text's vector.

    In that a token has its characters with it, so that the graph finds the same length without
    them: `squares` (rows,) are those of its n-grams of tokens.
    """
    plain = seen[:, : len(squares)]
    lengths = np.sqrt(np.maximum(plain.power(2) @ squares, np.float32(1e-12)))
    scaled = seen.copy()
    scaled.data *= inverse[seen.indices]
    scaled.data /= np.repeat(lengths, np.diff(seen.indptr))
    return scaled


def _expert(
    texts: sparse.csr_array, data: Encoded, classes: int, o: NgramOptions
) -> tuple[Array, Array]:
    """weights (rows, classes) and bias (classes,) of one source."""
    if data.labels.ndim == 2:
        planes = [_plane(texts, column, data, o) for column in data.labels.T]
        return np.stack([w for w, _ in planes], 1), np.array([b for _, b in planes], np.float32)
    svm = _svm(texts, data.labels, data, o)
    weights = np.zeros((texts.shape[1], classes), np.float32)
    bias = np.full(classes, _ABSENT, np.float32)
    if len(svm.classes_) == 2:  # one plane, whose two sides are the labels
        for label, side in zip(svm.classes_, (-1.0, 1.0), strict=True):
            weights[:, label] = side * svm.coef_[0]
            bias[label] = side * svm.intercept_[0]
    else:
        weights[:, svm.classes_] = svm.coef_.T
        bias[svm.classes_] = svm.intercept_
    return weights, bias


def _plane(
    texts: sparse.csr_array, is_one: NDArray[np.int64], data: Encoded, o: NgramOptions
) -> tuple[Array, float]:
    """weights (rows,) and bias of one of several labels of a text, from `is_one` (texts,)."""
    if is_one.min() == is_one.max():  # nothing to tell apart
        return np.zeros(texts.shape[1], np.float32), _ABSENT * (1 - 2 * int(is_one[0]))
    svm = _svm(texts, is_one, data, o)
    return svm.coef_[0].astype(np.float32), float(svm.intercept_[0])


def _svm(
    texts: sparse.csr_array, labels: NDArray[np.int64], data: Encoded, o: NgramOptions
) -> LinearSVC:
    svm = LinearSVC(C=o.cost, max_iter=o.max_iterations, random_state=0, class_weight="balanced")
    with warnings.catch_warnings():
        # To stop early is the recipe's wish, and no accident that deserves a warning.
        warnings.simplefilter("ignore", ConvergenceWarning)
        return svm.fit(texts, labels, sample_weight=data.weights)


def _some(data: Encoded) -> Encoded:
    """At most as many texts as the gate looks at, evenly spread."""
    at = np.unique(np.linspace(0, len(data.tokens) - 1, _GATE_TEXTS).round().astype(int))
    return Encoded([data.tokens[i] for i in at], data.labels[at], data.weights[at])


def _gate(sources: Sequence[sparse.csr_array]) -> tuple[Array, Array]:
    """weights (rows, sources) and bias (sources,) that tell from whom a text is."""
    if len(sources) == 1:
        return np.zeros((sources[0].shape[1], 1), np.float32), np.zeros(1, np.float32)
    rng = np.random.default_rng(0)
    some = [m[rng.permutation(m.shape[0])[:_GATE_TEXTS]] for m in sources]
    which = np.repeat(np.arange(len(some)), [m.shape[0] for m in some])
    found = LogisticRegression(C=_GATE_COST, max_iter=50)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        found.fit(_narrow(sparse.csr_array(sparse.vstack(some, format="csr"))), which)
    if len(some) == 2:  # one plane again
        plane, offset = found.coef_[0] / 2, found.intercept_[0] / 2
        weights = np.stack([-plane, plane], axis=1)
        return weights.astype(np.float32), np.array([-offset, offset], np.float32)
    return found.coef_.T.astype(np.float32), found.intercept_.astype(np.float32)


def _folded(values: Array, spelled: sparse.csr_array, rows: int) -> Array:
    """(all rows, columns) -> (rows, columns): tokens get what their characters have."""
    kept = values[:rows].copy()
    kept[: spelled.shape[0]] += spelled @ values[rows:]
    return kept
