"""Fits the units that a language model reads and writes; knows text, no network.

Both kinds are written as one tokenizer.json without normalisation, so that the pieces of a text,
one behind the other, are the text itself.
"""

from collections.abc import Iterable
from typing import Final

from tokenizers import Regex, Tokenizer, models, pre_tokenizers, trainers

from app.tasks.generate.features import BEGIN_TOKEN
from app.training.generate.recipe import Unit

# A word with the blank before it, a run of signs, a run of white space.
_WORDS: Final = r" ?\w+| ?[^\w\s]+|\s+"


def fit_units(text: str, unit: Unit, vocabulary_size: int) -> Tokenizer:
    """The characters of `text`, or pieces of its words by byte-pair encoding (Sennrich et al.
    2016, algorithm 1) that hold all its characters, up to `vocabulary_size` of them."""
    alphabet = sorted(set(text))
    if unit == "character":
        return _tokenizer([BEGIN_TOKEN, *alphabet], [])
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = _splitter()
    trainer = trainers.BpeTrainer(
        vocab_size=max(vocabulary_size, len(alphabet) + 1),
        special_tokens=[BEGIN_TOKEN],
        initial_alphabet=alphabet,
        show_progress=False,
    )
    tokenizer.train_from_iterator(_lines(text), trainer)
    return tokenizer


def _tokenizer(pieces: list[str], merges: list[tuple[str, str]]) -> Tokenizer:
    vocabulary = {piece: index for index, piece in enumerate(pieces)}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=merges))
    # Without it a whole text would be one word, for which the model keeps a table.
    tokenizer.pre_tokenizer = _splitter()
    tokenizer.add_special_tokens([BEGIN_TOKEN])
    return tokenizer


def _splitter() -> pre_tokenizers.PreTokenizer:
    return pre_tokenizers.Split(Regex(_WORDS), "isolated")


def _lines(text: str) -> Iterable[str]:
    return text.splitlines(keepends=True)
