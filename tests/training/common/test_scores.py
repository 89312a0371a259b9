"""Scores of classifications: as scikit-learn has them, and by hand where it has none."""

import math
from collections.abc import Callable
from random import Random

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn import metrics

from app.training.common import scores

Pairs = list[tuple[int, int]]
pairs = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=30)


def columns(rows: Pairs) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    actual, predicted = np.array(rows, np.intp).T
    return actual, predicted


@given(pairs)
@settings(deadline=None)
def test_accuracy_and_macro_f1_are_those_of_scikit_learn(rows: Pairs) -> None:
    actual, predicted = columns(rows)
    assert scores.accuracy(actual, predicted) == metrics.accuracy_score(actual, predicted)
    expected = metrics.f1_score(actual, predicted, average="macro", zero_division=0)
    assert scores.macro_f1(actual, predicted) == pytest.approx(expected)


@given(pairs)
@settings(deadline=None)
def test_balanced_accuracy_is_the_macro_recall_of_scikit_learn(rows: Pairs) -> None:
    actual, predicted = columns(rows)
    labelled = np.unique(actual)
    expected = metrics.recall_score(actual, predicted, labels=labelled, average="macro")
    assert scores.balanced_accuracy(actual, predicted) == pytest.approx(expected)


Answers = list[tuple[float, bool]]
# Few different confidences, so that most rows share theirs with others; and any at all.
tied = st.sampled_from([0.4, 0.5, 0.55, 0.9, 1.0])
answers = st.lists(st.tuples(tied | st.floats(0.0, 1.0), st.booleans()), min_size=1, max_size=60)


def calibration_error(rows: Answers) -> float:
    confidence, right = zip(*rows, strict=True)
    return scores.expected_calibration_error(np.array(confidence), np.array(right))


def naive_calibration_error(rows: Answers) -> float:
    """Row by row: 15 bins of equal mass, equal confidences in the bin of their middle row.

    Of an even number of rows the middle one is the later of the two.
    """
    rows = sorted(rows)
    small, larger = divmod(len(rows), 15)
    sizes = [small + 1] * larger + [small] * (15 - larger)
    places = [number for number, size in enumerate(sizes) for _ in range(size)]
    bins: dict[int, Answers] = {}
    for row in rows:
        alike = [place for place, other in enumerate(rows) if other[0] == row[0]]
        bins.setdefault(places[alike[len(alike) // 2]], []).append(row)
    total = 0.0
    for members in bins.values():
        confidence = sum(sure for sure, _ in members) / len(members)
        share = sum(right for _, right in members) / len(members)
        total += len(members) * abs(confidence - share)
    return total / len(rows)


@given(answers)
@example([(0.4, False)] * 12 + [(0.5, True)] * 10)  # twelve rows across bins of two and one
@settings(deadline=None)
def test_the_calibration_error_is_that_of_a_naive_computation(rows: Answers) -> None:
    assert calibration_error(rows) == pytest.approx(naive_calibration_error(rows), abs=1e-12)


@given(answers, st.randoms(use_true_random=False))
@settings(deadline=None)
def test_the_order_of_the_rows_does_not_change_the_calibration_error(
    rows: Answers, random: Random
) -> None:
    shuffled = random.sample(rows, len(rows))
    assert calibration_error(shuffled) == calibration_error(rows)


def test_calibration_error_by_hand() -> None:
    # 30 different confidences in 15 bins of two: in each bin the surer answer is right.
    confidence = np.linspace(0.5, 0.79, 30)
    expected = np.abs(confidence.reshape(15, 2).mean(axis=1) - 0.5).mean()
    right = np.tile([False, True], 15)
    assert scores.expected_calibration_error(confidence, right) == pytest.approx(expected)
    # Fewer rows than bins: each row is a bin of its own.
    few = calibration_error([(0.6, True), (0.7, False), (0.9, True), (1.0, False)])
    assert few == pytest.approx((0.4 + 0.7 + 0.1 + 1.0) / 4)


def test_answers_that_are_equally_sure_are_judged_together() -> None:
    right = np.arange(100) % 5 != 0  # 80 of 100
    assert scores.expected_calibration_error(np.full(100, 0.8), right) == pytest.approx(0.0)
    assert scores.expected_calibration_error(np.full(100, 0.6), right) == pytest.approx(0.2)
    assert scores.expected_calibration_error(np.full(100, 0.6), ~right) == pytest.approx(0.4)


def test_calibration_error_tells_calibrated_from_overconfident() -> None:
    rng = np.random.default_rng(0)
    positive = rng.random(30_000)
    likelier = np.maximum(positive, 1 - positive)
    right = (rng.random(30_000) < positive) == (positive > 0.5)
    sharp = likelier**3 / (likelier**3 + (1 - likelier) ** 3)
    assert scores.expected_calibration_error(likelier, right) < 0.01
    assert scores.expected_calibration_error(sharp, right) > 0.08


def test_even_the_right_probabilities_are_off_by_chance() -> None:
    rng = np.random.default_rng(1)
    positive = rng.random(600)
    right = np.stack([1 - positive, positive], axis=1)
    chance = scores.calibration_error_by_chance(right)
    errors = [
        scores.expected_calibration_error(
            right.max(axis=1), (rng.random(600) < positive) == (positive > 0.5)
        )
        for _ in range(100)
    ]
    assert chance == pytest.approx(float(np.mean(errors)), rel=0.1)
    assert scores.calibration_error_by_chance(np.repeat(right, 40, axis=0)) < chance
    certain = np.tile([0.0, 1.0], (50, 1))
    assert scores.calibration_error_by_chance(certain) == 0.0


def test_a_three_class_answer_seen_as_negative_against_positive() -> None:
    three = np.array([[0.2, 0.7, 0.1], [0.0, 0.5, 0.5], [0.0, 1.0, 0.0]])
    two = scores.among(three, np.array([0, 2]))
    np.testing.assert_allclose(two, np.array([[2 / 3, 1 / 3], [0, 1], [0.5, 0.5]]))


def test_the_bootstrap_interval_holds_what_it_says() -> None:
    """Accuracy over 400 rows, drawn 200 times: about 95 % of the intervals hold the truth."""
    rng = np.random.default_rng(1)
    held = 0
    for seed in range(200):
        right = rng.random(400) < 0.8

        def share(rows: NDArray[np.intp], right: NDArray[np.bool_] = right) -> float:
            return float(right[rows].mean())

        low, high = scores.bootstrap_interval(share, 400, seed=seed, resamples=200)
        held += low <= 0.8 <= high
    assert 178 <= held <= 199


def test_a_seed_repeats_an_interval() -> None:
    def share(rows: NDArray[np.intp]) -> float:
        return float(rows.mean())

    first = scores.bootstrap_interval(share, 50, seed=3)
    assert scores.bootstrap_interval(share, 50, seed=3) == first
    assert scores.bootstrap_interval(share, 50, seed=4) != first


@pytest.mark.parametrize("score", [scores.accuracy, scores.macro_f1, scores.balanced_accuracy])
def test_no_rows_have_no_score_and_lengths_must_agree(
    score: Callable[[NDArray[np.intp], NDArray[np.intp]], float],
) -> None:
    none = np.array([], np.intp)
    assert math.isnan(score(none, none))
    with pytest.raises(ValueError, match="0 labels and 2 predictions"):
        score(none, np.array([0, 1]))


def test_no_rows_have_no_calibration_error() -> None:
    none = np.array([], np.float64)
    assert math.isnan(scores.expected_calibration_error(none, none > 0))
    with pytest.raises(ValueError, match="0 labels and 2 predictions"):
        scores.expected_calibration_error(none, np.array([True, False]))
