"""Trains a captioner on features and captions; knows arrays and ids, not images and no screen."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from app.tasks.caption.task import JOINING
from app.training.caption.data import Captioned
from app.training.caption.decode import SearchOptions, captions_of
from app.training.caption.features import Features
from app.training.caption.network import Captioner
from app.training.caption.scores import CiderD
from app.training.caption.words import BOS, EOS, PAD, UNK, Vocabulary, words_of
from app.training.common.loop import Fit, LoopOptions, Progress, fit
from app.training.common.precision import mixed_precision

_CHUNK = 16
"""Batches whose captions are sorted by length together."""


@dataclass(frozen=True)
class CaptionLoop:
    """Batches and loss of a captioner."""

    loop: LoopOptions  # how it is trained
    rows: int = 100  # captions in a step
    # share of each label that is spread over the vocabulary, 0 to 1 (Szegedy et al. 2016, section
    # 7)
    label_smoothing: float = 0.1
    longest: int = 22  # words of a caption that are learned, at most
    bfloat16: bool = False  # products in bfloat16 where torch chooses it


@dataclass(frozen=True)
class Batch:
    """Captions of some images, padded: `inputs`, and the `targets` that follow, (time, rows)."""

    pooled: Tensor  # (rows, channels)
    cells: Tensor | None  # (rows, grid cells, channels)
    inputs: Tensor
    targets: Tensor


class Captions:
    """The training captions in batches: every caption once an epoch, alike lengths together."""

    def __init__(
        self,
        images: Sequence[Captioned],
        features: Features,
        vocabulary: Vocabulary,
        options: CaptionLoop,
    ) -> None:
        self.features = features.only([one.image for one in images])
        self.rows = options.rows
        self.seed = options.loop.seed
        self.ids: list[list[int]] = []
        owners = []
        for place, one in enumerate(images):
            for caption in one.captions:
                ids = vocabulary.encode(words_of(caption))
                if ids:
                    self.ids.append(ids[: options.longest])
                    owners.append(place)
        self.owners = np.array(owners)
        self.lengths = np.array([len(ids) for ids in self.ids])
        self._epoch: tuple[int, list[NDArray[np.int64]]] = (-1, [])

    @property
    def steps(self) -> int:
        """Steps of an epoch."""
        return -(-len(self.ids) // self.rows)

    def batch(self, step: int) -> Batch:
        """What is learned from at a step; depends on the seed and the step alone."""
        epoch, place = divmod(step, self.steps)
        if self._epoch[0] != epoch:
            self._epoch = (epoch, self._order(epoch))
        rows = self._epoch[1][place]
        draw = np.random.default_rng((self.seed, 1, step))
        views = draw.integers(0, self.features.views, len(rows))
        seen = self.features.take(self.owners[rows], views)
        time = int(self.lengths[rows].max()) + 1
        ids = np.full((time + 1, len(rows)), PAD)
        for column, row in enumerate(rows):
            ids[0, column] = BOS
            ids[1 : self.lengths[row] + 1, column] = self.ids[row]
            ids[self.lengths[row] + 1, column] = EOS
        tokens = torch.from_numpy(ids)
        cells = None if seen.cells is None else torch.from_numpy(seen.cells)
        return Batch(torch.from_numpy(seen.pooled), cells, tokens[:-1], tokens[1:])

    def _order(self, epoch: int) -> list[NDArray[np.int64]]:
        draw = np.random.default_rng((self.seed, 0, epoch))
        order = draw.permutation(len(self.ids))
        batches = []
        for start in range(0, len(order), self.rows * _CHUNK):
            chunk = order[start : start + self.rows * _CHUNK]
            chunk = chunk[np.argsort(self.lengths[chunk], kind="stable")]
            batches += [chunk[at : at + self.rows] for at in range(0, len(chunk), self.rows)]
        return [batches[place] for place in draw.permutation(len(batches))]


def caption_loss(network: nn.Module, batch: Batch, options: CaptionLoop) -> Tensor:
    """Cross-entropy of the next words, mean over words; unknown words are inputs, never targets."""
    assert isinstance(network, Captioner)
    with mixed_precision(options.bfloat16):
        context, state = network.begin(batch.pooled, batch.cells)
        outputs = network(context, state, batch.inputs)
        taught = (batch.targets != PAD) & (batch.targets != UNK)
        logits = network.logits(outputs[taught])
    return functional.cross_entropy(
        logits.float(), batch.targets[taught], label_smoothing=options.label_smoothing
    )


class Validation:
    """Scores a network on images that it never saw, by CIDEr-D of what it says about them."""

    def __init__(
        self,
        images: Sequence[Captioned],
        features: Features,
        vocabulary: Vocabulary,
        search: SearchOptions,
    ) -> None:
        self.features = features.only([one.image for one in images])
        self.vocabulary = vocabulary
        self.search = search
        self.references = [[words_of(caption) for caption in one.captions] for one in images]
        self.cider = CiderD(self.references)

    def captions(self, network: nn.Module) -> list[list[str]]:
        """What the network says about every image, in words."""
        assert isinstance(network, Captioner)
        joining = frozenset(self.vocabulary.encode(JOINING)) - {UNK}
        found = captions_of(network, self.features, self.search, joining)
        return [self.vocabulary.decode(ids) for ids in found]

    def __call__(self, network: nn.Module) -> float:
        """Minus CIDEr-D: lower is better."""
        return -self.cider.mean(self.captions(network))


def log_frequencies(vocabulary: Vocabulary) -> Tensor:
    """What the output bias begins with: logarithms of the shares of tokens, (vocabulary,)."""
    counts = torch.tensor(vocabulary.counts, dtype=torch.float32)
    return torch.log(counts.clamp(min=0.5) / counts.sum())


def fit_captioner(
    network: Captioner,
    captions: Captions,
    validation: Validation,
    options: CaptionLoop,
    *,
    checkpoint: Path | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> Fit:
    """Train a new network; its best weights by validation CIDEr-D, whose score is negative."""
    return fit(
        network,
        captions.batch,
        lambda one, batch: caption_loss(one, batch, options),
        validation,
        options.loop,
        checkpoint=checkpoint,
        progress=progress,
    )
