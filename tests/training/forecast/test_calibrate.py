"""Stretching quantiles until they hold."""

import numpy as np
import pytest

from app.training.forecast.calibrate import stretch_factors

LEVELS = (0.1, 0.5, 0.9)


def test_too_narrow_quantiles_are_stretched_until_they_cover() -> None:
    rng = np.random.default_rng(0)
    truth = rng.normal(size=(4000, 5)) * 2.0
    narrow = np.tile(np.array([-1.2816, 0.0, 1.2816]), (4000, 5, 1))  # those of a variance of 1
    low, middle, high = stretch_factors(narrow, truth, LEVELS)
    assert middle == 1.0
    assert low == pytest.approx(2.0, abs=0.08)
    assert high == pytest.approx(2.0, abs=0.08)
    covered = ((truth > narrow[..., 0] * low) & (truth < narrow[..., 2] * high)).mean()
    assert covered == pytest.approx(0.8, abs=0.01)


def test_each_side_is_stretched_by_itself_and_unknown_truth_is_passed_over() -> None:
    rng = np.random.default_rng(1)
    truth = np.abs(rng.normal(size=(3000, 2)))
    truth[:, 1] = np.nan
    quantiles = np.tile(np.array([-1.0, 0.0, 1.0]), (3000, 2, 1))
    low, _, high = stretch_factors(quantiles, truth, LEVELS)
    assert low < 0.3
    assert high == pytest.approx(1.645, abs=0.08)


def test_little_evidence_changes_little() -> None:
    truth = np.full((2, 3), 4.0)
    quantiles = np.tile(np.array([-1.0, 0.0, 1.0]), (2, 3, 1))
    _, _, high = stretch_factors(quantiles, truth, LEVELS)
    assert 1.0 < high < 1.2
