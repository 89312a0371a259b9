"""Plain ways on from a series: right where a series is plain, and finite everywhere."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from app.features.calendar import Cycles
from app.features.series import FUTURE_FEATURES, SeriesOptions, prepare, restore
from app.features.trends import (
    CANDIDATES,
    TREND_FEATURES,
    decoder_inputs,
    fit_level,
    fit_lines,
    trend_table,
)

OPTIONS = SeriesOptions(context_length=64, trends=True)
NONE = Cycles(1, 1, None)
MONTHLY = Cycles(12, 1, "monthly")
T = np.arange(150.0)
SEASON = np.sin(2 * np.pi * T / 12)
LINE, PRODUCT, GROWTH, LEVEL = range(CANDIDATES)


def paths(values: NDArray[np.float64], cycles: Cycles, horizon: int) -> NDArray[np.float64]:
    """(horizon, candidates) in units of the series."""
    window = prepare(values, cycles, OPTIONS)
    return restore(window, trend_table(window, horizon)[:, :CANDIDATES])


@pytest.mark.parametrize(
    ("values", "cycles", "candidate"),
    [
        (50.0 + 2.0 * T, NONE, LINE),
        (400.0 - 2.0 * T, NONE, LINE),
        (50.0 + 2.0 * T - 300.0, NONE, LINE),
        (100.0 * 1.03**T, NONE, GROWTH),
        (5000.0 * 0.97**T, NONE, GROWTH),
        (90.0 + 2.0 * T + 30.0 * SEASON, MONTHLY, LINE),
        ((90.0 + 2.0 * T) * np.exp(0.3 * SEASON), MONTHLY, PRODUCT),
        (100.0 * np.exp(0.02 * T + 0.3 * SEASON), MONTHLY, GROWTH),
        (100.0 + 30.0 * SEASON, MONTHLY, LEVEL),
    ],
)
def test_a_plain_series_is_gone_on_with(
    values: NDArray[np.float64], cycles: Cycles, candidate: int
) -> None:
    past, truth = values[:130], values[130:]
    missed = np.abs(paths(past, cycles, 20)[:, candidate] - truth).mean()
    assert missed < 0.02 * np.abs(truth - past[-1]).mean()


def test_past_errors_tell_the_candidate_that_fits() -> None:
    noise = np.random.default_rng(0).normal(size=150)
    grown = prepare(100.0 * np.exp(0.03 * T + 0.01 * noise), NONE, OPTIONS)
    straight = prepare(50.0 + 2.0 * T + 0.5 * noise, NONE, OPTIONS)
    flat = prepare(50.0 + noise, NONE, OPTIONS)
    for window, best in ((grown, GROWTH), (straight, LINE), (flat, LEVEL)):
        units = trend_table(window, 24)[8:, -CANDIDATES:]
        units[:, PRODUCT] = np.inf  # without a season it is the line
        assert (units.argmin(axis=1) == best).all()


def test_a_single_outlier_moves_little() -> None:
    values = 10.0 + 0.1 * np.random.default_rng(1).normal(size=60)
    values[-5] = 40.0
    assert np.abs(paths(values, NONE, 6)[:, LEVEL] - 10.0).max() < 0.3


def test_lines_are_those_of_least_squares() -> None:
    x = np.random.default_rng(2).normal(size=5).cumsum()  # shorter than the shortest line
    fits = fit_lines(x[None])
    slope, level = np.polyfit(np.arange(5) - 4.0, x, 1)
    np.testing.assert_allclose([fits.slope[0], fits.level[0]], [slope, level], atol=1e-12)
    assert np.isnan(fits.errors[0, -1])


def test_levels_are_means_of_last_points() -> None:
    x = np.concatenate([np.full(40, 3.0), np.full(40, 9.0)])
    assert fit_level(x[None]).level[0] == 9.0


def test_the_table_of_a_step_does_not_depend_on_the_horizon() -> None:
    window = prepare(90.0 + T + 9.0 * SEASON, MONTHLY, OPTIONS)
    long, short = (decoder_inputs(window, h, 64, OPTIONS) for h in (400, 7))
    assert long.shape == (400, FUTURE_FEATURES + TREND_FEATURES)
    np.testing.assert_array_equal(long[:7], short)


def test_without_the_option_there_is_no_table() -> None:
    window = prepare(90.0 + T, MONTHLY, OPTIONS)
    assert decoder_inputs(window, 5, 64, SeriesOptions(64)).shape == (5, FUTURE_FEATURES)


@settings(max_examples=60, deadline=None)
@given(
    values=st.lists(
        st.one_of(st.floats(-1e300, 1e300), st.just(float("nan"))), min_size=1, max_size=60
    ).filter(lambda v: not np.isnan(v).all()),
    cycles=st.sampled_from([MONTHLY, NONE, Cycles(24, 168, "hourly"), Cycles(1, 52, "weekly")]),
)
def test_any_series_has_a_finite_table(values: list[float], cycles: Cycles) -> None:
    array = np.array(values)
    array = array[np.flatnonzero(~np.isnan(array))[0] :]
    assert np.isfinite(trend_table(prepare(array, cycles, OPTIONS), 40)).all()


@settings(max_examples=30, deadline=None)
@given(factor=st.floats(1e-6, 1e6), points=st.integers(2, 120), seed=st.integers(0, 1000))
def test_scaling_a_series_changes_nothing(factor: float, points: int, seed: int) -> None:
    values = np.exp(np.random.default_rng(seed).normal(size=points) * 0.1) * 7.0
    one, other = (prepare(values * f, MONTHLY, OPTIONS) for f in (1.0, factor))
    np.testing.assert_allclose(trend_table(one, 9), trend_table(other, 9), atol=1e-4)
