"""Fits the subwords of a translator on training text; knows text, no network.

One vocabulary for all languages, so that names are cut alike on both sides. What is too seldom for
the alphabet is written as its bytes.
"""

import json
from collections.abc import Iterable
from typing import Any, Final

from tokenizers import (
    AddedToken,
    Regex,
    Tokenizer,
    decoders,
    models,
    normalizers,
    pre_tokenizers,
    trainers,
)

from app.tasks.translate.features import SPACE, special_tokens

_ALPHABET: Final = 200  # characters that have a token of their own, at most
_BYTES: Final = tuple(f"<0x{value:02X}>" for value in range(256))


def fit_subwords(texts: Iterable[str], targets: tuple[str, ...], vocabulary_size: int) -> Tokenizer:
    """Byte-pair encoding (Sennrich et al. 2016, algorithm 1) with byte fallback.

    Digits and punctuation are cut off, so that numbers are read digit by digit.

    Raises:
        ValueError: `vocabulary_size` has no room for bytes and the alphabet.
    """
    special = special_tokens(targets)
    room = vocabulary_size - len(special) - len(_BYTES)
    if room < _ALPHABET:
        raise ValueError(f"a vocabulary of {vocabulary_size} has no room for bytes and letters")
    learned = Tokenizer(models.BPE())
    learned.normalizer = _normalizer()
    learned.pre_tokenizer = _pre_tokenizer()
    trainer = trainers.BpeTrainer(vocab_size=room, limit_alphabet=_ALPHABET, show_progress=False)
    learned.train_from_iterator(texts, trainer)
    found: Any = json.loads(learned.to_str())["model"]
    pieces = sorted(found["vocab"], key=found["vocab"].__getitem__)
    vocabulary = {piece: place for place, piece in enumerate((*special, *_BYTES, *pieces))}
    merges = [tuple(pair) for pair in found["merges"]]
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=merges, byte_fallback=True))
    tokenizer.normalizer = _normalizer()
    tokenizer.pre_tokenizer = _pre_tokenizer()
    tokenizer.decoder = decoders.Sequence(
        [
            decoders.Replace(SPACE, " "),
            decoders.ByteFallback(),
            decoders.Fuse(),
            decoders.Strip(" ", 1, 0),
        ]
    )
    tokenizer.add_special_tokens([AddedToken(token, normalized=False) for token in special])
    return tokenizer


def _normalizer() -> normalizers.Normalizer:
    # A no-break space is a space: before a French question mark both are usual. The sign for a
    # space is not itself taken for one.
    return normalizers.Sequence(
        [
            normalizers.NFC(),
            normalizers.Replace(SPACE, "_"),
            normalizers.Replace(Regex(r"\s+"), " "),
            normalizers.Strip(),
        ]
    )


def _pre_tokenizer() -> pre_tokenizers.PreTokenizer:
    return pre_tokenizers.Sequence(
        [
            pre_tokenizers.Metaspace(replacement=SPACE, prepend_scheme="always"),
            pre_tokenizers.Digits(individual_digits=True),
            pre_tokenizers.Punctuation("isolated"),
        ]
    )
