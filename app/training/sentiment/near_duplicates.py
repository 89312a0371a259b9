"""Finds texts that say the same in nearly the same words; knows words, not labels or files."""

import re
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

Words = tuple[str, ...]

_NOISE = re.compile(r"https?://\S+|www\.\S+|@\w+|<[^<>]{1,20}>|&[a-z]+;|[\d_]")
_WORD = re.compile(r"\w+")
_SHINGLE = 3  # words
_OVERLAP = 0.8  # share of the shorter text's shingles
_FEWEST = 3  # shingles of the shorter text; below, the sets of words must be equal


def words_of(text: str) -> Words:
    """The words of a text without case, links, handles, markup, digits and punctuation."""
    return tuple(_WORD.findall(_NOISE.sub(" ", text.lower())))


def text_key(text: str) -> str:
    """Equal for texts with the same set of words; of a text without words, its other characters."""
    return _key(text, words_of(text))


def near_duplicate_groups(texts: Sequence[str]) -> NDArray[np.intp]:
    """For every text (n,), the index of the first text of its group.

    Two texts are in one group if they have the same set of words, or if at least 0.8 of the word
    3-shingles of the one that has fewer (and at least 3) occur in the other: a retweet with a
    remark, a repeated review with another ending. Groups are the connected components of this.
    The shingles are those of Broder (1997), "On the resemblance and containment of documents";
    his containment is computed exactly, not sketched.
    """
    group = _Groups(len(texts))
    same_set: dict[str, int] = {}
    distinct: dict[Words, int] = {}
    for i, text in enumerate(texts):
        words = words_of(text)
        group.join(i, same_set.setdefault(_key(text, words), i))
        distinct.setdefault(words, i)
    at = list(distinct.values())
    for a, b in _overlapping(list(distinct)):
        group.join(at[a], at[b])
    return np.array([group.first(i) for i in range(len(texts))], dtype=np.intp)


def _key(text: str, words: Words) -> str:
    return " ".join(sorted(set(words))) if words else "".join(text.split())


class _Groups:
    """Disjoint sets of 0 to n - 1; the smallest member stands for a set."""

    def __init__(self, n: int) -> None:
        self._above = list(range(n))

    def first(self, i: int) -> int:
        while (above := self._above[i]) != i:
            self._above[i] = i = self._above[above]
        return i

    def join(self, a: int, b: int) -> None:
        low, high = sorted((self.first(a), self.first(b)))
        self._above[high] = low


def _overlapping(texts: Sequence[Words]) -> Iterator[tuple[int, int]]:
    """Pairs of texts with enough shingles in common; every such pair, by prefix filtering.

    Of n shingles at least 0.8 n must be shared, so one of the rarest 0.2 n + 1 is: only texts
    that hold one of these are compared.
    """
    owner, shingle = _shingles(texts)
    sizes = np.bincount(owner, minlength=len(texts))
    frequency = np.bincount(shingle)
    order = np.lexsort((frequency[shingle], owner))  # by text, and there the rarest first
    owner, shingle = owner[order], shingle[order]
    starts = np.concatenate([[0], np.cumsum(sizes)])
    by_shingle = np.argsort(shingle, kind="stable")
    holders = owner[by_shingle]
    at = np.concatenate([[0], np.cumsum(frequency)])
    sets: dict[int, frozenset[int]] = {}

    def shingles_of(i: int) -> frozenset[int]:
        if i not in sets:
            sets[i] = frozenset(shingle[starts[i] : starts[i + 1]].tolist())
        return sets[i]

    for a in np.flatnonzero(sizes >= _FEWEST).tolist():
        needed = int(np.ceil(_OVERLAP * sizes[a]))
        rarest = shingle[starts[a] : starts[a] + sizes[a] - needed + 1]
        candidates = {b for s in rarest.tolist() for b in holders[at[s] : at[s + 1]].tolist()}
        for b in candidates:
            longer = (sizes[b], b) > (sizes[a], a)
            if longer and len(shingles_of(a) & shingles_of(b)) >= needed:
                yield a, b


def _shingles(texts: Sequence[Words]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Owners (pairs,) and shingle numbers (pairs,): each text with each of its shingles once."""
    ids: dict[str, int] = {}
    rows = [np.array([ids.setdefault(w, len(ids)) for w in words], np.int64) for words in texts]
    lengths = np.array([len(row) for row in rows], np.int64)
    tokens = np.concatenate([*rows, np.zeros(_SHINGLE - 1, np.int64)])
    owner = np.repeat(np.arange(len(texts)), lengths)
    start = np.arange(len(owner))
    ends = np.cumsum(lengths)[owner]
    inside = start + _SHINGLE <= ends
    owner, start = owner[inside], start[inside]
    code = np.zeros(len(start), np.int64)
    for step in range(_SHINGLE):  # a number to the base of the vocabulary: no collisions
        code = code * len(ids) + tokens[start + step]
    order = np.argsort(code)  # several times faster than the hash table of np.unique
    new = np.diff(code[order], prepend=-1) != 0
    shingle = np.empty_like(code)
    shingle[order] = np.cumsum(new) - 1
    count = int(new.sum()) or 1
    pairs = np.sort(owner * count + shingle)
    return np.divmod(pairs[np.diff(pairs, prepend=-1) != 0], count)
