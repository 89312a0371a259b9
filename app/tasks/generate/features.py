"""The `features` of a language model, and its units of text. Knows text and ids; runs nothing."""

from pathlib import Path
from typing import Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field
from tokenizers import Tokenizer

from app.errors import InferenceFailed, InvalidInput, ModelRefused
from app.features.text import TOKENIZER_FILE, read_tokenizer

BEGIN: Final = 0
BEGIN_TOKEN: Final = "[begin]"
_SHOWN: Final = 10  # unknown characters that one error names


class GenerateFeatures(BaseModel):
    """The `features` of a language model's manifest.

    unit: what the network reads and writes in one step. max_length: units of a text, at most.
    temperature, top_k, top_p: defaults for requests. initial: what states begin with, by name; 0
    for one that is not named.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    unit: Literal["character", "subword"] = "character"
    max_length: int = Field(2000, ge=1, le=100_000)
    temperature: float = Field(1.0, ge=0, le=10)
    top_k: int | None = Field(None, ge=1)
    top_p: float = Field(1.0, gt=0, le=1)
    initial: dict[str, float] = Field(default_factory=dict)


class Units:
    """The pieces of text that a network knows, by id. Any thread may call it.

    The pieces of a text, one behind the other, are the text.
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        """Takes the tokeniser over.

        Raises:
            ModelRefused: its ids have gaps, the first one is not the beginning, or it changes what
                it reads.
        """
        tokenizer.no_truncation()
        tokenizer.no_padding()
        tokenizer.encode_special_tokens = True  # "[begin]" in a text is seven characters
        vocabulary = tokenizer.get_vocab(with_added_tokens=True)
        pieces = sorted(vocabulary, key=vocabulary.__getitem__)
        if [vocabulary[piece] for piece in pieces] != list(range(len(pieces))):
            raise ModelRefused(f"the ids of {TOKENIZER_FILE} have gaps")
        if not pieces or pieces[BEGIN] != BEGIN_TOKEN:
            raise ModelRefused(f"the first token of {TOKENIZER_FILE} is not {BEGIN_TOKEN}")
        if tokenizer.normalizer is not None:
            raise ModelRefused(f"{TOKENIZER_FILE} changes the text that it reads")
        self._tokenizer = tokenizer
        self.pieces: tuple[str, ...] = ("", *pieces[1:])
        self._alphabet = frozenset(piece for piece in pieces[1:] if len(piece) == 1)

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a tokenizer.json. Raises ModelRefused saying what is wrong with it."""
        return cls(read_tokenizer(path))

    def __len__(self) -> int:
        return len(self.pieces)

    def encode(self, text: str, field: str) -> list[int]:
        """The ids of `text`, which an error calls `field`.

        Raises:
            InvalidInput: there are characters in it that the network does not know.
        """
        unknown = sorted(set(text) - self._alphabet)
        if unknown:
            place = min(text.index(each) for each in unknown)
            names = ", ".join(repr(each) for each in unknown[:_SHOWN])
            more = f" and {len(unknown) - _SHOWN} more" if len(unknown) > _SHOWN else ""
            raise InvalidInput(
                f"the model does not know {names}{more}; the first one is at character {place}",
                field=field,
                allowed=f"text of the {len(self._alphabet)} characters that the model has learned: "
                f"{''.join(sorted(self._alphabet))!r}",
            )
        try:
            ids: list[int] = self._tokenizer.encode(text, add_special_tokens=False).ids
        except BaseException as error:  # a panic of the library is no Exception
            if isinstance(error, KeyboardInterrupt | SystemExit):
                raise
            raise InferenceFailed("the text could not be split into units") from error
        return ids
