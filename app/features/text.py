"""Turns a text into tokens; knows the tokeniser's file, not what the tokens are read for."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

PAD: Final = "[pad]"
UNKNOWN: Final = "[unk]"

_LONE_SURROGATES: Final = re.compile("[\ud800-\udfff]")
_SPACE: Final = re.compile(r"\s")
_CHARACTERS_PER_TOKEN: Final = 8
_MARGIN: Final = 16  # tokens before a cut that what follows the cut could have changed


@dataclass(frozen=True)
class Tokens:
    """One text as the network reads it.

    ids (time,) int64; offsets (time,) of start and end in the text's characters; how many ids
    are the unknown token; whether tokens were left out at the end.
    """

    ids: NDArray[np.int64]
    offsets: tuple[tuple[int, int], ...]
    unknown: int
    truncated: bool


class TextTokenizer:
    """The tokeniser of one model version; may be used from several threads at once."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        """Raises ValueError unless padding and the unknown token stand where they belong."""
        if [tokenizer.token_to_id(PAD), tokenizer.token_to_id(UNKNOWN)] != [0, 1]:
            raise ValueError(f"the tokeniser must have {PAD} as token 0 and {UNKNOWN} as token 1")
        tokenizer.no_truncation()
        tokenizer.no_padding()
        self._tokenizer = tokenizer

    @classmethod
    def load(cls, file: Path) -> Self:
        """Read a `tokenizer.json`. Raises ValueError if it is none."""
        try:
            tokenizer = Tokenizer.from_str(file.read_text(encoding="utf-8"))
        except Exception as error:  # the library raises nothing narrower
            raise ValueError(f"{file.name} is not a tokeniser: {error}") from error
        return cls(tokenizer)

    def encode(self, text: str, max_tokens: int) -> Tokens:
        """The first `max_tokens` tokens of `text`; of a long text only so much is looked at."""
        # What is no character (half of a pair of surrogates) counts as one that is not known.
        text = _LONE_SURROGATES.sub("\ufffd", text)
        characters = _CHARACTERS_PER_TOKEN * (max_tokens + _MARGIN)
        while True:
            end = _next_space(text, characters)
            found = self._tokenizer.encode(text[:end], add_special_tokens=False)
            if end == len(text) or len(found.ids) >= max_tokens + _MARGIN:
                break
            characters *= 2
        ids = np.array(found.ids[:max_tokens], dtype=np.int64)
        return Tokens(
            ids=ids,
            offsets=_widened(text, found.offsets[:max_tokens]),
            unknown=int((ids == 1).sum()),
            truncated=len(found.ids) > max_tokens,
        )


def _next_space(text: str, at: int) -> int:
    """Where a text may be cut at or after `at` without cutting a word; its end at the latest."""
    space = _SPACE.search(text, at)
    return len(text) if space is None else space.start()


def _widened(text: str, offsets: list[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    """Offsets that begin where the word does: of a link that became one token, only the last
    character is kept by the library."""
    widened = []
    before = 0
    for start, end in offsets:
        while start > before and not text[start - 1].isspace():
            start -= 1
        widened.append((start, end))
        before = end
    return tuple(widened)
