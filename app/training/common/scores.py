"""Scores of classifications; knows label numbers and probabilities, not texts or models.

Everywhere `actual` (rows,) and `predicted` (rows,) are class numbers, and `probabilities`
(rows, classes) sum to one in every row. A score of no rows is NaN, never a guess.
"""

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Classes = NDArray[np.intp]

_BINS: Final = 15  # of the calibration error


def accuracy(actual: Classes, predicted: Classes) -> float:
    """Share of the rows that are right, 0 to 1."""
    _same_rows(actual, predicted)
    return float(np.mean(actual == predicted)) if len(actual) else float("nan")


def macro_f1(actual: Classes, predicted: Classes) -> float:
    """Mean of the F1 of each class that was labelled or predicted, 0 to 1.

    F1 is the harmonic mean of precision and recall (van Rijsbergen 1979, "Information
    Retrieval", chapter 7), 0 where a class is never predicted rightly. The mean is over the
    classes, as scikit-learn's `average="macro"`, and not the F1 of mean precision and recall.
    """
    right, labelled, given = _counts(actual, predicted)
    seen = labelled + given > 0
    return _mean(2.0 * right[seen] / (labelled + given)[seen])


def balanced_accuracy(actual: Classes, predicted: Classes) -> float:
    """Mean over the labelled classes of the share that was found, 0 to 1.

    Brodersen et al. (2010), "The balanced accuracy and its posterior distribution", ICPR.
    """
    right, labelled, _ = _counts(actual, predicted)
    seen = labelled > 0
    return _mean(right[seen] / labelled[seen])


def expected_calibration_error(confidence: Array, right: NDArray[np.bool_]) -> float:
    """Mean distance between how sure answers are and how often they are right, 0 to 1.

    `confidence` (rows,) is the probability of each answer, `right` (rows,) whether it was
    right. Rows are sorted by confidence and cut into 15 bins of equal mass (sizes differ by one
    at most); the distances between mean confidence and share of right answers are averaged by
    the size of a bin: Guo et al. (2017), "On calibration of modern neural networks", equation 3.

    Bins of equal mass, as in Nguyen and O'Connor (2015), "Posterior calibration and exploratory
    analysis for natural language processing models", and not of equal width: a good model is
    sure of most answers, so that bins of equal width would put nearly all rows into one bin and
    a few rows into each of the others.

    Rows of equal confidence share one bin: that of the middle one of them, of an even number the
    later of the two in the middle. So the order of the rows does not matter.
    """
    _same_rows(confidence, right)
    if not len(confidence):
        return float("nan")
    order = np.argsort(confidence)
    sizes = [len(part) for part in np.array_split(order, _BINS)]
    bin_of_place = np.repeat(np.arange(_BINS), sizes)  # (rows,)
    levels, level, count = np.unique(confidence, return_inverse=True, return_counts=True)
    middle = count.cumsum() - (count + 1) // 2  # (levels,) places in the order, from 0
    bins = bin_of_place[middle]  # (levels,)
    right_of_level = np.bincount(level, right, len(levels))
    distances = np.bincount(bins, right_of_level - count * levels)  # summed over a bin's rows
    return float(np.abs(distances).sum() / len(confidence))


def calibration_error_by_chance(probabilities: Array, *, seed: int = 0, draws: int = 100) -> float:
    """The calibration error that these very probabilities would have if they were right.

    Bins of few rows are off by chance, always upwards: an error of this size says nothing
    against the probabilities. Its mean over labels that are drawn from them: the consistency
    resampling of Bröcker and Smith (2007), "Increasing the reliability of reliability diagrams".
    """
    rng = np.random.default_rng(seed)
    ends = probabilities.cumsum(axis=1)  # (rows, classes)
    last = probabilities.shape[1] - 1
    confidence, predicted = probabilities.max(axis=1), probabilities.argmax(axis=1)
    errors = []
    for _ in range(draws):
        labels = np.minimum((rng.random((len(ends), 1)) > ends).sum(axis=1), last)
        errors.append(expected_calibration_error(confidence, predicted == labels))
    return _mean(np.array(errors))


def among(probabilities: Array, classes: Classes) -> Array:
    """The probabilities (rows, kept) of some `classes`, given that it is one of them.

    So a three-class answer is seen as negative against positive. A row that gives none of them
    any probability is undecided: all alike.
    """
    kept = probabilities[:, classes]
    total = kept.sum(axis=1, keepdims=True)  # (rows, 1)
    return np.where(total > 0, kept / np.where(total > 0, total, 1.0), 1.0 / len(classes))


def bootstrap_interval(
    score: Callable[[NDArray[np.intp]], float], rows: int, *, seed: int = 0, resamples: int = 1000
) -> tuple[float, float]:
    """95 % interval of a score: its percentiles over rows drawn again with replacement.

    `score` is given indices of rows. Efron and Tibshirani (1993), "An introduction to the
    bootstrap", section 13.3. It tells the chance of the test rows, not that of the training.
    """
    rng = np.random.default_rng(seed)
    drawn = [score(rng.integers(0, rows, rows)) for _ in range(resamples)]
    low, high = np.percentile(drawn, [2.5, 97.5])
    return float(low), float(high)


def _counts(actual: Classes, predicted: Classes) -> tuple[Array, Array, Array]:
    """Per class: rows that are right, labelled so, predicted so."""
    _same_rows(actual, predicted)
    classes = 1 + int(max(actual.max(initial=0), predicted.max(initial=0)))
    right, labelled, given = (
        np.bincount(rows, minlength=classes).astype(np.float64)
        for rows in (actual[actual == predicted], actual, predicted)
    )
    return right, labelled, given


def _same_rows(one: NDArray[np.generic], other: NDArray[np.generic]) -> None:
    if len(one) != len(other):
        raise ValueError(f"{len(one)} labels and {len(other)} predictions")


def _mean(values: Array) -> float:
    return float(values.mean()) if values.size else float("nan")
