"""Which recipe of the sentiment network suits one's own texts: sizes by how much there is."""

from typing import Final

from app.training.classify.data import Labelled
from app.training.common.loop import LoopOptions
from app.training.sentiment.ngram_rows import NgramOptions
from app.training.sentiment.recipe import Phase, SentimentRecipe, Share

SOURCE: Final = "own"
"""What the texts are called among the sources of a recipe: there is one."""

_ROWS: Final = 48  # texts in a step, at most
_EPOCHS: Final = 12.0  # how often a text is seen, at most
_MOST_STEPS: Final = 1600
_FEWEST_STEPS: Final = 200
_WARM_UP_ROWS: Final = 32  # pieces of 128 tokens in a step of the warm-up, at most
_WARM_UP_EPOCHS: Final = 12.0
_MOST_WARM_UP_STEPS: Final = 400
_FEWEST_PIECES: Final = 8  # with less text nothing can be learned from guessing tokens
_PIECE_CHARACTERS: Final = 500  # of a piece of 128 tokens
_TABLE: Final = 2**23  # numbers in the table of n-grams, at most: 16 MiB
# N-grams of characters count as much as tokens: short texts of one kind have many rare words. From
# 0.5, 1, 1.5 and 2, on a part of the training tweets.
_CHARACTER_WEIGHT: Final = 1.0
_LARGEST: Final = 2**17  # rows of pairs in it, and of triples


def recipe_for(train: Labelled, *, cell: str, hidden_size: int, seed: int) -> SentimentRecipe:
    """The recipe for these texts: 10,000 short ones take minutes on one core."""
    texts = len(train.texts)
    rows = min(_ROWS, texts)
    steps = _between(_FEWEST_STEPS, _EPOCHS * texts / rows, _MOST_STEPS)
    pieces = sum(map(len, train.texts)) // _PIECE_CHARACTERS
    warm_up_rows = max(1, min(_WARM_UP_ROWS, pieces // 2))
    warm_up = _between(1, _WARM_UP_EPOCHS * pieces / warm_up_rows, _MOST_WARM_UP_STEPS)
    phase = Phase(
        LoopOptions(
            steps=steps,
            learning_rate=1.5e-3,
            weight_decay=0.05,
            averaging=0.995,
            validate_every=max(1, steps // 16),
            patience=6,
            warmup=min(100, steps // 5),
        ),
        token_dropout=0.1,
        embedding_dropout=0.3,
        recurrent_dropout=0.1,
        label_smoothing=0.05,
        max_tokens=640,
    )
    return SentimentRecipe(
        labels=train.labels,
        vocabulary_size=8_000,
        cell=cell,
        embedding_size=128,
        hidden_size=hidden_size,
        shares={SOURCE: Share(rows)},
        ngrams=_ngrams(len(train.labels)),
        warm_up=LoopOptions(
            steps=warm_up,
            learning_rate=3e-3,
            weight_decay=0.0,
            averaging=0.99,
            validate_every=max(1, warm_up // 4),
            warmup=min(50, warm_up // 5),
        ),
        warm_ups=1 if pieces >= _FEWEST_PIECES else 0,
        warm_up_rows=warm_up_rows,
        negatives=256,
        phases=(phase,),
        seed=seed,
    )


def _ngrams(labels: int) -> NgramOptions:
    """Tables that stay small with many labels: a row has a number for each, and two more."""
    rows = min(_LARGEST, 2 ** ((_TABLE // (2 * (labels + 2))).bit_length() - 1))
    return NgramOptions(bigrams=rows, trigrams=rows, character_weight=_CHARACTER_WEIGHT)


def _between(least: int, value: float, most: int) -> int:
    return max(least, min(round(value), most))
