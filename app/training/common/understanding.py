"""Fits what tells how much of a text a model understands; knows texts and no labels."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from app.features.familiarity import FAMILIARITY_FILE, fit_familiarity
from app.tasks.understanding import UnderstandingOptions

THRESHOLD: Final = 0.65
"""Below this share a model abstains. Of sentences in French or Spanish that no table has learned
2 to 3 in a hundred have more, of English ones as short 1 to 2 have less."""
_CHARACTERS: Final = 1_600_000  # that are read for a table
_PASSAGE: Final = 250  # characters of a piece of a longer text
_STRANGE: Final = 0.1  # of the held-out passages, at most, may be strange to the table
_HELD_OUT: Final = 10  # of so many passages one decides what is familiar


@dataclass(frozen=True)
class Told:
    """What a version needs to tell what it understands: files, and options for its manifest.

    Without files and options it answers whatever it is sent.
    """

    files: Mapping[str, bytes]
    options: UnderstandingOptions | None


def fit_understanding(
    groups: Sequence[Sequence[str]], base_rates: Sequence[float] = (), seed: int = 0
) -> Told:
    """A table of characters of texts, as much of each of `groups` as of another.

    There is none of fewer than 20 passages, nor of texts that the table itself would not
    understand: it has no letters but a to z.
    """
    rng = random.Random(seed)
    share = _CHARACTERS // max(len(groups), 1)
    chosen: list[str] = []
    for texts in groups:
        left = share
        for text in rng.sample(list(texts), len(texts)):
            for start in range(0, min(len(text), left), _PASSAGE):
                chosen.append(text[start : start + _PASSAGE])
            left -= len(text)
            if left <= 0:
                break
    rng.shuffle(chosen)
    held_out = chosen[::_HELD_OUT]
    if len(held_out) < 2:
        return Told({}, None)
    learned = [one for place, one in enumerate(chosen) if place % _HELD_OUT]
    table = fit_familiarity(learned, held_out)
    strange = sum(table.understood(one) < THRESHOLD for one in held_out)
    if strange > _STRANGE * len(held_out):
        return Told({}, None)
    options = UnderstandingOptions(threshold=THRESHOLD, base_rates=tuple(base_rates))
    return Told({FAMILIARITY_FILE: table.to_bytes()}, options)
