"""Generated series of many kinds, as machines and people make them. Knows formulas, no files."""

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from app.training.waves.data import mixtures

Array = NDArray[np.float64]
Made = tuple[Array, int]  # values (time,) and the season's length, 1 if there is none


def generated(seed: int, count: int, steps: int) -> list[Made]:
    """`count` series of up to `steps` values, NaN where missing: of every kind about as many."""
    rng = np.random.default_rng(seed)
    found = []
    for index in range(count):
        values, season = _KINDS[index % len(_KINDS)](rng, steps)
        values = _disturbed(rng, values)
        if rng.random() < 0.5:
            values = np.round(values, int(rng.integers(0, 3)))
        scale = 10.0 ** rng.uniform(-3, 6)
        sign = 1.0 if rng.random() < 0.8 else -1.0
        found.append((sign * scale * values, season))
    return found


def _mixture(rng: np.random.Generator, steps: int) -> Made:
    values, _, season = mixtures(rng)
    return values[:steps], season


def _day(rng: np.random.Generator, steps: int) -> Made:
    """A daily course of a machine: a smooth or square shape, noise that may follow the level."""
    season = int(rng.choice([24, 48, 96, 144, 288]))
    t = np.arange(steps)
    phase = 2 * np.pi * (t + rng.integers(season)) / season
    shape = np.sin(phase) + rng.normal() * 0.4 * np.sin(2 * phase + rng.uniform(0, 6))
    if rng.random() < 0.4:
        shape = np.where(shape > rng.uniform(-0.5, 0.5), 1.0, -1.0)
    if rng.random() < 0.3:  # weekends
        shape = shape * np.where(t // season % 7 > 4, rng.uniform(0.2, 1.0), 1.0)
    spread = np.exp(rng.uniform(np.log(0.01), np.log(0.6)))
    noise = rng.normal(size=steps) * (1.0 + (rng.random() < 0.5) * shape.clip(-0.9, 3.0))
    values = 3.0 + shape + spread * noise
    return (np.exp(values - 3.0) if rng.random() < 0.3 else values), season


def _correlated(rng: np.random.Generator, steps: int) -> Made:
    """An autoregression of order 2, also close to a random walk."""
    first, second = rng.uniform(0, 0.995), rng.uniform(-0.5, 0.3)
    heavy = rng.random() < 0.5
    noise = rng.standard_t(3, steps) if heavy else rng.normal(size=steps)
    values = np.zeros(steps)
    for t in range(2, steps):
        values[t] = first * values[t - 1] + second * (values[t - 2] - values[t - 1]) + noise[t]
    return values + rng.normal() * 20, 1


def _walk(rng: np.random.Generator, steps: int) -> Made:
    noise = rng.standard_t(4, steps) * np.exp(0.5 * np.cumsum(rng.normal(size=steps) * 0.05))
    return 100.0 + np.cumsum(noise + rng.normal() * 0.1), 1


def _idle(rng: np.random.Generator, steps: int) -> Made:
    """Mostly at one level, with bursts and spikes: a load, a queue, a click rate."""
    values = np.abs(rng.normal(size=steps)) * np.exp(rng.uniform(-4, -1)) + rng.uniform(0, 2)
    for _ in range(int(rng.integers(1, steps // 20 + 2))):
        at, long = int(rng.integers(steps)), int(rng.geometric(rng.uniform(0.05, 0.9)))
        values[at : at + long] += rng.gamma(1.0, 2.0)
    return values, 1


def _counts(rng: np.random.Generator, steps: int) -> Made:
    """Counts, with days or without, many or few a step."""
    season = int(rng.choice([1, 7, 24, 96, 288]))
    t = np.arange(steps)
    course = 1.0 + rng.uniform(0, 0.95) * np.sin(2 * np.pi * t / max(season, 2)) * (season > 1)
    rate = np.exp(rng.uniform(-2, 4)) * course
    mixed = rate * rng.gamma(rng.uniform(0.5, 5.0), size=steps)
    return rng.poisson(mixed).astype(np.float64), season


def _levels(rng: np.random.Generator, steps: int) -> Made:
    """A level that jumps now and then, and its noise with it; also no noise at all."""
    values = np.zeros(steps)
    at = 0
    while at < steps:
        long = int(rng.geometric(1.0 / rng.uniform(20, 400)))
        spread = np.exp(rng.uniform(-6, 0)) * (rng.random() < 0.85)
        values[at : at + long] = rng.normal() * 3 + spread * rng.normal(size=min(long, steps - at))
        at += long
    return values, 1


def _counter(rng: np.random.Generator, steps: int) -> Made:
    """A counter that only rises, evenly or by chance; some begin again."""
    rises = rng.poisson(np.exp(rng.uniform(-1, 4)), steps) if rng.random() < 0.7 else np.ones(steps)
    values = np.cumsum(rises).astype(np.float64)
    if rng.random() < 0.3:
        values = values % (values[-1] / rng.uniform(1, 6) + 1)
    return values, 1


def _few(rng: np.random.Generator, steps: int) -> Made:
    """A few values in turn, or by chance."""
    count = int(rng.integers(1, 5))
    kinds = rng.normal(size=count) * 3
    if rng.random() < 0.5:
        return kinds[np.arange(steps) % count], count
    stays = rng.random(steps) < rng.uniform(0.5, 0.99)
    picked = rng.integers(count, size=steps)
    for t in range(1, steps):
        picked[t] = picked[t - 1] if stays[t] else picked[t]
    return kinds[picked], 1


_KINDS: Final[tuple[Callable[[np.random.Generator, int], Made], ...]] = (
    _mixture, _day, _correlated, _idle, _counts, _day, _levels, _walk, _mixture, _counter, _few,
)  # fmt: skip


def _disturbed(rng: np.random.Generator, values: Array) -> Array:
    """The same with an outlier, a lasting shift, a quiet part or missing runs, now and then."""
    values, steps = values.copy(), len(values)
    spread = float(np.abs(np.diff(values)).mean()) + 1e-6
    if rng.random() < 0.4:
        for at in rng.integers(steps, size=int(rng.integers(1, 6))):
            values[at] += rng.standard_t(2) * 10 * spread
    if rng.random() < 0.2:
        values[int(rng.integers(steps)) :] += rng.normal() * 15 * spread
    if rng.random() < 0.1:
        at = int(rng.integers(steps))
        values[at : at + steps // 8] = values[at]
    if rng.random() < 0.3:
        values[rng.random(steps) < rng.uniform(0, 0.2)] = np.nan
    if rng.random() < 0.1:
        at = int(rng.integers(steps))
        values[at : at + int(rng.integers(1, 60))] = np.nan
    return values
