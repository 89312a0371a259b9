"""Simple text classifiers to be measured against; knows labelled texts and scikit-learn only.

They are fitted to the `train` part of what they are scored on. Only the strength of the
support vector machine is chosen, on `select`, from three.
"""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from sklearn.dummy import DummyClassifier
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.naive_bayes import MultinomialNB
from sklearn.pipeline import FeatureUnion, make_pipeline, make_union
from sklearn.svm import LinearSVC

from app.training.sentiment.data import HELD_OUT, PARTS, HeldOut, Part, Text, TextSplit
from app.training.sentiment.labels import LABELS, Label

STRENGTHS: Final = (0.1, 0.3, 1.0)


@dataclass(frozen=True)
class Board:
    """Texts that are scored together: those of one source that have one of `labels`.

    `never_learned` says that not even a refit learns those of the part report.
    """

    name: str
    source: str
    labels: tuple[Label, ...]
    never_learned: bool = False

    def of(self, split: TextSplit, part: Part) -> list[Text]:
        return [one for one in split.of(part, self.source) if one.label in self.labels]

    def actual(self, texts: Sequence[Text]) -> NDArray[np.intp]:
        """The number of each text's label (texts,) in `labels`."""
        return np.array([self.labels.index(one.label) for one in texts], dtype=np.intp)


BOARDS: Final = (
    Board("airline", "airline", LABELS),
    Board("airline negative or positive", "airline", ("negative", "positive")),
    Board("sst2", "sst2", ("negative", "positive")),
    Board("imdb", "imdb", ("negative", "positive")),
    Board("plain sentences", "plain", LABELS),
    Board("everyday sentences", "everyday", LABELS, never_learned=True),
)


@dataclass(frozen=True)
class Answers:
    """`predicted` (texts,) numbers of labels, and `probabilities` (texts, labels) or none."""

    predicted: NDArray[np.intp]
    probabilities: NDArray[np.float64] | None


def baseline_answers(
    board: Board, split: TextSplit, method: str, cache: Path | None = None
) -> dict[HeldOut, Answers]:
    """What `method` answers to the texts of the held-out parts.

    `cache` is a folder that keeps answers by everything they depend on.

    Raises:
        ValueError: an unknown method, or no texts to fit.
    """
    if method not in METHODS:
        raise ValueError(f"unknown baseline {method!r}; known: {', '.join(METHODS)}")
    texts = {part: board.of(split, part) for part in PARTS}
    if not texts["train"]:
        raise ValueError(f"{board.name} has no training texts")
    file = cache and cache / f"{_fingerprint(method, texts)}.npz"
    if file and file.is_file():
        return _read(file)
    answers = METHODS[method](board, texts)
    if file:
        file.parent.mkdir(parents=True, exist_ok=True)
        _write(file, answers)
    return answers


def _most_frequent(board: Board, texts: dict[Part, list[Text]]) -> dict[HeldOut, Answers]:
    """The most frequent label, with the shares of the labels as probabilities."""
    return _answers(DummyClassifier(strategy="prior"), board, texts)


def _naive_bayes(board: Board, texts: dict[Part, list[Text]]) -> dict[HeldOut, Answers]:
    """Multinomial naive Bayes over counts of words and pairs of words.

    McCallum and Nigam (1998), "A comparison of event models for naive Bayes text
    classification"; Laplace smoothing.
    """
    model = make_pipeline(CountVectorizer(ngram_range=(1, 2)), MultinomialNB())
    return _answers(model, board, texts)


def ngram_features() -> FeatureUnion:
    """TF-IDF of words, pairs of words and 2 to 5 characters that stand in two texts at least."""
    return make_union(
        TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, min_df=2, dtype=np.float32),
        TfidfVectorizer(
            analyzer="char_wb", ngram_range=(2, 5), sublinear_tf=True, min_df=2, dtype=np.float32
        ),
    )


def _linear_svm(board: Board, texts: dict[Part, list[Text]]) -> dict[HeldOut, Answers]:
    """TF-IDF of words, pairs of words and 2 to 5 characters, and a linear SVM.

    Joachims (1998), "Text categorization with support vector machines". Its scores are no
    probabilities, and none are made of them.
    """
    features = ngram_features()
    train = features.fit_transform([one.text for one in texts["train"]])
    held = {part: features.transform([one.text for one in texts[part]]) for part in HELD_OUT}
    best, right = None, -1.0
    for strength in STRENGTHS:
        model = LinearSVC(C=strength).fit(train, board.actual(texts["train"]))
        found = float(np.mean(model.predict(held["select"]) == board.actual(texts["select"])))
        if found > right:
            best, right = model, found
    assert best is not None
    return {part: Answers(best.predict(rows).astype(np.intp), None) for part, rows in held.items()}


METHODS: Final[dict[str, Callable[[Board, dict[Part, list[Text]]], dict[HeldOut, Answers]]]] = {
    "most frequent": _most_frequent,
    "naive Bayes": _naive_bayes,
    "linear SVM": _linear_svm,
}


def _answers(model: Any, board: Board, texts: dict[Part, list[Text]]) -> dict[HeldOut, Answers]:
    model.fit([one.text for one in texts["train"]], board.actual(texts["train"]))
    answers: dict[HeldOut, Answers] = {}
    for part in HELD_OUT:
        probabilities = np.zeros((len(texts[part]), len(board.labels)))
        probabilities[:, model.classes_] = model.predict_proba([one.text for one in texts[part]])
        answers[part] = Answers(probabilities.argmax(axis=1), probabilities)
    return answers


def _fingerprint(method: str, texts: dict[Part, list[Text]]) -> str:
    rows = [[part, one.text, one.label] for part in texts for one in texts[part]]
    return hashlib.sha256(json.dumps([method, STRENGTHS, rows]).encode()).hexdigest()[:24]


def _write(file: Path, answers: dict[HeldOut, Answers]) -> None:
    arrays: dict[str, NDArray[Any]] = {}
    for part, one in answers.items():
        arrays[f"{part} predicted"] = one.predicted
        if one.probabilities is not None:
            arrays[f"{part} probabilities"] = one.probabilities
    np.savez_compressed(file, **arrays)  # type: ignore[arg-type]


def _read(file: Path) -> dict[HeldOut, Answers]:
    with np.load(file) as kept:
        return {
            part: Answers(kept[f"{part} predicted"], kept.get(f"{part} probabilities"))
            for part in HELD_OUT
        }
