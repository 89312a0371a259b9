"""Goes on training a captioner by what its sentences score; knows ids and rewards, not images.

Self-critical sequence training (Rennie et al. 2017, section 3.1): a caption that is drawn from the
network is made likelier as far as it scores more than the one that the network says when it always
takes the likeliest word, and less likely as far as it scores less.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from torch import Tensor, nn

from app.training.caption.data import Captioned
from app.training.caption.features import Features, Seen
from app.training.caption.network import Captioner
from app.training.caption.scores import CiderD
from app.training.caption.words import BOS, EOS, SPECIAL, Vocabulary, words_of

# The end counts as a word of every caption: else one that breaks off scores no less.
_END: Final = SPECIAL[EOS]


@dataclass(frozen=True)
class Images:
    """Images to be described: their places among those that are learned from, and features."""

    places: tuple[int, ...]
    seen: Seen


class Critic:
    """Draws images, and scores what is said of them by CIDEr-D of the training captions."""

    def __init__(
        self,
        images: Sequence[Captioned],
        features: Features,
        vocabulary: Vocabulary,
        *,
        rows: int = 64,
        longest: int = 22,
        seed: int = 0,
    ) -> None:
        """rows: images in a step. longest: words of a caption, at most."""
        self.features = features.only([one.image for one in images])
        self.vocabulary = vocabulary
        self.rows = rows
        self.longest = longest
        self.seed = seed
        self.cider = CiderD(
            [[[*words_of(caption), _END] for caption in one.captions] for one in images]
        )

    @property
    def steps(self) -> int:
        """Steps in which every image is seen once."""
        return -(-len(self.features.names) // self.rows)

    def batch(self, step: int) -> Images:
        """What is looked at in a step; depends on the seed and the step alone."""
        epoch, place = divmod(step, self.steps)
        order = np.random.default_rng((self.seed, 2, epoch)).permutation(len(self.features.names))
        places = order[place * self.rows : (place + 1) * self.rows]
        draw = np.random.default_rng((self.seed, 3, step))
        views = draw.integers(0, self.features.views, len(places))
        return Images(tuple(places.tolist()), self.features.take(places, views))

    def loss(self, network: nn.Module, images: Images) -> Tensor:
        """What is made smaller in a step: its gradient is that of minus the expected CIDEr-D."""
        assert isinstance(network, Captioner)
        pooled = torch.from_numpy(images.seen.pooled)
        cells = None if images.seen.cells is None else torch.from_numpy(images.seen.cells)
        network.eval()  # what is drawn, and what is learned from it, is of one network
        with torch.no_grad():
            drawn = said(network, pooled, cells, self.longest, draw=True)
            likeliest = said(network, pooled, cells, self.longest, draw=False)
        found, usual = (
            torch.tensor(self.scores(images.places, ids), dtype=torch.float32)
            for ids in (drawn, likeliest)
        )
        gain = found - usual
        tokens = drawn[1:]
        counted = _counted(tokens)
        context, state = network.begin(pooled, cells)
        outputs = network(context, state, drawn[:-1])
        logits = network.logits(outputs)
        logits[..., : BOS + 1] = -torch.inf
        logs = torch.log_softmax(logits, dim=2).gather(2, tokens[..., None])[..., 0]
        weighed = torch.where(counted, logs * gain, 0.0)
        return -weighed.sum() / counted.sum()

    def scores(self, places: Sequence[int], ids: Tensor) -> list[float]:
        """CIDEr-D of a caption of each image, with its end: ids (time, rows) as `said` has them."""
        return [
            self.cider.one(place, self._words(column))
            for place, column in zip(places, ids[1:].T.tolist(), strict=True)
        ]

    def _words(self, ids: list[int]) -> list[str]:
        end = ids.index(EOS) if EOS in ids else len(ids)
        words = self.vocabulary.decode(ids[:end])
        return [*words, _END] if end < len(ids) else words


def said(
    network: Captioner, pooled: Tensor, cells: Tensor | None, longest: int, *, draw: bool
) -> Tensor:
    """One caption of each image, drawn or always the likeliest word: ids (time, rows).

    The first row is the begin; after its end a caption has more ends.
    """
    context, state = network.begin(pooled, cells)
    tokens = torch.full((len(pooled),), BOS)
    ended = torch.zeros(len(pooled), dtype=torch.bool)
    found = [tokens]
    for _ in range(longest + 1):
        state, logs, _ = network.next_words(context, state, tokens)
        tokens = torch.multinomial(logs.exp(), 1)[:, 0] if draw else logs.argmax(dim=1)
        tokens = torch.where(ended, EOS, tokens)
        ended = ended | (tokens == EOS)
        found.append(tokens)
        if ended.all():
            break
    return torch.stack(found)


def _counted(tokens: Tensor) -> Tensor:
    """Which of `tokens` (time, rows) belong to a caption: all up to its first end."""
    ends = (tokens == EOS).long()
    return (ends.cumsum(0) - ends) == 0
