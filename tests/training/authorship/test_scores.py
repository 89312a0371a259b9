"""Figures and calibration of authorship answers, on answers whose truth is known by design."""

import numpy as np
import pytest

from app.tasks.authorship import Calibration
from app.training.authorship.scores import (
    Judged,
    calibrate,
    choose_threshold,
    coverage_table,
    rescale,
    rescale_across,
    score,
)
from app.training.common.scores import expected_calibration_error


def made(count: int, sharpness: float, growth: float, seed: int = 0) -> list[Judged]:
    """Texts whose right logits are (what is given) * sharpness * (length / 1000) ** growth."""
    rng = np.random.default_rng(seed)
    judged = []
    for i in range(count):
        characters = int(rng.choice([250, 500, 1000, 2000, 4000]))
        logits = rng.normal(size=3)
        shares = Calibration(scale=sharpness, growth=growth).probabilities(logits, characters)
        truth = int(rng.choice(3, p=shares))
        given = Calibration().probabilities(logits, characters)
        judged.append(Judged(str(i), truth, given, characters, fold=i % 2))
    return judged


def test_calibration_finds_scale_and_growth() -> None:
    found = calibrate(made(6000, 2.0, 0.5))
    assert found.scale == pytest.approx(2.0, rel=0.1)
    assert found.growth == pytest.approx(0.5, abs=0.1)


def test_calibrated_answers_mean_what_they_say() -> None:
    judged, fresh = made(4000, 0.4, 0.3), made(4000, 0.4, 0.3, seed=1)
    calibration = calibrate(judged)

    def error(answers: list[Judged]) -> float:
        confidence = np.array([one.probabilities.max() for one in answers])
        right = np.array([one.answer == one.truth for one in answers])
        return expected_calibration_error(confidence, right)

    assert error(fresh) > 0.1
    assert error([rescale(one, calibration) for one in fresh]) < 0.04
    assert error(rescale_across(judged, judged)) < 0.04


def test_the_threshold_is_the_lowest_that_is_precise_enough() -> None:
    judged = [Judged("", 0, np.array([p, 1 - p]), 1000) for p in (0.9, 0.9, 0.9, 0.7)]
    judged += [Judged("", 1, np.array([0.7, 0.3]), 1000)]  # sure of the wrong one
    assert choose_threshold(judged, 0.75) == 0.5
    assert choose_threshold(judged, 0.95) == 0.71
    assert choose_threshold([Judged("", 1, np.array([0.9, 0.1]), 9)], 0.95) == 0.99
    assert coverage_table([], [0.5]) == [["0.50", "-", "-"]]
    assert coverage_table(judged, [0.0, 0.8, 0.95]) == [
        ["0.00", "1.000", "0.800"],
        ["0.80", "0.600", "1.000"],
        ["0.95", "0.000", "-"],
    ]


def test_a_row_counts_each_author() -> None:
    shares = np.array([[0.9, 0.1], [0.6, 0.4], [0.2, 0.8]])
    row = score("network", "held out", [0, 1, 1], [0, 0, 1], ("A", "B"), shares)
    assert (row.right, row.count) == (2, 3)
    assert row.by_author == {"A": (1, 1), "B": (1, 2)}
    assert row.macro_recall == 0.75
    assert row.log_loss == pytest.approx(-np.log([0.9, 0.4, 0.8]).mean())
    assert score("svm", "held out", [0], [0], ("A", "B")).to_json()["log_loss"] is None
