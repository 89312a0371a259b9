"""Fits the n-gram profile, the linear part of the network. Knows character ids and labels only."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import scipy.sparse as sparse
import torch
from numpy.typing import NDArray
from sklearn.svm import LinearSVC

from app.training.authorship_network import AuthorshipNetwork, AuthorshipOptions, ngram_hashes

Array = NDArray[np.float64]

_PARTS: Final = 4
_SCALES: Final = np.exp(np.linspace(np.log(0.5), np.log(50.0), 47))


@dataclass(frozen=True)
class Profile:
    """`weights` (rows, classes) for log counts times `inverse_frequency` (rows,), unit length.

    `known` (texts, classes): logits of the texts by profiles that had not learned them.
    """

    weights: Array
    inverse_frequency: Array
    known: NDArray[np.float32]

    def put_into(self, network: AuthorshipNetwork) -> None:
        with torch.no_grad():
            network.profile_weights.copy_(torch.from_numpy(self.weights))
            network.inverse_frequency.copy_(torch.from_numpy(self.inverse_frequency))


def fit_profile(
    ids: Sequence[NDArray[np.int64]], labels: Sequence[int], options: AuthorshipOptions
) -> Profile:
    """A linear machine per author against all others on whole texts, as logits.

    Squared hinge loss (Fan et al. 2008, "LIBLINEAR", section 2). Its margins become logits by the
    factor with the least log loss on texts that it did not learn; and the recurrent network is
    taught on top of such honest logits (Wolpert 1992, "Stacked Generalization"), or it would learn
    from texts that the profile knows by heart. Texts must come in order of author and time: parts
    that are held out together are neighbours then.
    """
    counts, truth = profile_counts(ids, options), np.array(labels)
    part = np.zeros(len(truth), dtype=np.int64)
    for label in set(labels):
        mine = np.flatnonzero(truth == label)
        part[mine] = np.arange(len(mine)) * _PARTS // len(mine)
    margins = np.zeros((len(truth), options.num_classes))
    for held in range(_PARTS):
        learned = part != held
        weights, frequency = _machine(counts[learned], truth[learned], options.num_classes)
        margins[~learned] = _unit(counts[~learned], frequency) @ weights
    scale = min(_SCALES, key=lambda one: _log_loss(margins * one, truth))
    weights, frequency = _machine(counts, truth, options.num_classes)
    return Profile(weights * scale, frequency, (margins * scale).astype(np.float32))


def _machine(counts: Any, labels: NDArray[np.int64], classes: int) -> tuple[Array, Array]:
    """Weights (rows, classes) and inverse document frequencies (rows,)."""
    found = np.asarray((counts > 0).sum(axis=0)).ravel()
    frequency = np.log((1.0 + counts.shape[0]) / (1.0 + found)) + 1.0
    frequency[found < 2] = 0.0  # what one text alone has tells its topic
    machine = LinearSVC(C=1.0, class_weight="balanced", random_state=0, fit_intercept=False)
    machine.fit(_unit(counts, frequency), labels)
    rows = np.zeros((classes, counts.shape[1]))
    if len(machine.coef_) == 1:  # two classes share one machine
        rows[machine.classes_[1]], rows[machine.classes_[0]] = machine.coef_[0], -machine.coef_[0]
    else:
        rows[machine.classes_] = machine.coef_
    return rows.T, frequency


def _unit(counts: Any, frequency: Array) -> Any:
    """Texts as vectors of unit length: (texts, rows)."""
    logs = counts.copy()
    logs.data = 1.0 + np.log(logs.data)
    weighted = logs @ sparse.diags(frequency)
    norms = np.sqrt(np.asarray(weighted.multiply(weighted).sum(axis=1)).ravel())
    return (sparse.diags(1.0 / np.maximum(norms, 1e-6)) @ weighted).tocsr()


def _log_loss(logits: Array, truth: NDArray[np.int64]) -> float:
    shifted = logits - logits.max(axis=1, keepdims=True)
    total = np.log(np.exp(shifted).sum(axis=1))
    return float((total - shifted[np.arange(len(truth)), truth]).mean())


def profile_counts(ids: Sequence[NDArray[np.int64]], options: AuthorshipOptions) -> Any:
    """How often each row of the profile occurs in each text: sparse (texts, rows)."""
    columns, data, ends = [], [], [0]
    for one in ids:
        hashes = ngram_hashes(torch.from_numpy(one)[None], options.profile_ngrams)[1:]
        rows = torch.cat([hashed[0] % options.profile for hashed in hashes]).numpy()
        found, times = np.unique(rows, return_counts=True)
        columns.append(found)
        data.append(times.astype(np.float64))
        ends.append(ends[-1] + len(found))
    shape = (len(ids), options.profile)
    return sparse.csr_matrix((np.concatenate(data), np.concatenate(columns), ends), shape=shape)
