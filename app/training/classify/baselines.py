"""Linear classifiers that a network of one's own texts is compared with. Knows scikit-learn."""

from collections.abc import Callable
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier
from sklearn.svm import LinearSVC

from app.training.classify.data import Labelled
from app.training.sentiment.baselines import STRENGTHS, ngram_features
from app.training.sentiment.data import Part


def baseline_marks(parts: dict[Part, Labelled]) -> dict[str, NDArray[np.int64]]:
    """What linear classifiers answer to the part report: (texts, labels) of 1 and 0, by method.

    They read TF-IDF of words, pairs of words and 2 to 5 characters, and learn the part train; of
    three strengths the one is taken that is right most often on select. Where a text may have
    several labels there is one classifier a label.
    """
    features = ngram_features()
    train = features.fit_transform(parts["train"].texts)
    select, report = (features.transform(parts[part].texts) for part in ("select", "report"))
    answers = {}
    for method, make in _METHODS.items():
        best, right = None, -1.0
        for strength in STRENGTHS:
            model = make(strength, parts["train"].several).fit(train, parts["train"].classes())
            found = float((model.predict(select) == parts["select"].classes()).mean())
            if found > right:
                best, right = model, found
        assert best is not None
        answers[method] = _marks(best.predict(report), parts["report"])
    return answers


def _marks(predicted: NDArray[np.int64], data: Labelled) -> NDArray[np.int64]:
    if data.several:
        return np.asarray(predicted, np.int64)
    return np.eye(len(data.labels), dtype=np.int64)[predicted]


def _svm(strength: float, several: bool) -> Any:
    """Joachims (1998), "Text categorization with support vector machines"."""
    svm = LinearSVC(C=strength)
    return OneVsRestClassifier(svm) if several else svm


def _logistic(strength: float, several: bool) -> Any:
    # for TF-IDF its penalty is to be weaker than that of the SVM
    regression = LogisticRegression(C=30 * strength, max_iter=200)
    return OneVsRestClassifier(regression) if several else regression


_METHODS: Final[dict[str, Callable[[float, bool], Any]]] = {
    "linear SVM": _svm,
    "logistic regression": _logistic,
}
