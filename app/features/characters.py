"""Text -> the characters that a network reads. Knows scripts, masks and chunks; knows no author.

Where every character stood in the text as it was sent is kept, so that evidence can point there.
"""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

PAD_ID: Final = 0
UNKNOWN_ID: Final = 1
_FIRST_ID: Final = 2

WORD: Final = re.compile(r"[^\W\d_]+(?:['\u2019][^\W\d_]+)*")
_DIGIT: Final = re.compile(r"\d")
# Typesetters differ here, and authors do not: every pair is one character for one character.
_ALIKE: Final = str.maketrans(
    {
        **dict.fromkeys("\u2018\u2019\u201a\u201b\u2032\u00b4`", "'"),
        **dict.fromkeys("\u201c\u201d\u201e\u201f\u2033\u00ab\u00bb", '"'),
        **dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2212", "-"),
    }
)
_BLANK: Final = " "


@dataclass(frozen=True)
class CharacterOptions:
    """How a text is read.

    alphabet: the characters with a number of their own, in order; all others share one.
    kept_words: text distortion (Stamatatos 2017, "Authorship Attribution Using Text Distortion",
    algorithm DV-MA): only these words, in lower case, are left; the letters of every other word
    become `*` and digits become `#`. None leaves texts as they are. masked_words: words that are
    always masked, such as the authors' names; whole words, in any case.
    max_characters: of a longer text only the head is read. chunk_length: at most so many
    characters are read in one piece.
    """

    alphabet: str
    kept_words: tuple[str, ...] | None = None
    masked_words: tuple[str, ...] = ()
    max_characters: int = 200_000
    chunk_length: int = 2_000

    def __post_init__(self) -> None:
        if len(set(self.alphabet)) != len(self.alphabet):
            raise ValueError("a character stands twice in the alphabet")
        if self.max_characters < 1 or self.chunk_length < 1:
            raise ValueError("max_characters and chunk_length must be positive")

    @cached_property
    def kept(self) -> frozenset[str] | None:
        return None if self.kept_words is None else frozenset(self.kept_words)

    @cached_property
    def masked(self) -> frozenset[str]:
        return frozenset(word.lower() for word in self.masked_words)

    @cached_property
    def _sorted(self) -> tuple[NDArray[np.uint32], NDArray[np.int64]]:
        codes = _codes(self.alphabet)
        order = np.argsort(codes)
        return codes[order], order + _FIRST_ID

    def ids(self, text: str) -> NDArray[np.int64]:
        """The id of every character: (characters,)."""
        known, ids = self._sorted
        codes = _codes(text)
        if not len(known):
            return np.full(len(codes), UNKNOWN_ID, dtype=np.int64)
        at = np.minimum(np.searchsorted(known, codes), len(known) - 1)
        return np.where(known[at] == codes, ids[at], UNKNOWN_ID)


@dataclass(frozen=True)
class Characters:
    """A text as it is read: `text`, its `ids` (characters,), and where each of them stood.

    `positions` (characters,) points into the text as it was sent; `truncated` tells whether its
    tail was left out.
    """

    text: str
    ids: NDArray[np.int64] = field(repr=False)
    positions: NDArray[np.int64] = field(repr=False)
    truncated: bool

    def __len__(self) -> int:
        return len(self.ids)


def read(text: str, options: CharacterOptions) -> Characters:
    """Runs of white space become one blank, names and, with distortion, rare words are masked."""
    # Three times as much as is read: the white space of a text is not counted.
    head = text[: 3 * options.max_characters]
    plain, positions = squeeze(head)
    truncated = len(plain) > options.max_characters or len(head) < len(text)
    plain, positions = plain[: options.max_characters], positions[: options.max_characters]
    seen = mask(plain, options.kept, options.masked)
    return Characters(seen, options.ids(seen), positions, truncated)


def squeeze(text: str) -> tuple[str, NDArray[np.int64]]:
    """`text` with every run of white space as one blank, none at its ends, and plain quotes.

    Returns it with the place in `text` of each of its characters: (characters,).
    """
    text = text.translate(_ALIKE)
    spans = [(match.start(), match.end()) for match in re.finditer(r"\S+", text)]
    if not spans:
        return "", np.zeros(0, dtype=np.int64)
    words = _BLANK.join(text[start:end] for start, end in spans)
    starts, ends = np.array(spans, dtype=np.int64).T  # (words,)
    # Every word with the blank after it is a run of consecutive places.
    sizes = ends - starts + 1
    first = np.cumsum(sizes) - sizes
    positions = np.arange(int(sizes.sum()), dtype=np.int64) + np.repeat(starts - first, sizes)
    return words, positions[: len(words)]


def mask(text: str, kept: Collection[str] | None, masked: Collection[str]) -> str:
    """`text`, as long as it was, with letters of words that tell the topic or the name as `*`."""
    if kept is None:
        if not masked:
            return text
        return WORD.sub(lambda m: "*" * len(m[0]) if _name(m[0], masked) else m[0], text)

    def distort(match: re.Match[str]) -> str:
        word = _lower(match[0])
        return word if word in kept and not _name(word, masked) else "*" * len(word)

    return _DIGIT.sub("#", WORD.sub(distort, text))


def _name(word: str, masked: Collection[str]) -> bool:
    """Whether `word` is masked, also with an English genitive behind it."""
    lower = word.lower()
    return lower in masked or (lower.endswith("'s") and lower[:-2] in masked)


def _lower(word: str) -> str:
    """In lower case where that does not change the number of characters (it does in Turkish)."""
    lower = word.lower()
    return lower if len(lower) == len(word) else word


def frequent_words(texts: Sequence[str], count: int, masked: Collection[str]) -> tuple[str, ...]:
    """The `count` most frequent words of `texts` in lower case; ties in alphabetical order."""
    frequencies: dict[str, int] = {}
    for text in texts:
        for match in WORD.finditer(squeeze(text)[0]):
            word = _lower(match[0])
            if not _name(word, masked):
                frequencies[word] = frequencies.get(word, 0) + 1
    ranked = sorted(frequencies, key=lambda word: (-frequencies[word], word))
    return tuple(ranked[:count])


def frequent_characters(texts: Sequence[str], least: int) -> str:
    """The characters that occur at least `least` times in `texts`, most frequent first."""
    codes, counts = np.unique(np.concatenate([_codes(text) for text in texts]), return_counts=True)
    order = np.lexsort((codes, -counts))
    return "".join(chr(codes[i]) for i in order if counts[i] >= least)


def chunk_bounds(length: int, chunk_length: int) -> list[tuple[int, int]]:
    """Cut `length` characters into the fewest pieces of at most `chunk_length`, all alike long."""
    pieces = max(1, -(-length // chunk_length))
    edges = [length * piece // pieces for piece in range(pieces + 1)]
    return list(pairwise(edges))


def _codes(text: str) -> NDArray[np.uint32]:
    """Unicode code points: (characters,). Half of a surrogate pair is one too."""
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
