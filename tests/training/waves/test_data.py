"""The generated series: the textbook's statistics, which need no network to check."""

import numpy as np

from app.training.waves.data import waves


def test_same_seed_same_series() -> None:
    assert np.array_equal(
        waves(np.random.default_rng(7), 3, 60), waves(np.random.default_rng(7), 3, 60)
    )


def test_each_series_is_its_own_and_bounded() -> None:
    series = waves(np.random.default_rng(0), 500, 60)
    assert series.shape == (500, 60)
    assert len(np.unique(series[:, 0])) == 500
    assert np.abs(series).max() <= 0.5 + 0.2 + 0.05


def test_naive_error_is_the_published_one() -> None:
    # 51 steps, the last from the one before: the textbook prints 0.0202
    series = waves(np.random.default_rng(1), 40_000, 51)
    assert abs(np.mean((series[:, -1] - series[:, -2]) ** 2) - 0.0202) < 0.0005


def test_noise_is_the_stated_floor() -> None:
    # neighbours on a very dense axis differ by noise alone, twice its variance
    series = waves(np.random.default_rng(2), 4, 200_000)
    assert abs(np.mean(np.diff(series, axis=1) ** 2) / 2 - 1 / 1200) < 1e-5
