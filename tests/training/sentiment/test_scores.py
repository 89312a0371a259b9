"""Scores of classifications: as scikit-learn has them, and by hand where it has none."""

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn import metrics

from app.training.sentiment import scores as text_scores

Pairs = list[tuple[int, int]]
pairs = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=30)


def columns(rows: Pairs) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    actual, predicted = np.array(rows, np.intp).T
    return actual, predicted


@given(pairs)
@settings(deadline=None)
def test_accuracy_and_macro_f1_are_those_of_scikit_learn(rows: Pairs) -> None:
    actual, predicted = columns(rows)
    assert text_scores.accuracy(actual, predicted) == metrics.accuracy_score(actual, predicted)
    expected = metrics.f1_score(actual, predicted, average="macro", zero_division=0)
    assert text_scores.macro_f1(actual, predicted) == pytest.approx(expected)


@given(pairs)
@settings(deadline=None)
def test_balanced_accuracy_is_the_macro_recall_of_scikit_learn(rows: Pairs) -> None:
    actual, predicted = columns(rows)
    labelled = np.unique(actual)
    expected = metrics.recall_score(actual, predicted, labels=labelled, average="macro")
    assert text_scores.balanced_accuracy(actual, predicted) == pytest.approx(expected)


def test_calibration_error_by_hand() -> None:
    probabilities = np.array([[0.6, 0.4], [0.3, 0.7], [0.1, 0.9], [1.0, 0.0]])
    actual = np.array([0, 0, 1, 1])
    # sorted by confidence: 0.6 right, 0.7 wrong | 0.9 right, 1.0 wrong
    by_two = (2 * abs(0.65 - 0.5) + 2 * abs(0.95 - 0.5)) / 4
    assert text_scores.expected_calibration_error(actual, probabilities, 2) == pytest.approx(by_two)
    single = (0.4 + 0.7 + 0.1 + 1.0) / 4
    many = text_scores.expected_calibration_error(actual, probabilities, 15)
    assert many == pytest.approx(single)


def test_rows_that_are_equally_sure_may_come_in_any_order() -> None:
    actual = np.repeat([0, 1], 50)
    probabilities = np.tile([0.6, 0.4], (100, 1))
    assert text_scores.expected_calibration_error(actual, probabilities) == pytest.approx(0.1)


def test_calibration_error_tells_calibrated_from_overconfident() -> None:
    rng = np.random.default_rng(0)
    positive = rng.random(30_000)
    actual = (rng.random(30_000) < positive).astype(np.intp)
    honest = np.stack([1 - positive, positive], axis=1)
    sharp = honest**3 / (honest**3).sum(axis=1, keepdims=True)
    assert text_scores.expected_calibration_error(actual, honest) < 0.01
    assert text_scores.expected_calibration_error(actual, sharp) > 0.08


def test_even_the_right_probabilities_are_off_by_chance() -> None:
    rng = np.random.default_rng(1)
    positive = rng.random(600)
    right = np.stack([1 - positive, positive], axis=1)
    chance = text_scores.calibration_error_by_chance(right)
    errors = [
        text_scores.expected_calibration_error((rng.random(600) < positive).astype(np.intp), right)
        for _ in range(100)
    ]
    assert chance == pytest.approx(float(np.mean(errors)), rel=0.1)
    assert text_scores.calibration_error_by_chance(np.tile(right, (40, 1))) < chance / 3
    certain = np.tile([0.0, 1.0], (50, 1))
    assert text_scores.calibration_error_by_chance(certain) == 0.0


def test_a_three_class_answer_seen_as_negative_against_positive() -> None:
    three = np.array([[0.2, 0.7, 0.1], [0.0, 0.5, 0.5], [0.0, 1.0, 0.0]])
    two = text_scores.among(three, np.array([0, 2]))
    np.testing.assert_allclose(two, np.array([[2 / 3, 1 / 3], [0, 1], [0.5, 0.5]]))


def test_the_bootstrap_interval_holds_what_it_says() -> None:
    """Accuracy over 400 rows, drawn 200 times: about 95 % of the intervals hold the truth."""
    rng = np.random.default_rng(1)
    held = 0
    for seed in range(200):
        right = rng.random(400) < 0.8

        def share(rows: NDArray[np.intp], right: NDArray[np.bool_] = right) -> float:
            return float(right[rows].mean())

        low, high = text_scores.bootstrap_interval(share, 400, seed=seed, resamples=200)
        held += low <= 0.8 <= high
    assert 178 <= held <= 199


def test_a_seed_repeats_an_interval() -> None:
    def share(rows: NDArray[np.intp]) -> float:
        return float(rows.mean())

    first = text_scores.bootstrap_interval(share, 50, seed=3)
    assert text_scores.bootstrap_interval(share, 50, seed=3) == first
    assert text_scores.bootstrap_interval(share, 50, seed=4) != first


@pytest.mark.parametrize(
    "score", [text_scores.accuracy, text_scores.macro_f1, text_scores.balanced_accuracy]
)
def test_no_rows_have_no_score_and_lengths_must_agree(
    score: Callable[[NDArray[np.intp], NDArray[np.intp]], float],
) -> None:
    none = np.array([], np.intp)
    assert math.isnan(score(none, none))
    with pytest.raises(ValueError, match="0 labels and 2 predictions"):
        score(none, np.array([0, 1]))


def test_no_rows_have_no_calibration_error() -> None:
    error = text_scores.expected_calibration_error(np.array([], np.intp), np.zeros((0, 3)))
    assert math.isnan(error)
