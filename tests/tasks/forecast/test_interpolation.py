"""Interpolations of gaps, and whether what is told of their errors is so."""

import numpy as np

from app.tasks.forecast.interpolation import UsualErrors, ways

NAN = np.nan


def holes(values: np.ndarray, *missing: slice) -> np.ndarray:
    found = values.copy()
    for each in missing:
        found[each] = NAN
    return found


def test_every_way_keeps_what_is_known_and_fills_the_rest() -> None:
    rng = np.random.default_rng(0)
    values = holes(rng.normal(size=40), slice(0, 2), slice(10, 14), slice(20, 21), slice(38, 40))
    known = ~np.isnan(values)
    found = ways(values, (6,))
    assert set(found) == {("linear", 1), ("curve", 1), ("seasonal", 6), ("near", 6)}
    for filled in found.values():
        np.testing.assert_array_equal(filled[known], values[known])
        assert not np.isnan(filled).any()


def test_a_line_stays_a_line_and_a_curve_follows_a_parabola() -> None:
    steps = np.arange(12.0)
    line = ways(holes(2.0 * steps, slice(4, 7)), ())
    np.testing.assert_allclose(line["linear", 1], 2.0 * steps)
    np.testing.assert_allclose(line["curve", 1], 2.0 * steps)
    bent = ways(holes(steps**2, slice(4, 7)), ())
    off = {name: np.abs(filled - steps**2).max() for (name, _), filled in bent.items()}
    assert off["curve"] < 0.4 * off["linear"]


def test_a_season_that_changes_is_better_filled_from_nearby() -> None:
    steps = np.arange(96)
    sizes = np.repeat(np.linspace(1.0, 5.0, 12), 8)  # each season larger than the one before
    values = sizes * np.sin(2.0 * np.pi * steps / 8.0)
    found = ways(holes(values, slice(40, 46)), (8,))
    off = {name: np.abs(filled - values).mean() for (name, _), filled in found.items()}
    assert off["near"] < 0.5 * off["seasonal"]
    assert off["seasonal"] < off["linear"]


def test_without_two_whole_seasons_there_is_no_shape() -> None:
    values = holes(np.arange(14.0), slice(3, 4))
    assert set(ways(values, (7,))) == {("linear", 1), ("curve", 1)}


def test_errors_tell_a_smooth_series_from_noise() -> None:
    steps = np.arange(200)
    smooth = UsualErrors(np.sin(steps / 4.0), ()).of(2)
    assert smooth["curve", 1] < 0.3 * smooth["linear", 1]
    noise = UsualErrors(np.random.default_rng(1).normal(size=200), ()).of(2)
    assert noise["linear", 1] < noise["curve", 1]
    # the mean of two values of variance 1 is off by one and a half in variance
    assert 1.0 < noise["linear", 1] < 1.5


def test_longer_gaps_are_filled_worse_and_what_cannot_be_told_is_left_out() -> None:
    walk = np.cumsum(np.random.default_rng(2).normal(size=400))
    errors = UsualErrors(walk, ())
    assert errors.of(1)["linear", 1] < errors.of(4)["linear", 1] < errors.of(16)["linear", 1]
    assert errors.of(5) is errors.of(4)
    assert UsualErrors(np.array([1.0, NAN, 2.0]), ()).of(1) == {}
