"""What a network has to beat: two linear machines of scikit-learn. Knows texts and labels only."""

from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import Normalizer, StandardScaler
from sklearn.svm import LinearSVC

from app.features.characters import mask, squeeze

Texts = Sequence[str]
_ANY_WORD: Final = r"(?u)[^\W\d_]+(?:'[^\W\d_]+)*"
FREQUENT_WORDS: Final = 150


def character_ngrams(texts: Texts, labels: Sequence[int], asked: Texts) -> list[int]:
    """TF-IDF of character n-grams (2 to 5) and a linear SVM, balanced."""
    vectors = TfidfVectorizer(analyzer="char", ngram_range=(2, 5), sublinear_tf=True, min_df=2)
    return _answers(
        make_pipeline(vectors, LinearSVC(class_weight="balanced")), texts, labels, asked
    )


def frequent_words(texts: Texts, labels: Sequence[int], asked: Texts) -> list[int]:
    """Rates of the 150 most frequent words, standardised, and a linear SVM, balanced."""
    counts = CountVectorizer(max_features=FREQUENT_WORDS, token_pattern=_ANY_WORD, dtype=np.float64)
    rates = (Normalizer("l1"), StandardScaler(with_mean=False))
    machine = LinearSVC(C=0.01, class_weight="balanced", max_iter=20_000)
    return _answers(make_pipeline(counts, *rates, machine), texts, labels, asked)


BASELINES: Final[dict[str, Callable[[Texts, Sequence[int], Texts], list[int]]]] = {
    "character n-grams, SVM": character_ngrams,
    f"{FREQUENT_WORDS} frequent words, SVM": frequent_words,
}


def cleaned(texts: Texts, masked: Sequence[str]) -> list[str]:
    """The texts as a baseline sees them: as the network does, names masked and all words left."""
    return [mask(squeeze(text)[0], None, frozenset(masked)) for text in texts]


def _answers(pipeline: Any, texts: Texts, labels: Sequence[int], asked: Texts) -> list[int]:
    pipeline.fit(texts, labels)
    return [int(label) for label in pipeline.predict(asked)]
