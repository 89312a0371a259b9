"""Captions that need no decoder, and people's own: what a network must beat. Knows no network.

All are scored by the code that scores the network, on the same images.
"""

from collections import Counter
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import fields, replace

import numpy as np

from app.training.caption.data import Captioned
from app.training.caption.features import Features, Floats
from app.training.caption.reports import CaptionRow, caption_row
from app.training.caption.scores import CiderD, Words
from app.training.caption.words import words_of

_EXACT = 5


def references_of(images: Sequence[Captioned]) -> list[list[list[str]]]:
    """The captions of every image as words."""
    return [[words_of(caption) for caption in one.captions] for one in images]


def most_frequent(train: Sequence[Captioned]) -> list[str]:
    """The training caption that occurs most often; of several the first by the alphabet."""
    counts = Counter(" ".join(words) for several in references_of(train) for words in several)
    return min(counts, key=lambda told: (-counts[told], told)).split()


def best_constant(train: Sequence[Captioned]) -> list[str]:
    """Of all training captions the one with the highest CIDEr-D as the caption of every training
    image; chosen without a look at other images."""
    references = references_of(train)
    cider = CiderD(references)
    different = sorted({tuple(words) for several in references for words in several})
    candidates = [list(words) for words in different]
    likely = sorted(candidates, key=cider.everywhere(), reverse=True)[:_EXACT]
    scores = [cider.mean([words] * len(references)) for words in likely]
    return likely[int(np.argmax(scores))]


def nearest(train: Sequence[Captioned], features: Features, asked: Floats) -> list[list[str]]:
    """For every row of `asked` (images, channels) a caption of the training image most like it.

    Alike by the cosine of features with the training mean taken off; of its captions the one that
    agrees best with its others, by CIDEr-D.
    """
    names = [one.image for one in train]
    known = features.only(names).plain(0, len(names)).pooled
    mean = known.mean(axis=0)
    near = (_unit(asked - mean) @ _unit(known - mean).T).argmax(axis=1)
    references = references_of(train)
    cider = CiderD(references)
    typical: dict[int, list[str]] = {}
    for place in set(near.tolist()):
        typical[place] = max(references[place], key=lambda words: cider.one(place, words))
    return [typical[place] for place in near.tolist()]


def _unit(rows: Floats) -> Floats:
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    found: Floats = rows / np.maximum(lengths, np.float32(1e-6))
    return found


def shuffled(captions: Sequence[Words]) -> list[Words]:
    """The same captions, every one told of the image half the set away."""
    half = len(captions) // 2
    return [*captions[half:], *captions[:half]]


def human_row(images: Sequence[Captioned], trained: AbstractSet[str]) -> CaptionRow:
    """One person's captions against the other people's, the mean over who it is.

    Every turn has one reference less than the other rows of a report have.
    """
    references = references_of(images)
    people = min(map(len, references))
    turns = [
        caption_row(
            "one human, by the others",
            [several[turn] for several in references],
            [[words for n, words in enumerate(several) if n != turn] for several in references],
            trained,
        )
        for turn in range(people)
    ]
    means = {
        field.name: sum(getattr(turn, field.name) for turn in turns) / people
        for field in fields(CaptionRow)
        if field.name not in ("method", "images", "references")
    }
    return replace(turns[0], **means)
