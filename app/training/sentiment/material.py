"""What the sentiment network learns from: the tokeniser and the encoded texts. Knows no network."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer

from app.training.sentiment.batches import Encoded, Ids
from app.training.sentiment.data import Text
from app.training.sentiment.recipe import SentimentRecipe
from app.training.sentiment.tokenizer import fit_tokenizer

Texts = Mapping[str, Sequence[Text]]
"""Of every source its texts."""


@dataclass(frozen=True)
class Material:
    """What training reads: the tokeniser and, per source, tokens to learn and to choose from."""

    tokenizer: Tokenizer
    train: Mapping[str, Encoded]
    select: Mapping[str, Encoded]


def build_material(
    train: Texts, select: Texts, recipe: SentimentRecipe, tokenizer_file: Path | None = None
) -> Material:
    """Fit the tokeniser on `train` alone and encode both.

    With `tokenizer_file` it is written there, and read from there if that was done already: a
    checkpoint of a network means nothing without the tokens that it was trained on.
    """

    def shown() -> list[str]:
        return [
            one.text
            for source, texts in sorted(train.items())
            for one in list(texts) * recipe.shares[source].copies
        ]

    tokenizer = tokenizer_for(shown, recipe.vocabulary_size, tokenizer_file)
    return Material(
        tokenizer,
        _encode(tokenizer, train, recipe.labels),
        _encode(tokenizer, select, recipe.labels),
    )


def tokenizer_for(
    shown: Callable[[], Iterable[str]], vocabulary_size: int, file: Path | None
) -> Tokenizer:
    """The tokeniser in `file`; where there is none it is fitted on `shown()` and written there."""
    if file is not None and file.exists():
        return Tokenizer.from_file(str(file))
    tokenizer = fit_tokenizer(shown(), vocabulary_size)
    if file is not None:
        file.parent.mkdir(parents=True, exist_ok=True)
        tokenizer.save(str(file))
    return tokenizer


def with_all(material: Material, texts: Texts, labels: Sequence[str]) -> Material:
    """The same tokeniser and `texts` to learn; nothing is left to choose from."""
    return Material(material.tokenizer, _encode(material.tokenizer, texts, labels), {})


def token_ids(tokenizer: Tokenizer, texts: Sequence[str]) -> tuple[Ids, ...]:
    """The tokens of each text (tokens,)."""
    found = tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)
    return tuple(np.array(each.ids, np.int32) for each in found)


def _encode(tokenizer: Tokenizer, texts: Texts, labels: Sequence[str]) -> dict[str, Encoded]:
    return {
        source: Encoded(
            token_ids(tokenizer, [one.text for one in several]),
            np.array([labels.index(one.label) for one in several], np.int64),
            np.array([one.confidence for one in several], np.float32),
        )
        for source, several in texts.items()
    }
