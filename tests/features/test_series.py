"""The numbers that training and serving share: scale, season, imputation, and their inverses."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from app.features.calendar import Cycles
from app.features.seasonal import impute
from app.features.series import (
    CONTEXT_FEATURES,
    FUTURE_FEATURES,
    SeriesOptions,
    Window,
    future,
    prepare,
    restore,
    scale,
)

MONTHLY = Cycles(12, 1, "monthly")
HOURLY = Cycles(24, 168, "hourly")
NONE = Cycles(1, 1, None)
OPTIONS = SeriesOptions(context_length=64)


def seasonal(n: int, period: int, rng: np.random.Generator) -> NDArray[np.float64]:
    t = np.arange(n)
    return 100.0 + 0.3 * t + 20.0 * np.sin(2 * np.pi * t / period) + rng.normal(size=n)


def test_shapes_and_finiteness() -> None:
    window = prepare(seasonal(200, 12, np.random.default_rng(0)), MONTHLY, OPTIONS)
    assert window.context.shape == (64, CONTEXT_FEATURES)
    steps = future(window, 30, 64)
    assert steps.shape == (30, FUTURE_FEATURES)
    assert np.isfinite(window.context).all()
    assert np.isfinite(steps).all()


def test_the_season_is_found_and_continued() -> None:
    values = seasonal(240, 12, np.random.default_rng(1))
    window = prepare(values[:228], MONTHLY, OPTIONS)
    path = restore(window, np.zeros((12, 1)))[:, 0]
    truth = values[228:]
    assert np.abs(path - truth).mean() < 0.4 * np.abs(values[227] - truth).mean()


def test_noise_is_not_taken_for_a_season() -> None:
    rng = np.random.default_rng(2)
    shares = [prepare(50 + rng.normal(size=60), MONTHLY, OPTIONS).static[4] for _ in range(40)]
    assert float(np.mean(shares)) < 0.45


@pytest.mark.parametrize("log", [True, False])
def test_scale_is_the_inverse_of_restore(log: bool) -> None:
    values = seasonal(150, 12, np.random.default_rng(3)) - (0.0 if log else 150.0)
    window = prepare(values[:138], MONTHLY, OPTIONS)
    assert window.log is log
    back = restore(window, scale(window, values[138:])[:, None])[:, 0]
    np.testing.assert_allclose(back, values[138:], rtol=1e-9)


def test_deep_seasons_scale_exactly() -> None:
    t = np.arange(24 * 30)
    values = 20.0 * np.exp(0.9 * np.sin(2 * np.pi * t / 24)) + 0.001 * np.cos(t)
    window = prepare(values[:-48], HOURLY, OPTIONS)
    assert window.log
    scaled = scale(window, values[-48:])
    np.testing.assert_allclose(restore(window, scaled[:, None])[:, 0], values[-48:], rtol=1e-9)
    assert np.abs(scaled).max() < 30
    fallen = scale(window, np.array([20.0, 0.0, -3.0, np.nan]))
    assert fallen[1] == fallen[2] == -20.0
    assert np.isnan(fallen[3])


def test_the_future_of_a_step_does_not_depend_on_the_horizon() -> None:
    window = prepare(seasonal(500, 24, np.random.default_rng(4)), HOURLY, OPTIONS)
    np.testing.assert_array_equal(future(window, 500, 64)[:7], future(window, 7, 64))


@settings(max_examples=40, deadline=None)
@given(
    factor=st.floats(1e-6, 1e6),
    points=st.integers(2, 120),
    seed=st.integers(0, 1000),
)
def test_scaling_a_series_changes_nothing_the_network_sees(
    factor: float, points: int, seed: int
) -> None:
    values = np.exp(np.random.default_rng(seed).normal(size=points) * 0.1) * 7.0
    one = prepare(values, MONTHLY, OPTIONS)
    other = prepare(values * factor, MONTHLY, OPTIONS)
    np.testing.assert_allclose(one.context, other.context, atol=1e-6)
    np.testing.assert_allclose(future(one, 9, 64), future(other, 9, 64), atol=1e-5)


@settings(max_examples=60, deadline=None)
@given(
    values=st.lists(
        st.one_of(st.floats(-1e300, 1e300), st.just(float("nan"))), min_size=2, max_size=60
    ).filter(lambda v: not np.isnan(v).all()),
    cycles=st.sampled_from([MONTHLY, HOURLY, NONE, Cycles(7, 365, "daily")]),
)
def test_any_series_gives_finite_features_and_values(values: list[float], cycles: Cycles) -> None:
    array = np.array(values)
    array = array[np.flatnonzero(~np.isnan(array))[0] :]
    window = prepare(array, cycles, OPTIONS)
    assert np.isfinite(window.context).all()
    assert np.isfinite(future(window, 40, 64)).all()
    assert np.isfinite(restore(window, np.full((40, 3), 5.0))).all()


def test_a_constant_series_stays_what_it_is_and_its_spread_shrinks_with_what_was_seen() -> None:
    for constant in (5.0, 0.0, -3e12):
        window = prepare(np.full(30, constant), MONTHLY, OPTIONS)
        assert window.exact
        assert window.spread == 1 / 32
        np.testing.assert_allclose(restore(window, np.zeros((24, 1))), constant, rtol=1e-12)
    # of zeros nothing tells how far a value would be
    np.testing.assert_array_equal(restore(window_of_zeros(), np.full((24, 1), 3.0)), 0.0)


def window_of_zeros() -> Window:
    return prepare(np.zeros(30), MONTHLY, OPTIONS)


def test_missing_values_are_filled_in_season() -> None:
    t = np.arange(96)
    truth = 10.0 + 5.0 * np.sin(2 * np.pi * t / 12)
    values = truth.copy()
    values[[3, 40, 41, 42, 43, 70, 95]] = np.nan
    filled = impute(values, 12)
    assert not np.isnan(filled).any()
    assert np.abs(filled - truth)[[40, 41, 42, 43, 70]].max() < 1.0
    known = ~np.isnan(values)
    np.testing.assert_array_equal(filled[known], values[known])


def test_without_normalisation_values_pass_through() -> None:
    options = SeriesOptions(context_length=50, memory=50, normalise=False)
    values = np.random.default_rng(5).normal(size=50)
    window = prepare(values, MONTHLY, options)
    np.testing.assert_allclose(np.sinh(2.0 * window.context[:, 0]), values)
    np.testing.assert_array_equal(restore(window, np.array([[1.5], [2.5]]))[:, 0], [1.5, 2.5])


@pytest.mark.filterwarnings("error")
@settings(max_examples=300)
@given(
    st.lists(
        st.sampled_from([1e308, -1e308, 1.79e308, -1.79e308, np.nan, 0.0, 1e-320, 1.0, 3.0, 1e300]),
        min_size=2,
        max_size=40,
    ),
    st.sampled_from([1, 2, 4, 12]),
    st.floats(-1e6, 1e6),
)
def test_nothing_overflows(series: list[float], period: int, answer: float) -> None:
    values = np.array(series)
    known = np.flatnonzero(~np.isnan(values))
    if not len(known):
        return
    window = prepare(values[known[0] :], Cycles(period, 1, None), OPTIONS)
    steps = future(window, 5, 64)
    assert np.isfinite(window.context.astype(np.float32)).all()
    assert np.isfinite(steps.astype(np.float32)).all()
    assert np.isfinite(restore(window, np.full((5, 2), answer))).all()
