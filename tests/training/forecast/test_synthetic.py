"""Generated series: finite, of many kinds, as long as what is asked of them."""

import numpy as np

from app.training.forecast.synthetic import MADE_AHEAD, counts, made_series, shares, trend


def test_series_are_finite_and_long_enough() -> None:
    rng = np.random.default_rng(0)
    made = [made_series(rng) for _ in range(400)]
    assert all(np.isfinite(values).all() for values, _, _ in made)
    assert min(len(values) for values, _, _ in made) >= 2 * MADE_AHEAD
    assert {frequency for _, frequency, _ in made} == {"h", "D", "W", "MS", "QS", "YS", None}


def test_trends_are_of_all_strengths_and_both_ways() -> None:
    rng = np.random.default_rng(1)
    fits = []
    for _ in range(300):
        values, _, _ = trend(rng)
        t = np.arange(len(values))
        fits.append(np.corrcoef(t, values)[0, 1])
    found = np.array(fits)
    assert (found > 0.9).mean() > 0.2
    assert (found < -0.9).mean() > 0.1
    assert (np.abs(found) < 0.5).mean() > 0.03


def test_counts_are_whole_and_shares_are_bounded() -> None:
    rng = np.random.default_rng(2)
    for _ in range(60):
        values, _, _ = counts(rng)
        assert (values == np.rint(values)).all()
        assert values.min() >= 0.0
        part, _, _ = shares(rng)
        assert 0.0 <= part.min() <= part.max() <= 100.0
