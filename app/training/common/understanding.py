"""Fits what tells how much of a text a model understands; knows texts and no labels."""

import random
from collections.abc import Sequence
from typing import Final

from app.features.familiarity import Familiarity, fit_familiarity
from app.tasks.understanding import UnderstandingOptions

THRESHOLD: Final = 0.65
"""Below this share a model abstains. Of sentences in French or Spanish that no table has learned
2 to 3 in a hundred have more, of English ones as short 1 to 2 have less."""
_CHARACTERS: Final = 1_600_000  # that are read for a table
_PASSAGE: Final = 250  # characters of a piece of a longer text
_HELD_OUT: Final = 10  # of so many passages one decides what is familiar


def fit_understanding(groups: Sequence[Sequence[str]], seed: int = 0) -> Familiarity:
    """The table of characters of texts, as much of each of `groups` as of another.

    Raises:
        ValueError: there are too few texts to hold any out.
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
    if len(chosen) < 2 * _HELD_OUT:
        raise ValueError(f"{len(chosen)} passages are too few to tell what is familiar")
    rng.shuffle(chosen)
    held_out = chosen[::_HELD_OUT]
    learned = [one for place, one in enumerate(chosen) if place % _HELD_OUT]
    return fit_familiarity(learned, held_out)


def options(base_rates: Sequence[float] = ()) -> UnderstandingOptions:
    """What stands in a manifest beside the table."""
    return UnderstandingOptions(threshold=THRESHOLD, base_rates=tuple(base_rates))
