"""Generated series to train and score on; knows formulas and a random generator, nothing else."""

import numpy as np
from numpy.typing import NDArray

from app.training.waves.recipe import WavesRecipe

Array = NDArray[np.float64]


def waves(rng: np.random.Generator, count: int, steps: int) -> NDArray[np.float64]:
    """`count` fresh series of two sines and uniform noise: (count, steps).

    Each has its own two frequencies and offsets; time runs from 0 to 1 over all `steps`, so
    the number of steps sets how densely a wave is sampled. The noise, of variance 1/1200, is
    the floor of the mean squared error that any forecast can reach.
    """
    f1, f2, o1, o2 = rng.random((4, count, 1))
    t = np.linspace(0.0, 1.0, steps)
    slow = 0.5 * np.sin((t - o1) * (f1 * 10 + 10))  # (count, steps)
    fast = 0.2 * np.sin((t - o2) * (f2 * 20 + 20))
    noise = 0.1 * (rng.random((count, steps)) - 0.5)
    series: NDArray[np.float64] = slow + fast + noise
    return series


def spaced_waves(rng: np.random.Generator, points: NDArray[np.int64], steps: int) -> Array:
    """`waves`, but row i has `points[i]` values from time 0 to 1: (rows, steps).

    So that rows of different spacing share an array, and those of 51 points also show how
    their waves go on for ten steps.
    """
    f1, f2, o1, o2 = rng.random((4, len(points), 1))
    t = np.arange(steps) / (points[:, None] - 1.0)  # (rows, steps)
    slow = 0.5 * np.sin((t - o1) * (f1 * 10 + 10))
    fast = 0.2 * np.sin((t - o2) * (f2 * 20 + 20))
    series: Array = slow + fast + 0.1 * (rng.random(t.shape) - 0.5)
    return series


def draw(rng: np.random.Generator, count: int, recipe: WavesRecipe) -> Array:
    """Fresh series of the recipe's spacings: (count, context_length + horizon)."""
    points = rng.choice(np.array(recipe.points), count)
    return spaced_waves(rng, points, recipe.context_length + recipe.horizon)


_CALENDARS: tuple[tuple[str | None, int], ...] = (
    ("h", 24), ("D", 7), ("W", 1), ("MS", 12), ("QS", 4), ("YS", 1), (None, 1)
)  # fmt: skip


def mixtures(rng: np.random.Generator) -> tuple[NDArray[np.float64], str | None, int]:
    """One series of level, damped trend, a season and noise, as an ETS model would make it:
    values (time,), frequency, season_length. Shocks move level, trend and season (Hyndman et
    al. 2008, Forecasting with Exponential Smoothing, table 2.2); half are multiplicative."""
    frequency, season = _CALENDARS[rng.integers(len(_CALENDARS))]
    steps = int(rng.integers(30, 60 + 10 * season))
    noise = rng.normal(size=steps) * (rng.random(steps) < 0.98) + rng.standard_t(3, steps) * 0.1
    alpha, beta, gamma = rng.beta(1, 2), rng.beta(1, 8) * 0.3, rng.beta(1, 6) * 0.4
    damping = rng.uniform(0.85, 1.0)
    sigma = np.exp(rng.uniform(np.log(0.003), np.log(0.25)))
    level, slope = 0.0, rng.normal() * sigma * 0.3
    shape = rng.normal(size=season) if season > 1 else np.zeros(1)
    shape = (shape - shape.mean()) * sigma * np.exp(rng.uniform(-2.0, 2.5))
    if rng.random() < 0.5 and season > 4:  # smooth shapes are more usual than jagged ones
        harmonics = np.fft.rfft(shape)
        harmonics[4:] = 0.0
        shape = np.fft.irfft(harmonics, season)
    values = np.empty(steps)
    for t in range(steps):
        error = sigma * noise[t]
        values[t] = level + slope + shape[t % season] + error
        level += slope + alpha * error
        slope = damping * slope + beta * error
        shape[t % season] += gamma * error
    if rng.random() < 0.5:
        return np.exp(np.clip(values, -20.0, 20.0)) * 100.0, frequency, season
    return values + rng.normal() * 3.0, frequency, season
