"""Which ids would have a sequence repeat itself. Knows ids and where words begin, no words.

Blocking repeated n-grams is from Paulus, Xiong and Socher 2017, "A deep reinforced model for
abstractive summarization", section 2.5. Here n counts words, of one id or several: a long word may
come again, a phrase may not.
"""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Final

# Words of a phrase that is compared with the one before "and", at most.
_LONGEST_PHRASE: Final = 5


@dataclass(frozen=True, slots=True)
class RepetitionOptions:
    """What counts as a repetition."""

    # Words of a phrase that no sequence holds twice; 0 allows everything.
    no_repeat_ngram: int = 0
    # Ids that go on with a word; all others begin one.
    inner: frozenset[int] = frozenset()
    # Ids such as "and": the phrase before one may not follow it.
    joining: frozenset[int] = frozenset()


ALLOWED: Final = RepetitionOptions()


def repeating(ids: Sequence[int], options: RepetitionOptions) -> AbstractSet[int]:
    """The ids that must not follow `ids`, since they begin the last word of a repetition."""
    if not options.no_repeat_ngram or not ids:
        return frozenset()
    starts = [place for place, token in enumerate(ids) if token not in options.inner]
    found = _ngrams(ids, starts, options.no_repeat_ngram - 1)
    for place in starts:
        if ids[place] in options.joining:
            found |= _phrases(ids, starts, place)
    return found


def _ngrams(ids: Sequence[int], starts: Sequence[int], words: int) -> set[int]:
    """The first ids of words that followed the last `words` words before."""
    if words == 0:
        return {ids[place] for place in starts}
    if len(starts) <= words:
        return set()
    tail = tuple(ids[starts[-words] :])
    boundaries = set(starts)
    found = set()
    for start in starts[:-words]:
        after = start + len(tail)
        if after in boundaries and tuple(ids[start:after]) == tail:
            found.add(ids[after])
    return found


def _phrases(ids: Sequence[int], starts: Sequence[int], joint: int) -> set[int]:
    """The first ids of last words that complete "a shirt and a shirt"."""
    said = tuple(ids[joint + 1 :])
    before = [place for place in starts if place < joint]
    if not before:
        return set()
    last = before[-1]  # where the last word of the phrase begins
    return {ids[last] for start in before[-_LONGEST_PHRASE:] if tuple(ids[start:last]) == said}
