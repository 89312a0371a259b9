"""How much of a text is in the language of other texts, by its characters. Knows no network.

A table tells how surprising each character is after the three before it, in bits. Words whose
neighbourhood surprises little are familiar; the share of the letters in such words is what is
understood. Languages are told apart by n-grams of characters as in Cavnar and Trenkle (1994),
"N-Gram-Based Text Categorization"; here one language is told from all others.
"""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Final, Self
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from app.errors import ModelRefused

FAMILIARITY_FILE: Final = "characters.npz"

_BLANK, _APOSTROPHE, _DIGIT, _SIGN = 0, 27, 28, 29  # 1 to 26 are the letters a to z
_SYMBOLS: Final = 30
_CONTEXT: Final = 3  # characters that the next one is expected from
_STEPS_PER_BIT: Final = 16  # a table's entry is so many times the bits
_MOST_BITS: Final = 255 / _STEPS_PER_BIT
_STRENGTH: Final = 4.0  # how many characters a shorter context counts for beside a longer one
_NEIGHBOURS: Final = 3  # words on each side that help to judge a word
_ADDED: Final = 6.0  # characters that are as usual beside each neighbourhood
# Bits of a character that the table of any language allows. Of few texts, or of texts made from
# templates, hardly any letter is a surprise, and every other text would be; in a script that the
# table has no symbols for every letter is one.
_LIMITS: Final = (3.0, 5.0)
_READ: Final = 20_000  # characters of a text that are looked at

_NAMED: Final = re.compile(r"https?://\S+|www\.\S+|@\w+|<[^<>]{1,20}>|&\w+;")
_ODD_LETTER: Final = re.compile(r"[^\W\d_a-z]")  # of another script, once accents are gone
_ACCENT_BITS: Final = 4.0  # what an accent surprises, whatever the language of the table
_ACCENTS: Final = re.compile(r"(?<=[a-z])[\u0300-\u036f]+")
_ACCENT: Final = "\u0301"  # stands for all of them
_ODD: Final = "\u0436"  # stands for all letters of other scripts
_PLAIN, _ACCENTED, _OTHER = 1, 2, 3  # kinds of letters


@dataclass(frozen=True)
class Familiarity:
    """`bits` (30, 30, 30, 30) uint8: sixteenths of bits of a symbol after three others.

    usual: the mean bits of a character of texts like those of the table; limit: a neighbourhood of
    so many bits a character is as likely familiar as not; width: at `width` bits more or less it
    is so with odds of e to 1.
    """

    bits: NDArray[np.uint8]
    usual: float
    limit: float
    width: float

    def __post_init__(self) -> None:
        shape = (_SYMBOLS,) * (_CONTEXT + 1)
        if self.bits.shape != shape or self.bits.dtype != np.uint8:
            raise ValueError(f"bits are {self.bits.dtype} {self.bits.shape}, not uint8 {shape}")
        scale = np.array([self.usual, self.limit, self.width])
        if not (np.isfinite(scale).all() and (scale > 0).all()):
            raise ValueError(f"usual, limit and width are {scale.tolist()}, not numbers above 0")

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read what `save` wrote. Raises ModelRefused saying what is wrong with it."""
        try:
            # from memory: of a damaged file NumPy would leave the handle open
            with np.load(BytesIO(path.read_bytes()), allow_pickle=False) as arrays:
                return cls(arrays["bits"], *arrays["scale"].tolist())
        except (OSError, KeyError, ValueError, TypeError, EOFError, BadZipFile) as error:
            raise ModelRefused(f"{path.name} is no table of characters: {error}") from error

    def to_bytes(self) -> bytes:
        """The file that `load` reads."""
        content = BytesIO()
        scale = np.array([self.usual, self.limit, self.width])
        np.savez_compressed(content, bits=self.bits, scale=scale)
        return content.getvalue()

    def understood(self, text: str) -> float:
        """The share of the letters of `text` that stand in familiar words, 0 to 1.

        Links, handles and markup do not count; a text without letters is not understood at all.
        """
        found, letters = neighbourhoods(self.bits, text, self.usual)
        if not letters.sum():
            return 0.0
        # the odds of a neighbourhood, kept from overflowing
        odds = np.clip((self.limit - found) / self.width, -50.0, 50.0)
        return float(letters @ (1.0 / (1.0 + np.exp(-odds))) / letters.sum())


def neighbourhoods(
    bits: NDArray[np.uint8], text: str, usual: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Of each word of `text` the mean bits of a character of it and its neighbours, (words,), and
    how many letters it has. Some characters of `usual` bits are added: of two words nobody can be
    sure."""
    symbols, letters = _symbols(text)
    surprise = bits.reshape(-1)[_places(symbols)] / _STEPS_PER_BIT  # (characters,)
    if letters.max(initial=0) > _PLAIN:
        # Nothing is familiar about a letter of a script that the table has no symbols for.
        surprise = np.where(letters == _OTHER, _MOST_BITS, surprise)
        surprise = np.where(letters == _ACCENTED, surprise + _ACCENT_BITS, surprise)
    is_letter = letters > 0
    begins = is_letter.copy()
    begins[1:] &= ~is_letter[:-1]
    # (characters,), the blank behind a word belongs to it; what stands before the first to none
    word = np.cumsum(begins)
    count = int(word[-1]) + 1
    # Signs and digits say nothing of a language.
    counted = is_letter | (symbols == _BLANK) | (symbols == _APOSTROPHE)
    total = np.bincount(word, surprise * counted, count)[1:].astype(np.float64)
    length = np.bincount(word, counted, count)[1:].astype(np.float64)
    letter_count = np.bincount(word, is_letter, count)[1:].astype(np.float64)
    total, length = _smoothed(total) + _ADDED * usual, _smoothed(length) + _ADDED
    return total / length, letter_count


def _places(symbols: NDArray[np.int64]) -> NDArray[np.int64]:
    """Where the table has each symbol behind the three before it, blanks before the first:
    (characters,) -> (characters,)."""
    places = symbols.copy()
    for back in range(1, _CONTEXT + 1):
        places[back:] += symbols[:-back] * _SYMBOLS**back
    return places


def _smoothed(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The sums of each word's value, twice, and its neighbours': (words,) -> (words,)."""
    if not len(values):
        return values
    ones = np.ones(2 * _NEIGHBOURS + 1)
    return values + np.convolve(values, ones, mode="full")[_NEIGHBOURS:-_NEIGHBOURS]


def _symbols(text: str) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The symbols of a text (characters,), and what kind of letter each is, 0 for none."""
    plain = _NAMED.sub(" ", text[:_READ])
    if plain.isascii():  # as most are, and the same much sooner
        plain = " ".join(plain.lower().split()) + " "
        ascii_codes = np.frombuffer(plain.encode("ascii"), np.uint8)
        return _ASCII_SYMBOLS[ascii_codes], _ASCII_KINDS[ascii_codes]
    plain = unicodedata.normalize("NFKD", plain).casefold().replace("\u2019", "'")
    plain = _ACCENTS.sub(_ACCENT, plain)
    plain = "".join(c for c in plain if not unicodedata.combining(c) or c == _ACCENT)
    plain = " ".join(_ODD_LETTER.sub(_ODD, plain).split()) + " "
    codes = np.frombuffer(plain.encode("utf-32-le", "surrogatepass"), np.uint32).astype(np.int64)
    accents = codes == ord(_ACCENT)
    accented = np.concatenate([accents[1:], [False]])[~accents]
    codes = codes[~accents]
    symbols = _symbols_of(codes)
    latin = (symbols > _BLANK) & (symbols < _APOSTROPHE)
    kinds = np.where(latin, np.where(accented, _ACCENTED, _PLAIN), 0)
    return symbols, np.where(codes == ord(_ODD), _OTHER, kinds)


def _symbols_of(codes: NDArray[np.int64]) -> NDArray[np.int64]:
    """Code points in lower case and without accents -> symbols: (characters,)."""
    latin = (codes >= ord("a")) & (codes <= ord("z"))
    symbols = np.full(len(codes), _SIGN)
    symbols[latin] = codes[latin] - ord("a") + 1
    symbols[codes == ord(" ")] = _BLANK
    symbols[codes == ord("'")] = _APOSTROPHE
    symbols[(codes >= ord("0")) & (codes <= ord("9"))] = _DIGIT
    return symbols


_ASCII_SYMBOLS: Final = _symbols_of(np.arange(128))
_ASCII_KINDS: Final = np.where((_ASCII_SYMBOLS > 0) & (_ASCII_SYMBOLS < _APOSTROPHE), _PLAIN, 0)


def fit_familiarity(
    texts: Iterable[str], held_out: Iterable[str], *, share: float = 0.015, width: float = 0.15
) -> Familiarity:
    """The table of `texts`, and the limit past which `share` of the words of `held_out` lie, if it
    is one of running text.

    Counts are smoothed by those of shorter contexts: MacKay and Peto (1995), "A hierarchical
    Dirichlet language model", eq. 12, with one strength for all.
    """
    places = [_places(_symbols(text)[0]) for text in texts]
    counts = np.bincount(np.concatenate(places), minlength=_SYMBOLS ** (_CONTEXT + 1))
    seen = counts.reshape((_SYMBOLS,) * (_CONTEXT + 1)).astype(np.float64)
    chances = np.full(_SYMBOLS, 1.0 / _SYMBOLS)
    for order in range(_CONTEXT + 1):
        known = seen.sum(axis=tuple(range(_CONTEXT - order)))  # (symbols,) * (order + 1)
        whole = known.sum(axis=-1, keepdims=True)
        chances = (known + _STRENGTH * chances) / (whole + _STRENGTH)
    steps = np.round(-np.log2(chances) * _STEPS_PER_BIT)
    bits = np.clip(steps, 0, 255).astype(np.uint8)
    usual = float((seen * bits).sum() / seen.sum()) / _STEPS_PER_BIT
    found = np.concatenate([neighbourhoods(bits, text, usual)[0] for text in held_out])
    limit = float(np.clip(np.quantile(found, 1.0 - share), *_LIMITS))
    return Familiarity(bits, usual, limit, width)
