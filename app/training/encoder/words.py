"""Teaches the encoder what people mention: the words of captions. Knows counts, no sentences.

Each word that is common in captions becomes a yes-or-no question about the image (Fang et al. 2015,
"From Captions to Visual Concepts and Back", section 3, without its noisy-or over regions); the
answer is the share of an image's captions that hold the word.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

from app.training.encoder.network import Encoder, Features


@dataclass(frozen=True)
class WordTargets:
    """How many of an image's captions hold each word."""

    words: tuple[str, ...]
    shares: npt.NDArray[np.float32]  # (images, words), 0 to 1

    def of(self, captions: Sequence[Sequence[Sequence[str]]]) -> npt.NDArray[np.float32]:
        """The same shares (images, words) of other captions."""
        place = {word: number for number, word in enumerate(self.words)}
        shares = np.zeros((len(captions), len(self.words)), np.float32)
        for row, own in enumerate(captions):
            for word in (word for tokens in own for word in set(tokens)):
                if word in place:
                    shares[row, place[word]] += np.float32(1 / len(own))
        return shares


def word_targets(
    captions: Sequence[Sequence[Sequence[str]]], *, rarest: int = 20, commonest: float = 0.5
) -> WordTargets:
    """Targets from the tokens of every caption of every image.

    Words of fewer than `rarest` images say too little, those of more than the share `commonest` of
    all captions ("a", "in") say nothing.
    """
    held = [Counter(word for tokens in own for word in set(tokens)) for own in captions]
    images = Counter(word for counts in held for word in counts)
    total = sum(map(len, captions))
    in_captions: Counter[str] = Counter()
    for counts in held:
        in_captions.update(counts)
    words = sorted(
        word
        for word, count in images.items()
        if count >= rarest and in_captions[word] <= commonest * total
    )
    empty = WordTargets(tuple(words), np.zeros((0, len(words)), np.float32))
    return WordTargets(empty.words, empty.of(captions))


class WordReader(nn.Module):
    """An encoder and what it says of each word."""

    def __init__(self, encoder: Encoder, shares: npt.NDArray[np.float32]) -> None:
        """`shares` (images, words) give the first guess: how common each word is."""
        super().__init__()
        self.encoder = encoder
        self.dropout = nn.Dropout(0.2)
        self.head = nn.Linear(encoder.options.channels, shares.shape[1])
        common = torch.from_numpy(shares.mean(0)).clamp(1e-4, 1 - 1e-4)
        with torch.no_grad():
            self.head.weight.zero_()
            self.head.bias.copy_(torch.logit(common))

    def forward(self, images: Tensor) -> tuple[Features, Tensor]:
        """Features, and logits (batch, words)."""
        features = self.encoder(images)
        return features, self.head(self.dropout(features.pooled))


def word_loss(logits: Tensor, shares: Tensor) -> Tensor:
    """Cross-entropy of the answers, summed over the words, mean over the images; a scalar."""
    loss = functional.binary_cross_entropy_with_logits(logits.float(), shares, reduction="sum")
    return loss / max(1, len(logits))
