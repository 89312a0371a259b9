"""Demand that is often zero: its quantiles cover what they say, and are values that can be."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from app.features.calendar import Cycles
from app.features.rare import rare

Array = NDArray[np.float64]
LEVELS = np.array([0.5, 0.8, 0.9, 0.95, 0.99])
DAILY = Cycles(7, 365, "daily")
WEEKLY = Cycles(1, 52, "weekly")


def intermittent(rng: np.random.Generator, n: int) -> Array:
    return np.where(rng.random(n) < 0.17, 1.0 + rng.poisson(2.0, n), 0.0)


def lumpy(rng: np.random.Generator, n: int) -> Array:
    return np.where(rng.random(n) < 0.2, np.ceil(rng.lognormal(1.5, 1.0, n)), 0.0)


def poisson(rng: np.random.Generator, n: int) -> Array:
    return rng.poisson(1.0, n).astype(np.float64)


def spread(rng: np.random.Generator, n: int) -> Array:
    return rng.poisson(rng.gamma(0.5, 4.0, n)).astype(np.float64)


def six(rng: np.random.Generator, n: int) -> Array:
    return rng.poisson(6.0, n).astype(np.float64)


def many(rng: np.random.Generator, n: int) -> Array:
    return rng.poisson(25.0, n).astype(np.float64)


def weekend(rng: np.random.Generator, n: int) -> Array:
    means = np.resize([0.3, 0.3, 0.5, 0.5, 1.0, 3.0, 3.0], n)
    return rng.poisson(means).astype(np.float64)


@pytest.mark.parametrize("make", [intermittent, lumpy, poisson, spread, six, many, weekend])
def test_quantiles_cover_what_they_say(make: Callable[[np.random.Generator, int], Array]) -> None:
    """Of values with a probability of their own a share up to the level may lie below a quantile,
    and from it on at or below: both within three points, over 300 fresh series."""
    rng = np.random.default_rng(7)
    below, within, count = np.zeros(5), np.zeros(5), 0
    for _ in range(300):
        values = make(rng, 134)
        found = rare(values[:120], DAILY if make is weekend else WEEKLY)
        if found is None:
            continue
        quantiles, truth = found.quantiles(LEVELS, 14), values[120:, None]
        below += (truth < quantiles).sum(axis=0)
        within += (truth <= quantiles).sum(axis=0)
        count += len(truth)
    assert count > 300 * 14 * 0.8
    assert (below / count < LEVELS + 0.03).all(), below / count
    assert (within / count > LEVELS - 0.03).all(), within / count


def test_zero_has_a_probability_and_quantiles_are_whole() -> None:
    found = rare(intermittent(np.random.default_rng(0), 200), WEEKLY)
    assert found is not None
    assert found.values[0] == 0.0
    assert found.below[0, 0] == pytest.approx(0.83, abs=0.06)
    quantiles = found.quantiles(np.linspace(0.01, 0.999, 60), 3)
    assert (quantiles == np.rint(quantiles)).all()
    assert (np.diff(quantiles, axis=1) >= 0.0).all()
    assert quantiles[0, -1] > 3.0


def test_the_mean_is_the_expected_value() -> None:
    rng = np.random.default_rng(3)
    found = rare(lumpy(rng, 300), WEEKLY)
    assert found is not None
    draws = found.quantiles(rng.random(40_000), 1)[0]
    assert found.mean(1)[0] == pytest.approx(draws.mean(), rel=0.03)


def test_the_phase_of_the_week_is_learned() -> None:
    found = rare(weekend(np.random.default_rng(1), 280), DAILY)
    assert found is not None
    means = found.mean(14)
    assert means[5] > 4.0 * means[0]
    np.testing.assert_array_equal(means[:7], means[7:])


def test_a_change_of_pace_is_followed() -> None:
    rng = np.random.default_rng(2)
    found = rare(np.concatenate([rng.poisson(0.2, 150), rng.poisson(1.6, 60)]) * 1.0, WEEKLY)
    assert found is not None
    assert found.mean(1)[0] > 1.1


@pytest.mark.parametrize(
    "values",
    [
        np.ones(60),
        np.zeros(60),
        np.array([0.0, 1.0, 0.0]),
        np.arange(60.0) - 3.0,  # negative
        np.random.default_rng(0).poisson(np.linspace(10.0, 40.0, 100)) * 1.0,  # a trend
        np.random.default_rng(0).poisson(np.resize([8.0, 9.0, 30.0], 96)) * 1.0,  # a season
        np.random.default_rng(0).normal(20.0, 9.0, 100).round().clip(1.0),  # more than chance
        np.maximum(np.sin(np.arange(240) * 2 * np.pi / 24), 0.0) * 7.3,  # light by day
    ],
    ids=["ones", "zeros", "few", "negative", "trend", "season", "wide", "light"],
)
def test_other_series_are_not_rare(values: Array) -> None:
    assert rare(values, Cycles(24 if len(values) != 96 else 3, 168, "hourly")) is None


def test_missing_values_and_large_ones_are_no_trouble() -> None:
    rng = np.random.default_rng(4)
    values = intermittent(rng, 100)
    values[rng.random(100) < 0.3] = np.nan
    values[50] = 3e9
    found = rare(values, DAILY)
    assert found is not None
    assert found.quantiles(LEVELS, 5)[0, 0] == 0.0
    assert np.isfinite(found.mean(5)).all()
    amounts = rare(intermittent(rng, 100) * 1.37, DAILY)
    assert amounts is not None
    assert set(amounts.quantiles(LEVELS, 1)[0]) <= set(amounts.values)


@pytest.mark.parametrize(("step", "most"), [(0.0, 1.02), (0.05, 1.048)], ids=["stays", "drifts"])
def test_counts_are_foretold_nearly_as_well_as_by_who_knows_their_rate(
    step: float, most: float
) -> None:
    ours, best = [], []
    for seed in range(4):
        rng = np.random.default_rng(seed)
        for _ in range(100):
            rate = np.exp(np.cumsum(rng.normal(size=116) * step))
            values = rng.poisson(rate).astype(np.float64)
            found = rare(values[:104], WEEKLY)
            if found is None:
                continue
            known = np.quantile(rng.poisson(rate[103], 2000), LEVELS)
            ours.append(loss(found.quantiles(LEVELS, 12), values[104:]))
            best.append(loss(np.tile(known, (12, 1)), values[104:]))
    assert len(ours) > 300
    assert np.mean(ours) < most * np.mean(best)


def loss(quantiles: Array, truth: Array) -> float:
    """Mean quantile loss of (time, levels) at (time,)."""
    above = truth[:, None] - quantiles
    return float(np.maximum(LEVELS * above, (LEVELS - 1.0) * above).mean())
