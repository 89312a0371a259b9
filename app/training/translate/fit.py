"""Trains a translator on sentence pairs; knows pairs and ids, no screen."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from torch import Tensor, nn
from torch.nn import functional

from app.tasks.translate.features import END, PAD, Subwords
from app.training.common.loop import Fit, LoopOptions, Progress, fit
from app.training.common.precision import mixed_precision
from app.training.translate.copying import has_names, with_new_names
from app.training.translate.data import Corpus
from app.training.translate.network import Translator, padded

_CHUNK: Final = 32
"""Batches whose pairs are sorted by length together."""


@dataclass(frozen=True)
class BatchOptions:
    """Batches and loss of a translator."""

    tokens: int = 2000  # of the target side in a step, padding included, about
    # pairs of a corpus in an epoch, at most; other ones in each
    most: int = 29_000
    longest: int = 64  # tokens of a side; longer pairs are left out
    # share of each label that is spread over the vocabulary, 0 to 1 (Szegedy et al. 2016, section
    # 7)
    label_smoothing: float = 0.1
    # share of the pairs with names or numbers, in which these are replaced by made-up ones, 0 to 1
    new_names: float = 0.3
    bfloat16: bool = False  # products in bfloat16 where torch chooses it; quicker on some CPUs


@dataclass(frozen=True)
class Batch:
    """Pairs, padded: source (time, rows) and lengths; inputs and the targets that follow them."""

    source: Tensor
    lengths: Tensor
    inputs: Tensor
    targets: Tensor


class Pairs:
    """The training pairs in batches of alike lengths: each at most once an epoch."""

    def __init__(
        self, corpora: Sequence[Corpus], subwords: Subwords, options: BatchOptions, seed: int
    ) -> None:
        """Encodes all pairs.

        Raises:
            ValueError: all pairs of a corpus are longer than `longest`.
        """
        self._subwords = subwords
        self._options = options
        self._seed = seed
        self._pairs = [(pair, each.target) for each in corpora for pair in each.train]
        self._ids = [
            (subwords.source(subwords.encode(one), target), subwords.encode(other))
            for (one, other), target in self._pairs
        ]
        self._named = [has_names(pair) for pair, _ in self._pairs]
        self._lengths = np.array([max(len(a), len(b) + 1) for a, b in self._ids])
        self._corpora: list[np.ndarray] = []
        first = 0
        for each in corpora:
            places = np.arange(first, first + len(each.train))
            first += len(each.train)
            kept = places[self._lengths[places] <= options.longest]
            if not len(kept):
                raise ValueError(f"no pair of {each.name} has at most {options.longest} tokens")
            self._corpora.append(kept)
        self._epochs: list[int] = [0]  # the step at which each epoch begins
        self._batches: tuple[int, list[np.ndarray]] = (-1, [])

    def batch(self, step: int) -> Batch:
        """What is learned from at a step; depends on the seed and the step alone."""
        epoch = 0
        while True:
            if epoch + 1 == len(self._epochs):
                self._epochs.append(self._epochs[epoch] + len(self._of(epoch)))
            if step < self._epochs[epoch + 1]:
                break
            epoch += 1
        rows = self._of(epoch)[step - self._epochs[epoch]]
        draw = np.random.default_rng((self._seed, 1, step))
        ids = [self._drawn(int(row), draw) for row in rows]
        source, lengths = padded([one for one, _, _ in ids])
        target, _ = padded([[begin, *other, END] for _, other, begin in ids])
        return Batch(source, lengths, target[:-1], target[1:])

    def _drawn(self, row: int, draw: np.random.Generator) -> tuple[list[int], list[int], int]:
        (pair, target), (one, other) = self._pairs[row], self._ids[row]
        if self._named[row] and draw.random() < self._options.new_names:
            new, translated = with_new_names(pair, draw)
            one = self._subwords.source(self._subwords.encode(new), target)
            other = self._subwords.encode(translated)
        return one, other, self._subwords.tags[target]

    def _of(self, epoch: int) -> list[np.ndarray]:
        """The rows of each batch of an epoch."""
        if self._batches[0] != epoch:
            draw = np.random.default_rng((self._seed, 0, epoch))
            chosen = [draw.permutation(places)[: self._options.most] for places in self._corpora]
            order = draw.permutation(np.concatenate(chosen))
            mean = float(self._lengths[order].mean())
            size = max(1, int(self._options.tokens / mean)) * _CHUNK
            batches = []
            for start in range(0, len(order), size):
                chunk = order[start : start + size]
                chunk = chunk[np.argsort(self._lengths[chunk], kind="stable")]
                batches += self._cut(chunk)
            self._batches = (epoch, [batches[place] for place in draw.permutation(len(batches))])
        return self._batches[1]

    def _cut(self, rows: np.ndarray) -> list[np.ndarray]:
        """Rows that are sorted by length, in batches of about `tokens` tokens."""
        batches = []
        first = 0
        for place, row in enumerate(rows):
            if (place + 1 - first) * self._lengths[row] > self._options.tokens and place > first:
                batches.append(rows[first:place])
                first = place
        return [*batches, rows[first:]]


def translation_loss(network: nn.Module, batch: Batch, options: BatchOptions) -> Tensor:
    """Cross-entropy of the next tokens, mean over tokens."""
    assert isinstance(network, Translator)
    with mixed_precision(options.bfloat16):
        outputs = network(batch.source, batch.lengths, batch.inputs)
        taught = batch.targets != PAD
        logits = network.logits(outputs[taught])
    return functional.cross_entropy(
        logits.float(), batch.targets[taught], label_smoothing=options.label_smoothing
    )


class Validation:
    """Scores a network on pairs that it never saw: nats a token, the mean over the corpora."""

    def __init__(self, corpora: Sequence[Corpus], subwords: Subwords) -> None:
        self._sets = [_batches_of(each, subwords) for each in corpora]

    def __call__(self, network: nn.Module) -> float:
        plain = BatchOptions(label_smoothing=0.0, bfloat16=False)
        means = []
        for batches in self._sets:
            total, count = 0.0, 0
            for batch in batches:
                tokens = int((batch.targets != PAD).sum())
                total += float(translation_loss(network, batch, plain)) * tokens
                count += tokens
            means.append(total / count)
        return sum(means) / len(means)


def _batches_of(corpus: Corpus, subwords: Subwords, rows: int = 64) -> list[Batch]:
    begin = subwords.tags[corpus.target]
    ids = [
        (subwords.source(subwords.encode(one), corpus.target), subwords.encode(other))
        for one, other in corpus.val
    ]
    ids.sort(key=lambda pair: len(pair[1]))
    batches = []
    for start in range(0, len(ids), rows):
        part = ids[start : start + rows]
        source, lengths = padded([one for one, _ in part])
        target, _ = padded([[begin, *other, END] for _, other in part])
        batches.append(Batch(source, lengths, target[:-1], target[1:]))
    return batches


def fit_translator(
    network: Translator,
    pairs: Pairs,
    validation: Validation,
    batches: BatchOptions,
    loop: LoopOptions,
    *,
    checkpoint: Path | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> Fit:
    """Train a new network; its best weights by nats a token of the validation pairs."""
    return fit(
        network,
        pairs.batch,
        lambda one, batch: translation_loss(one, batch, batches),
        validation,
        loop,
        checkpoint=checkpoint,
        progress=progress,
    )
