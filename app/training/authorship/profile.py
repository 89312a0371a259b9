"""Fits the n-gram profile, the linear part of the network. Knows character ids and labels only."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import scipy.sparse as sparse
import torch
from numpy.typing import NDArray
from sklearn.svm import LinearSVC

from app.training.authorship.network import AuthorshipNetwork, AuthorshipOptions, ngram_hashes

Array = NDArray[np.float64]


def fit_profile(
    networks: Sequence[AuthorshipNetwork],
    ids: Sequence[NDArray[np.int64]],
    labels: Sequence[int],
    weight: float,
) -> None:
    """Fit a linear machine per author against all others to whole texts; put it into `networks`.

    Squared hinge loss (Fan et al. 2008, "LIBLINEAR", section 2). A margin of 1 becomes `weight`
    in the logits.
    """
    options = networks[0].options
    counts = profile_counts(ids, options)
    found = np.asarray((counts > 0).sum(axis=0)).ravel()
    frequency = np.log((1.0 + len(ids)) / (1.0 + found)) + 1.0
    frequency[found < 2] = 0.0  # what one text alone has tells its topic
    machine = LinearSVC(C=1.0, class_weight="balanced", random_state=0)
    machine.fit(_unit(counts, frequency), labels)
    found_rows, found_bias = machine.coef_, machine.intercept_
    if len(found_rows) == 1:  # two classes share one machine
        found_rows = np.concatenate([-found_rows, found_rows])
        found_bias = np.concatenate([-found_bias, found_bias])
    # An author whose texts are all held out is as unlikely as one can be.
    rows = np.zeros((options.num_classes, options.profile))
    bias = np.full(options.num_classes, -1.0)
    rows[machine.classes_], bias[machine.classes_] = found_rows, found_bias
    for network in networks:
        with torch.no_grad():
            network.profile_weights.copy_(torch.from_numpy(weight * rows.T))
            network.profile_bias.copy_(torch.from_numpy(weight * bias))
            network.inverse_frequency.copy_(torch.from_numpy(frequency))


def _unit(counts: Any, frequency: Array) -> Any:
    """Texts as vectors of unit length: (texts, rows)."""
    logs = counts.copy()
    logs.data = 1.0 + np.log(logs.data)
    weighted = logs @ sparse.diags(frequency)
    norms = np.sqrt(np.asarray(weighted.multiply(weighted).sum(axis=1)).ravel())
    return (sparse.diags(1.0 / np.maximum(norms, 1e-6)) @ weighted).tocsr()


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
