"""What the sentiment network learns from: the tokeniser and the encoded texts. Knows no network."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer

from app.training.sentiment.batches import Encoded
from app.training.sentiment.data import Text
from app.training.sentiment.labels import LABELS
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
    if tokenizer_file is not None and tokenizer_file.exists():
        tokenizer = Tokenizer.from_file(str(tokenizer_file))
        return Material(tokenizer, _encode(tokenizer, train), _encode(tokenizer, select))

    def shown() -> list[str]:
        return [
            one.text
            for source, texts in sorted(train.items())
            for one in list(texts) * recipe.shares[source].copies
        ]

    tokenizer = fit_tokenizer(shown(), recipe.vocabulary_size)
    if tokenizer_file is not None:
        tokenizer_file.parent.mkdir(parents=True, exist_ok=True)
        tokenizer.save(str(tokenizer_file))
    return Material(tokenizer, _encode(tokenizer, train), _encode(tokenizer, select))


def with_all(material: Material, texts: Texts) -> Material:
    """The same tokeniser and `texts` to learn; nothing is left to choose from."""
    return Material(material.tokenizer, _encode(material.tokenizer, texts), {})


def _encode(tokenizer: Tokenizer, texts: Texts) -> dict[str, Encoded]:
    return {
        source: Encoded(
            tuple(
                np.array(each.ids, np.int32)
                for each in tokenizer.encode_batch_fast(
                    [one.text for one in several], add_special_tokens=False
                )
            ),
            np.array([LABELS.index(one.label) for one in several], np.int64),
            np.array([one.confidence for one in several], np.float32),
        )
        for source, several in texts.items()
    }
