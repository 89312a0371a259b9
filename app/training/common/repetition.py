"""How often sequences repeat themselves: what blocking is judged by. Knows words only."""

from collections.abc import Sequence
from typing import Final

_JOINING: Final = frozenset(("and", "or", "und", "oder", "et", "ou", ","))
_LONGEST_PHRASE: Final = 5


def repeats(words: Sequence[str], length: int = 3) -> bool:
    """Whether a phrase of `length` words comes twice, or one before "and" comes again after it."""
    grams = [tuple(words[start : start + length]) for start in range(len(words) - length + 1)]
    if len(set(grams)) < len(grams):
        return True
    return any(
        words[place] in _JOINING
        and size <= place
        and words[place - size : place] == words[place + 1 : place + 1 + size]
        for place in range(len(words))
        for size in range(1, _LONGEST_PHRASE + 1)
    )


def repeating_share(texts: Sequence[Sequence[str]]) -> float:
    """The share of `texts`, in words, that repeat something; 0 to 1."""
    return sum(map(repeats, texts)) / len(texts)
