"""How one network learns to tell authors apart: reading, chunks, loss. Knows no files."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from app.features.characters import (
    CharacterOptions,
    frequent_characters,
    frequent_words,
    read,
    squeeze,
)
from app.features.padding import pad
from app.training.authorship.data import Document
from app.training.authorship.network import AuthorshipNetwork
from app.training.authorship.recipe import AuthorshipRecipe
from app.training.common.loop import Fit, Progress, fit

Ids = NDArray[np.int64]


def reading(
    documents: Sequence[Document], masked_words: Sequence[str], recipe: AuthorshipRecipe
) -> CharacterOptions:
    """How texts are read, from the texts that are trained on and no others."""
    texts = [squeeze(one.text)[0] for one in documents]
    kept = None
    if recipe.style_words:
        kept = frequent_words(texts, recipe.style_words, masked_words)
    options = CharacterOptions(
        alphabet="",
        kept_words=kept,
        masked_words=tuple(masked_words),
        max_characters=recipe.max_characters,
        chunk_length=recipe.chunk_length,
    )
    alphabet = frequent_characters([read(text, options).text for text in texts], least=5)
    return replace(options, alphabet=alphabet)


class Chunks:
    """Batches of chunks, cut from whole texts at places that are drawn anew for every step."""

    def __init__(
        self, ids: Sequence[Ids], labels: Sequence[int], recipe: AuthorshipRecipe, seed: int
    ) -> None:
        self._ids, self._labels = ids, np.array(labels)
        self._recipe, self._seed = recipe, seed
        sizes = np.array([len(one) for one in ids], dtype=float)
        weights = sizes.copy()
        for label in set(labels):
            mine = self._labels == label
            weights[mine] /= sizes[mine].sum() ** recipe.balance
        self._weights = weights / weights.sum()

    def __call__(self, step: int) -> tuple[Tensor, Tensor, Tensor]:
        """character_ids (batch, time), lengths (batch,), labels (batch,) of a step."""
        rng = np.random.default_rng((self._seed, step))
        # Short chunks too, since what is asked later may be short; all of a batch are alike.
        length = round(self._recipe.crop_length * rng.uniform(0.5, 1.0))
        rows = rng.choice(len(self._ids), size=self._recipe.batch_size, p=self._weights)
        chunks = []
        for row in rows:
            start = rng.integers(max(1, len(self._ids[row]) - length + 1))
            chunks.append(self._ids[row][start : start + length])
        character_ids, lengths = pad(chunks)
        return (
            torch.from_numpy(character_ids),
            torch.from_numpy(lengths),
            torch.from_numpy(self._labels[rows]),
        )


def train_member(
    ids: Sequence[Ids],
    labels: Sequence[int],
    recipe: AuthorshipRecipe,
    member: int,
    *,
    checkpoint: Path | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> Fit:
    """Train the recurrent part of one network; the last averaged weights are kept.

    Held-out texts choose nothing here.

    Raises:
        FloatingPointError: the loss is not finite.
    """
    options = recipe.loop(sum(len(one) for one in ids), member)
    torch.manual_seed(options.seed)
    network = AuthorshipNetwork(recipe.network)
    batches = Chunks(ids, labels, recipe, options.seed)

    def loss(network: nn.Module, batch: tuple[Tensor, Tensor, Tensor]) -> Tensor:
        assert isinstance(network, AuthorshipNetwork)
        character_ids, lengths, truth = batch
        logits = network.read(*network.bags(character_ids, lengths))
        return functional.cross_entropy(logits, truth, label_smoothing=recipe.label_smoothing)

    def last(network: nn.Module) -> float:
        return loss(network, batches(options.steps)).item()

    return fit(network, batches, loss, last, options, checkpoint=checkpoint, progress=progress)
