"""Origins, simple methods and scores, against what can be computed in the head."""

import math

import numpy as np
import pytest

from app.errors import InvalidInput
from app.tasks.forecast.backtest import averaged, drift, origins, pairs, score, seasonal_naive


def test_the_last_window_ends_the_series() -> None:
    assert origins(20, 3, 4, 2) == [11, 13, 15, 17]
    assert origins(5, 3, 1, 3) == [2]
    with pytest.raises(InvalidInput, match="need 21 points, and there are 20"):
        origins(20, 3, 9, 2)


def test_drift_goes_on_from_the_last_value() -> None:
    guess = drift(np.array([1.0, 4.0, 3.0, 7.0]), 1, 2)
    assert guess.point.tolist() == [9.0, 11.0]
    errors = np.array([1.0, -3.0, 2.0])
    spread = math.sqrt(float(np.mean(errors**2)))
    assert guess.deviation == pytest.approx([spread * math.sqrt(4 / 3), spread * math.sqrt(10 / 3)])
    assert drift(np.array([3.0]), 1, 2).point.tolist() == [3.0, 3.0]


def test_quantiles_of_a_simple_method_are_normal() -> None:
    guess = seasonal_naive(np.array([1.0, 2.0, 2.0, 4.0]), 2, 3)
    assert guess.point.tolist() == [2.0, 4.0, 2.0]
    low, high = guess.quantiles([0.1, 0.9])
    assert (low + high) / 2 == pytest.approx(guess.point)
    assert high[0] - 2.0 == pytest.approx(1.2815515655 * math.sqrt(2.5))
    assert high[2] - 2.0 == pytest.approx(1.2815515655 * math.sqrt(5.0))


def test_scores_of_one_forecast() -> None:
    actual, known = np.array([2.0, np.nan, 5.0]), np.array([1.0, 2.0, 4.0])
    median, mean = np.array([1.0, 9.0, 5.0]), np.array([3.0, 9.0, 7.0])
    paths = np.array([[0.0, 0.0, 6.0], [1.0, 9.0, 7.0], [3.0, 9.0, 8.0]])
    found = score(actual, known, 1, median, mean, paths, [0.1, 0.5, 0.9])
    assert (found["mae"], found["bias"], found["rmse"]) == (0.5, 1.5, math.sqrt(2.5))
    assert found["mase"] == pytest.approx(0.5 / 1.5)
    assert found["coverage_80"] == 0.5
    assert found["width_80"] == pytest.approx((3 + 9 + 2) / 3 / 1.5)
    assert score(actual * np.nan, known, 1, median, mean, paths, [0.1, 0.5, 0.9])[
        "mae"
    ] == pytest.approx(math.nan, nan_ok=True)


def test_pairs_are_symmetric_levels() -> None:
    assert pairs([0.025, 0.1, 0.3, 0.5, 0.9, 0.975]) == [("95", 0, 5), ("80", 1, 4)]


def test_root_mean_squares_are_averaged_as_such() -> None:
    found = averaged(
        [{"mae": 1.0, "rmse": 1.0}, {"mae": 3.0, "rmse": 7.0}, {"mae": math.nan, "rmse": math.nan}]
    )
    assert found == {"mae": 2.0, "rmse": 5.0}
