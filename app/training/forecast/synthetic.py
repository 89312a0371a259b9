"""Generated series of the kinds that competitions lack; knows formulas and a random generator.

Deterministic, damped and exponential trends of all strengths, with and without seasons; counts;
bounded shares; level shifts and outliers. `app.training.waves.data.mixtures` makes the rest:
series whose level, trend and season are moved by shocks.
"""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Made = tuple[Array, str | None, int]
"""values (time,), frequency, season_length"""

MADE_AHEAD = 24  # last points of a series that only choose and are not learned
# (frequency, season, long season), how often
_CALENDARS: tuple[tuple[str | None, int, int], ...] = (
    ("h", 24, 168), ("D", 7, 365), ("W", 1, 52), ("MS", 12, 1), ("QS", 4, 1), ("YS", 1, 1),
    (None, 1, 1), (None, 12, 1),
)  # fmt: skip
_OFTEN = np.array([3.0, 3.0, 3.0, 4.0, 1.5, 1.0, 1.5, 1.0])


def made_series(rng: np.random.Generator) -> Made:
    """One series of a random kind; what follows in it is as long as what may be asked for."""
    kind = rng.choice(4, p=[0.74, 0.1, 0.08, 0.08])
    return (trend, counts, shares, shifts)[int(kind)](rng)


def trend(rng: np.random.Generator) -> Made:
    """A straight, damped or exponential trend, perhaps with a season, under noise.

    The noise is independent, or partly carried on from step to step; its size goes from next to
    nothing to as much as the trend moves in many steps.
    """
    frequency, season, long = _calendar(rng)
    steps = _length(rng, season)
    t = np.arange(steps, dtype=np.float64)
    shape = _season(rng, t, season, long)
    noise = _noise(rng, steps)
    kind = rng.random()
    sign = -1.0 if rng.random() < 0.4 else 1.0
    if kind < 0.38:  # exponential: all of it is multiplicative
        whole = sign * np.exp(rng.uniform(np.log(0.2), np.log(8.0)))  # log of the growth in all
        whole = float(np.clip(whole, -4.0, 8.0))
        rate = np.clip(whole / steps, -0.1, 0.15)
        size = abs(rate) * np.exp(rng.uniform(-3.0, 2.5))
        logs = rate * t + _strength(rng, abs(rate) * season) * shape + min(size, 0.3) * noise
        return _scale(rng) * np.exp(np.clip(logs, -30.0, 30.0)), frequency, season
    slope = 1.0
    path = slope * t
    if kind < 0.5:  # damped
        damping = np.exp(-1.0 / (steps * rng.uniform(0.1, 1.0)))
        path = np.cumsum(damping**t)
    if kind > 0.9:  # one turn
        turn = rng.integers(steps // 5, max(4 * steps // 5, steps // 5 + 1))
        path = path + rng.normal() * np.maximum(t - turn, 0.0)
    size = np.exp(rng.uniform(-3.5, 2.5))
    strength = _strength(rng, float(season))
    span = float(np.ptp(path)) + 1.0
    if rng.random() < 0.35:  # a season that is a share of the level
        level = np.maximum(path - path.min() + span * np.exp(rng.uniform(-3.0, 1.0)), 1e-3)
        level = level[::-1].copy() if sign < 0 else level
        share = np.clip(strength / span, 0.0, 0.6)
        values = level * np.exp(share * shape) + size * noise
        floor = 1e-3 * level
        return _scale(rng) * np.maximum(values, floor) / span, frequency, season
    values = sign * path + strength * shape + size * noise
    offset = rng.random()
    if offset < 0.75:  # positive, near to zero or far from it
        values = values - values.min() + span * np.exp(rng.uniform(-3.0, 2.0))
    elif offset < 0.9:
        values = values + span * rng.normal()
    return _scale(rng) * values / span, frequency, season


def counts(rng: np.random.Generator) -> Made:
    """Whole numbers of a mean from 0.4 to 60, more spread than chance alone makes them or not."""
    frequency, season, long = _calendar(rng)
    steps = _length(rng, season)
    t = np.arange(steps, dtype=np.float64)
    mean = np.exp(rng.uniform(-1.0, np.log(60.0)))
    slope = rng.normal() * 0.7 / steps if rng.random() < 0.5 else 0.0
    shape = 0.3 * rng.random() * _season(rng, t, season, long)
    walk = np.cumsum(rng.normal(size=steps)) * rng.choice([0.0, 0.02, 0.06])
    rate = mean * np.exp(np.clip(slope * t + shape + walk, -3.0, 3.0))
    if rng.random() < 0.5:
        size = np.exp(rng.uniform(0.0, 3.0))
        rate = rng.gamma(size, rate / size)
    return rng.poisson(rate).astype(np.float64), frequency, season


def shares(rng: np.random.Generator) -> Made:
    """Shares of 1 or of 100: a logistic function of a trend, a season and a slow walk."""
    frequency, season, long = _calendar(rng)
    steps = _length(rng, season)
    t = np.arange(steps, dtype=np.float64)
    walk = np.cumsum(rng.normal(size=steps)) * np.exp(rng.uniform(-5.0, -1.5))
    walk -= walk * rng.random()  # some walk less far
    logits = rng.normal() * 2.0 + rng.normal() * 3.0 * t / steps + walk
    logits = logits + rng.random() * _season(rng, t, season, long) + _noise(rng, steps) * 0.2
    top = 100.0 if rng.random() < 0.5 else 1.0
    values = top / (1.0 + np.exp(-np.clip(logits, -30.0, 30.0)))
    return (np.round(values, 1) if top > 1.0 else values), frequency, season


def shifts(rng: np.random.Generator) -> Made:
    """A level with a season and noise, that jumps once or twice, or has outliers."""
    frequency, season, long = _calendar(rng)
    steps = _length(rng, season)
    t = np.arange(steps, dtype=np.float64)
    values = _noise(rng, steps) + rng.choice([0.0, 2.0]) * _season(rng, t, season, long)
    if rng.random() < 0.5:
        for _ in range(int(rng.integers(1, 3))):
            values[rng.integers(3, steps) :] += rng.normal() * 8.0
    else:
        at = rng.integers(0, steps, max(1, steps // 50))
        values[at] += rng.normal(size=len(at)) * 15.0
    values = values - values.min() + np.exp(rng.uniform(0.0, 4.0))
    return _scale(rng) * values, frequency, season


def _calendar(rng: np.random.Generator) -> tuple[str | None, int, int]:
    return _CALENDARS[rng.choice(len(_CALENDARS), p=_OFTEN / _OFTEN.sum())]


def _length(rng: np.random.Generator, season: int) -> int:
    """Points of a series: from few to some cycles and a horizon."""
    return int(np.exp(rng.uniform(np.log(24.0), np.log(110.0 + 8.0 * season)))) + MADE_AHEAD


def _scale(rng: np.random.Generator) -> float:
    return float(np.exp(rng.uniform(0.0, np.log(1e5))))


def _strength(rng: np.random.Generator, usual: float) -> float:
    """How strong a season is against what the trend moves in a cycle; often there is none."""
    return 0.0 if rng.random() < 0.35 else usual * float(np.exp(rng.uniform(-2.0, 1.5)))


def _season(rng: np.random.Generator, t: Array, season: int, long: int) -> Array:
    """A fixed season of size 1 (time,): smooth or jagged, of the short cycle or of both."""
    path = np.zeros(len(t))
    for period in (season, long):
        if period < 2 or (period == long and season > 1 and rng.random() < 0.7):
            continue
        phase = 2.0 * np.pi * t / period
        if rng.random() < 0.65 or period > 60:
            for k in range(1, int(rng.integers(2, 5))):
                path += rng.normal() / k * np.sin(k * phase + rng.uniform(0.0, 2.0 * np.pi))
        else:
            path += rng.normal(size=period)[t.astype(np.int64) % period]
    size = float(path.std())
    return path / size if size > 1e-9 else path


def _noise(rng: np.random.Generator, steps: int) -> Array:
    """Noise of size 1 (time,): normal or with heavy tails, independent or carried on a little."""
    noise = rng.normal(size=steps) if rng.random() < 0.8 else rng.standard_t(4, steps) * 0.7
    if rng.random() < 0.25:
        carried = rng.uniform(0.2, 0.8)
        for i in range(1, steps):
            noise[i] = carried * noise[i - 1] + np.sqrt(1.0 - carried**2) * noise[i]
    return noise
