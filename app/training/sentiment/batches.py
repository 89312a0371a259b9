"""Batches of token ids from labelled texts; knows arrays, not where texts come from."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Ids = NDArray[np.int32]
_POOL = 50  # batches that are sorted by length together


@dataclass(frozen=True)
class Encoded:
    """Texts of one source as `tokens`, one array of ids each, and their `labels` (texts,).

    Where a text may have several labels or none, `labels` are (texts, classes) of 1 and 0.
    `weights` (texts,) say how much each counts in training; all alike unless told.
    """

    tokens: Sequence[Ids]
    labels: NDArray[np.int64]
    weights: NDArray[np.float32] = field(default_factory=lambda: np.ones(1, np.float32))

    def __post_init__(self) -> None:
        same = np.broadcast_to(self.weights, self.labels.shape[:1])
        object.__setattr__(self, "weights", same)


@dataclass(frozen=True)
class Batch:
    """token_ids (batch, time) padded with 0, lengths and weights (batch,), labels as `Encoded`."""

    token_ids: Tensor
    lengths: Tensor
    labels: Tensor
    weights: Tensor


def collate(
    tokens: Sequence[Ids], labels: NDArray[np.int64], weights: NDArray[np.float32] | None = None
) -> Batch:
    """One batch of these texts; an empty text becomes one step of padding."""
    lengths = np.array([max(len(ids), 1) for ids in tokens])
    token_ids = np.zeros((len(tokens), lengths.max()), np.int64)
    for row, ids in zip(token_ids, tokens, strict=True):
        row[: len(ids)] = ids
    if weights is None:
        weights = np.ones(len(tokens), np.float32)
    arrays = (token_ids, lengths, labels, weights)
    return Batch(*(torch.from_numpy(array) for array in arrays))


class Shuffled:
    """An endless stream of batches of one source, each a function of its number and the seed.

    Every epoch goes over all texts once in a new order; texts of like length come together, so
    that little of a batch is padding. `weights` (texts,) draws texts by chance instead, with
    replacement; those of the data are not for drawing but for the loss.
    """

    def __init__(
        self,
        data: Encoded,
        size: int,
        seed: int,
        *,
        max_tokens: int,
        weights: NDArray[np.float64] | None = None,
    ) -> None:
        if size > len(data.tokens):
            raise ValueError(f"{len(data.tokens)} texts do not fill a batch of {size}")
        self._data = data
        self._size = size
        self._seed = seed
        self._max_tokens = max_tokens
        self._weights = None if weights is None else weights / weights.sum()
        self._lengths = np.array([len(ids) for ids in data.tokens])
        self._epoch = -1
        self._order: list[NDArray[np.int64]] = []

    @property
    def batches_per_epoch(self) -> int:
        return len(self._data.tokens) // self._size

    def __call__(self, number: int) -> Batch:
        """Batch `number` (0, 1, ...); a text longer than max_tokens gives a random piece of it."""
        epoch, at = divmod(number, self.batches_per_epoch)
        if epoch != self._epoch:
            self._order, self._epoch = self._shuffle(epoch), epoch
        rng = np.random.default_rng((self._seed, number, 1))
        rows = self._order[at]
        pieces = []
        for row in rows:
            ids = self._data.tokens[row]
            start = int(rng.integers(0, max(len(ids) - self._max_tokens, 0) + 1))
            pieces.append(ids[start : start + self._max_tokens])
        return collate(pieces, self._data.labels[rows], self._data.weights[rows])

    def _shuffle(self, epoch: int) -> list[NDArray[np.int64]]:
        rng = np.random.default_rng((self._seed, epoch))
        count = self.batches_per_epoch * self._size
        if self._weights is None:
            order = rng.permutation(len(self._lengths))[:count]
        else:
            order = rng.choice(len(self._lengths), count, p=self._weights)
        pool = _POOL * self._size
        parts = [order[at : at + pool] for at in range(0, count, pool)]
        ordered = np.concatenate(
            [part[np.argsort(self._lengths[part], kind="stable")] for part in parts]
        )
        batches = [ordered[at : at + self._size] for at in range(0, count, self._size)]
        return [batches[i] for i in rng.permutation(len(batches))]
