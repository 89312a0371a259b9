"""Scores against values worked out by hand and against the library of the baselines."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from app.tasks.forecast import scores

KNOWN = np.array([10.0, 20.0, 12.0, 24.0, 14.0, 28.0])
ACTUAL = np.array([10.0, 20.0])
FORECAST = np.array([20.0, 20.0])


def test_smape_by_hand() -> None:
    # 200 * 10 / 30 at the first step, 0 at the second
    assert scores.smape(ACTUAL, FORECAST) == pytest.approx(100 / 3)
    assert scores.smape(np.array([0.0, 5.0]), np.array([0.0, -5.0])) == pytest.approx(100.0)
    assert scores.smape(np.array([1.0]), np.array([0.0])) == 200.0


def test_mase_by_hand() -> None:
    # in-sample seasonal naive errors at season 2: 2 4 2 4, so a scale of 3
    assert scores.naive_scale(KNOWN, 2) == 3.0
    assert scores.mase(ACTUAL, FORECAST, KNOWN, 2) == pytest.approx(5 / 3)
    # and at season 1: 10 8 12 10 14
    assert scores.mase(ACTUAL, FORECAST, KNOWN, 1) == pytest.approx(5 / 10.8)


def test_mase_of_a_short_series_uses_the_naive_scale() -> None:
    assert scores.naive_scale(np.array([1.0, 3.0]), 12) == 2.0


def test_undefined_is_nan_and_not_infinite() -> None:
    assert math.isnan(scores.mase(ACTUAL, FORECAST, np.full(6, 3.0), 1))
    assert math.isnan(scores.smape(np.array([math.nan]), np.array([1.0])))
    assert math.isnan(scores.naive_scale(np.array([1.0]), 1))


def test_missing_values_are_left_out() -> None:
    actual = np.array([10.0, math.nan, 20.0])
    forecast = np.array([20.0, 1e9, 20.0])
    assert scores.smape(actual, forecast) == pytest.approx(100 / 3)
    gaps = np.array([10.0, math.nan, 12.0, 24.0, 14.0, 28.0])
    assert scores.naive_scale(gaps, 2) == pytest.approx((2 + 2 + 4) / 3)
    assert scores.coverage(actual, np.zeros(3), np.array([15.0, 15.0, 15.0])) == 0.5
    assert scores.pinball(actual, forecast[None], [0.5]) == pytest.approx(2.5)


def test_lengths_must_agree() -> None:
    with pytest.raises(ValueError, match="differ"):
        scores.smape(np.ones(3), np.ones(1))


def test_owa_averages_before_it_divides() -> None:
    ours = {"smape": [10.0, 30.0], "mase": [1.0, 2.0]}
    naive2 = {"smape": [20.0, 20.0], "mase": [1.0, 4.0]}
    # sMAPE 20 / 20, MASE 1.5 / 2.5
    assert scores.owa(ours, naive2) == pytest.approx(0.8)
    assert scores.owa(naive2, naive2) == 1.0
    with pytest.raises(ValueError, match="series"):
        scores.owa({"smape": [1.0], "mase": [1.0]}, naive2)


def test_owa_leaves_out_what_has_no_mase() -> None:
    ours = {"smape": [10.0, 10.0], "mase": [math.nan, 1.0]}
    naive2 = {"smape": [20.0, 20.0], "mase": [math.nan, 2.0]}
    assert scores.owa(ours, naive2) == 0.5


def test_intervals_by_hand() -> None:
    lower, upper = np.array([0.0, 21.0]), np.array([10.0, 25.0])
    assert scores.coverage(ACTUAL, lower, upper) == 0.5  # the bounds count as inside
    assert scores.mean_width(lower, upper) == 7.0
    # level 0.1: 0.1 * 10 and 0.9 * 1; level 0.9: 0 and 0.1 * 5
    quantiles = np.stack([lower, upper])  # (levels, time)
    assert scores.pinball(ACTUAL, quantiles, [0.1, 0.9]) == pytest.approx((1 + 0.9 + 0 + 0.5) / 4)


finite = st.floats(-1e6, 1e6, allow_nan=False)


@given(arrays(np.float64, 5, elements=finite), arrays(np.float64, 5, elements=finite))
def test_smape_stays_in_its_range(actual: np.ndarray, forecast: np.ndarray) -> None:
    assert 0.0 <= scores.smape(actual, forecast) <= 200.0 + 1e-9
    assert scores.smape(actual, actual) == 0.0


def test_agrees_with_the_library() -> None:
    losses = pytest.importorskip("utilsforecast.losses")
    pandas = pytest.importorskip("pandas")
    rng = np.random.default_rng(3)
    known, actual, forecast = rng.normal(50, 9, 40), rng.normal(50, 9, 8), rng.normal(50, 9, 8)
    bounds = np.stack([forecast - 4, forecast + 4])
    frame = pandas.DataFrame(
        {"unique_id": "a", "ds": range(8), "y": actual, "f": forecast}
        | {"lo": bounds[0], "hi": bounds[1]}
    )
    train = pandas.DataFrame({"unique_id": "a", "ds": range(40), "y": known})
    # the library's sMAPE is without the factor 2, in shares of 1
    assert scores.smape(actual, forecast) == pytest.approx(200 * losses.smape(frame, ["f"])["f"][0])
    theirs = losses.mase(frame, ["f"], seasonality=12, train_df=train)["f"][0]
    assert scores.mase(actual, forecast, known, 12) == pytest.approx(theirs)
    loss = losses.quantile_loss(frame, {"lo": "lo"}, q=0.1)["lo"][0]
    assert scores.pinball(actual, bounds[:1], [0.1]) == pytest.approx(loss)
