"""A text -> the tokens that a network reads, and where they stood. Knows no label and no network.

What a text goes through (normalisation, words, pieces of words) stands in one tokenizer.json that
was fitted on training text; this module reads it and keeps it within its limits.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from app.errors import InferenceFailed, ModelRefused

TOKENIZER_FILE: Final = "tokenizer.json"
PAD: Final = "[pad]"
UNKNOWN: Final = "[unk]"
PAD_ID: Final = 0
UNKNOWN_ID: Final = 1

# Half a pair is no character, and the tokeniser takes none. One for one, so that places stay.
_HALF_PAIR: Final = re.compile("[\ud800-\udfff]")
_REPLACEMENT: Final = "\ufffd"
# Tried first of a long text, per token that is wanted: twice what usual text takes.
_CHARACTERS_PER_TOKEN: Final = 8
_GROWTH: Final = 4
# What a token is depends on what follows it, but no further than so many words.
_MARGIN_WORDS: Final = 64
# A longer text is worth the hop that lets other threads run meanwhile.
_SHORT: Final = 2_000


@dataclass(frozen=True)
class Span:
    """A token as the network knows it, and `text[start:end]` that it stands for."""

    piece: str
    start: int
    end: int


@dataclass(frozen=True)
class Tokens:
    """What is read of one text: `ids` (time,) int64; `truncated` tells whether that is not all.

    `spans` says, token by token, what each stands for; None where nobody asked.
    """

    ids: NDArray[np.int64]
    truncated: bool
    spans: tuple[Span, ...] | None = None

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def unknown(self) -> int:
        """Tokens that the vocabulary has no name for."""
        return int(np.count_nonzero(self.ids == UNKNOWN_ID))


def said_once(tokens: Tokens, least: int = 3) -> Tokens:
    """The tokens of what a text says again and again, once: no network can drift by its length.

    Only of a text that is nothing but repetitions of `least` tokens or more; its last one may be
    cut off by the limit on tokens. The period is found as in Knuth, Morris and Pratt (1977), "Fast
    Pattern Matching in Strings", section 2, from the borders of the prefixes.
    """
    ids = tokens.ids.tolist()
    borders = [0] * len(ids)
    border = 0
    for place in range(1, len(ids)):
        while border and ids[place] != ids[border]:
            border = borders[border - 1]
        border += ids[place] == ids[border]
        borders[place] = border
    period = len(ids) - border
    whole = len(ids) % period == 0 if period else False
    if period < least or 2 * period > len(ids) or not (whole or tokens.truncated):
        return tokens
    spans = None if tokens.spans is None else tokens.spans[:period]
    return Tokens(tokens.ids[:period], tokens.truncated, spans)


def read_tokenizer(path: Path) -> Tokenizer:
    """Read a tokenizer.json. Raises ModelRefused saying what is wrong with it."""
    try:
        content = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ModelRefused(f"{path.name} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ModelRefused(f"{path.name} is not UTF-8: {error.reason}") from error
    try:
        return Tokenizer.from_str(content)
    except BaseException as error:  # a panic of the library is no Exception
        if isinstance(error, KeyboardInterrupt | SystemExit):
            raise
        reason = (str(error).splitlines() or [type(error).__name__])[0][:300]
        raise ModelRefused(f"{path.name} is no tokeniser: {reason}") from error


def without_half_pairs(text: str) -> str:
    """`text` with U+FFFD for each half of a surrogate pair, which no tokeniser takes."""
    return _HALF_PAIR.sub(_REPLACEMENT, text)


class TextReader:
    """One tokeniser, and how many tokens of a text are read. Any thread may call it.

    Takes any string: scripts that the tokeniser was never shown become unknown tokens, and
    `[pad]` written in a text is five characters and not padding.
    """

    def __init__(self, tokenizer: Tokenizer, max_tokens: int) -> None:
        """Takes the tokeniser over and changes it: it truncates and pads no more.

        Raises ModelRefused if padding and unknown do not have the ids that networks expect.
        """
        if max_tokens < 1:
            raise ValueError(f"max_tokens is {max_tokens}, it must be 1 or more")
        for token, expected in ((PAD, PAD_ID), (UNKNOWN, UNKNOWN_ID)):
            found = tokenizer.token_to_id(token)
            if found != expected:
                raise ModelRefused(f"{token} must be the token {expected}, it is {found}")
        tokenizer.no_truncation()
        tokenizer.no_padding()
        tokenizer.encode_special_tokens = True  # as text, not as what they are called
        self._tokenizer = tokenizer
        # What marks a piece that does not begin a word, for example ##.
        self._prefix: str = getattr(tokenizer.model, "continuing_subword_prefix", None) or ""
        self._max_tokens = max_tokens

    @classmethod
    def load(cls, path: Path, max_tokens: int) -> Self:
        """Read a tokenizer.json. Raises ModelRefused saying what is wrong with it."""
        tokenizer = read_tokenizer(path)
        try:
            return cls(tokenizer, max_tokens)
        except ModelRefused as error:
            raise ModelRefused(f"{path.name}: {error.message}") from error

    def read(self, text: str, *, spans: bool = False) -> Tokens:
        """The first `max_tokens` tokens of `text`, none if nothing of it is left to read.

        They are those of tokenising all of it, but of a long text only as much is tokenised as
        decides about them. Raises InferenceFailed should the tokeniser itself fail.
        """
        size = self._max_tokens * _CHARACTERS_PER_TOKEN + _SHORT
        encoding = self._encode(text[:size])
        while size < len(text) and not self._settled(encoding):
            size *= _GROWTH
            encoding = self._encode(text[:size])
        found = encoding.ids  # a new list each time that it is asked for
        ids = np.array(found[: self._max_tokens], dtype=np.int64)
        return Tokens(
            ids=ids,
            truncated=len(found) > len(ids),
            spans=self._spans(text, encoding, len(ids)) if spans else None,
        )

    def _settled(self, encoding: Any) -> bool:
        """Whether the end of what was tokenised is too far from the last token to change it."""
        words = encoding.word_ids
        return (
            len(words) > self._max_tokens
            and words[-1] - words[self._max_tokens - 1] > _MARGIN_WORDS
        )

    def _encode(self, text: str) -> Any:
        text = without_half_pairs(text)
        try:
            if len(text) <= _SHORT:
                return self._tokenizer.encode(text, add_special_tokens=False)
            # Unlike `encode`, this lets go of the interpreter while it works.
            (encoding,) = self._tokenizer.encode_batch([text], add_special_tokens=False)
            return encoding
        except BaseException as error:  # a panic of the library is no Exception
            if isinstance(error, KeyboardInterrupt | SystemExit):
                raise
            raise InferenceFailed("the text could not be split into tokens") from error

    def _spans(self, text: str, encoding: Any, count: int) -> tuple[Span, ...]:
        """What each of the first `count` tokens stands for.

        Normalisation that puts something in the place of a link or a handle leaves it the offsets
        of the last character that it replaced. Such a token reaches back to where that began: over
        what is not white space and belongs to no other token.
        """
        found = []
        before = 0
        for piece, (start, end) in zip(encoding.tokens[:count], encoding.offsets, strict=False):
            plain = piece.removeprefix(self._prefix)
            if piece != UNKNOWN and text[start:end].casefold() != plain.casefold():
                while start > before and not text[start - 1].isspace():
                    start -= 1
            found.append(Span(piece, start, end))
            before = end
        return tuple(found)
