"""The `features` of a translator's manifest, and its subwords. Knows text and ids; runs nothing."""

from pathlib import Path
from typing import Final, Self

from pydantic import BaseModel, ConfigDict, Field
from tokenizers import Tokenizer

from app.errors import InferenceFailed, ModelRefused
from app.features.text import TOKENIZER_FILE, read_tokenizer, without_half_pairs
from app.tasks.decoding.beam_search import MAX_BEAM_WIDTH
from app.tasks.decoding.options import MAX_NGRAM

PAD, END = range(2)
PAD_TOKEN: Final = "<pad>"
END_TOKEN: Final = "</s>"
SPACE: Final = "\u2581"
"""Begins a piece that begins a word."""
JOINING: Final = ("and", "or", "und", "oder", "et", "ou")

Language = str


def tag(language: Language) -> str:
    """The token that asks for a target language."""
    return f"<2{language}>"


class TranslateFeatures(BaseModel):
    """The `features` of a translator's manifest.

    source: the language of texts. targets: those that it translates into. max_source: tokens of a
    sentence that are read, at most; a longer one is cut. max_length: tokens of its translation, at
    most. beam_width, length_penalty, no_repeat_ngram: defaults for requests.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    source: Language = Field(min_length=2, max_length=16)
    targets: tuple[Language, ...] = Field(min_length=1)
    max_source: int = Field(128, ge=8, le=1024)
    max_length: int = Field(128, ge=1, le=1024)
    beam_width: int = Field(5, ge=1, le=MAX_BEAM_WIDTH)
    length_penalty: float = Field(1.0, ge=0, le=5)
    no_repeat_ngram: int = Field(3, ge=0, le=MAX_NGRAM)


class Subwords:
    """The pieces of words that a translator knows, by id. Any thread may call it.

    What its vocabulary has no piece for is read and written byte by byte, so that nothing is
    unknown.
    """

    def __init__(self, tokenizer: Tokenizer, features: TranslateFeatures) -> None:
        """Takes the tokeniser over.

        Raises:
            ModelRefused: its first tokens are not those of `special_tokens`, or its ids have gaps.
        """
        tokenizer.no_truncation()
        tokenizer.no_padding()
        tokenizer.encode_special_tokens = True  # "</s>" in a text is four characters
        vocabulary = tokenizer.get_vocab(with_added_tokens=True)
        self.pieces: tuple[str, ...] = tuple(sorted(vocabulary, key=vocabulary.__getitem__))
        if sorted(vocabulary.values()) != list(range(len(vocabulary))):
            raise ModelRefused(f"the ids of {TOKENIZER_FILE} have gaps")
        special = special_tokens(features.targets)
        if self.pieces[: len(special)] != special:
            raise ModelRefused(f"{TOKENIZER_FILE} does not begin with {' '.join(special)}")
        self._tokenizer = tokenizer
        self.tags = {language: vocabulary[tag(language)] for language in features.targets}
        self.never = frozenset(range(len(special))) - {END}
        self.inner = frozenset(
            token for token, piece in enumerate(self.pieces) if not piece.startswith(SPACE)
        )
        names = (SPACE + word for word in JOINING)
        self.joining = frozenset(vocabulary[name] for name in names if name in vocabulary)

    @classmethod
    def load(cls, path: Path, features: TranslateFeatures) -> Self:
        """Read a tokenizer.json. Raises ModelRefused saying what is wrong with it."""
        return cls(read_tokenizer(path), features)

    def __len__(self) -> int:
        return len(self.pieces)

    def encode(self, text: str) -> list[int]:
        """The ids of a sentence, without tag and end."""
        try:
            encoded = self._tokenizer.encode(without_half_pairs(text), add_special_tokens=False)
        except BaseException as error:  # a panic of the library is no Exception
            if isinstance(error, KeyboardInterrupt | SystemExit):
                raise
            raise InferenceFailed("the text could not be split into tokens") from error
        ids: list[int] = encoded.ids
        return ids

    def decode(self, ids: tuple[int, ...] | list[int]) -> str:
        """The text of ids."""
        text: str = self._tokenizer.decode(list(ids), skip_special_tokens=True)
        return text

    def source(self, ids: list[int], target: Language) -> list[int]:
        """What the encoder reads: the tag of the target language, the sentence, the end."""
        return [self.tags[target], *ids, END]


def special_tokens(targets: tuple[Language, ...]) -> tuple[str, ...]:
    """The first tokens of a translator's vocabulary, in this order."""
    return (PAD_TOKEN, END_TOKEN, *(tag(language) for language in targets))
