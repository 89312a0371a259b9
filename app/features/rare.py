"""The distribution of rare demand and of counts, from their own past; knows arrays, no network.

What a step may bring is what earlier steps brought, newer ones counting for more and those of the
same phase of the short cycle for more again (the non-parametric forecaster of Alexandrov et al.
2019, "GluonTS: Probabilistic time series models in Python"). How fast the past fades and how much
the phase counts is a mean over several answers, the better one foretold the past the more, by the
continuous ranked probability score (Gneiting and Raftery 2007, eq. 21). So zero has a probability
of its own, and quantiles are values that can be. Counts that vary as chance makes them are answered
in the same way. Of whole numbers, those never seen have the probability that a negative binomial
distribution of the same mean and variance gives them, at a weight that falls with the evidence;
where they vary from step to step as chance makes them, also about a level that drifts, that
distribution has most of the weight.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.features.calendar import Cycles

Array = NDArray[np.float64]

_POINTS = 512  # last points that are looked at
_SCORED = 256  # last points that choose how the past fades
_LEAST = 8  # points, at least
_ZEROS = 0.1  # share of zeros among whole numbers from which demand is rare
_MOSTLY_ZEROS = 0.3  # the same among other numbers
_LATE = 24  # last points, at least, that are as often zero as all
_COUNTED = 24  # points that tell counts from other whole numbers, at least
_MOST = 100.0  # mean of what is taken for counts
_SPREAD = 2.0  # times the variance of chance
_STEADY = 1.3  # the same of demand that varies as counts do about its level
_HALF_LIVES = (10.0, 30.0, 90.0, np.inf)  # steps after which a value counts for half
_PHASES = (0.0, 0.4, 0.8)  # share of what the same phase brought
_AHEAD = (1, 8)  # steps at which forecasts of the past are scored
_TRUST = 0.5  # of a scored point in what foretold it better: the lower, the more is averaged
_THRESHOLDS = 16  # at which they are scored, at most
_PRIOR = 3.0  # points that the negative binomial distribution counts for
_COUNTS_PRIOR = 100.0  # the same where values vary as counts do
_REACH = 12.0  # times the standard deviation to which it is followed


@dataclass(frozen=True)
class Rare:
    """`values` (k,) that can be, rising, and the probability of at most each: (phases, k)."""

    values: Array
    below: Array

    def quantiles(self, levels: Array, horizon: int) -> Array:
        """The smallest value of which a share of `levels` is at most: (horizon, levels)."""
        at = [np.searchsorted(row, levels - 1e-9) for row in self.below]
        found: Array = self.values[np.minimum(np.stack(at), len(self.values) - 1)]
        return found[np.arange(horizon) % len(found)]

    def mean(self, horizon: int) -> Array:
        """The expected value of each step: (horizon,)."""
        shares = np.diff(self.below, axis=1, prepend=0.0)
        means: Array = shares @ self.values
        return means[np.arange(horizon) % len(means)]


def rare(values: Array, cycles: Cycles) -> Rare | None:
    """The distribution of values (time,), NaN = missing; None for neither rare demand nor counts.

    Rare is what is never negative and often zero, by no rhythm: where the phase of a season tells
    the zeros, as of light by night, a network knows better. Counts are whole numbers that move from
    step to step about as much as independent events make them, about a level that stays.
    """
    values = values[-_POINTS:]
    seen = values[~np.isnan(values)]
    if len(seen) < _LEAST or seen.min() < 0.0 or not seen.any():
        return None
    # before the first demand there was none to tell of, unless all of the rest is as rare
    first = int(np.flatnonzero(seen)[0])
    if first > len(seen) // 4 and len(seen) - first >= 4 * _LEAST:
        values = values[int(np.flatnonzero(np.nan_to_num(values))[0]) :]
        seen = values[~np.isnan(values)]
    whole = bool((seen == np.rint(seen)).all())
    zeros = seen == 0.0
    late = zeros[-max(_LATE, len(seen) // 4) :]
    share = min(float(zeros.mean()), float(late.mean()))
    if share >= (_ZEROS if whole else _MOSTLY_ZEROS):
        if _rhythmic(values, cycles.short):
            return None
        steady = whole and 1.0 / _SPREAD < _chance(seen) / float(seen.mean()) < _STEADY
        return _distribution(values, cycles.short, whole, _COUNTS_PRIOR if steady else _PRIOR)
    if whole and _counts(seen, cycles):
        return _distribution(values, 1, True, _COUNTS_PRIOR)
    return None


def _counts(seen: Array, cycles: Cycles) -> bool:
    """Whether whole numbers (time,) vary as a Poisson distribution does about a level that stays:
    as much from step to step as over the whole, from half to half, and from cycle to cycle."""
    mean = float(seen.mean())
    if len(seen) < _COUNTED or mean > _MOST:
        return False
    chance = _chance(seen)
    if not 1.0 / _SPREAD < chance / mean < _SPREAD or float(seen.var()) > 1.4 * chance:
        return False
    half = len(seen) // 2
    moved = float(seen[half:].mean() - seen[:half].mean())
    if abs(moved) > 2.5 * np.sqrt(2.0 * chance / half):
        return False
    if 1 < cycles.short <= len(seen) // 4:
        rows = len(seen) // cycles.short
        table = seen[len(seen) - rows * cycles.short :].reshape(rows, cycles.short)
        # the variance of means of phases is the part of chance, unless there is a season
        return float(table.mean(axis=0).var()) < 2.0 * chance / rows
    return True


def _chance(seen: Array) -> float:
    """The variance of (time,) from step to step, whatever the level does meanwhile."""
    return float((np.diff(seen) ** 2).mean()) / 2.0


def _rhythmic(values: Array, period: int) -> bool:
    """Whether knowing the phase leaves less than a fifth of the doubt about what is zero."""
    cycles = len(values) // period
    if period < 2 or cycles < 3:
        return False
    table = values[len(values) - cycles * period :].reshape(cycles, period)
    known = ~np.isnan(table)
    zeros = np.where(known, table == 0.0, False).sum(axis=0)
    others = known.sum(axis=0) - zeros
    wrong = np.minimum(zeros, others).sum()
    return bool(5 * wrong < min(zeros.sum(), others.sum()))


def _distribution(values: Array, period: int, whole: bool, prior: float) -> Rare:
    n = len(values)
    if period < 2 or n < 4 * period:
        period = 1
    known = ~np.isnan(values)
    ages = np.arange(n - 1, -1, -1.0)
    phases = (np.arange(n) - n) % period
    weights = np.zeros((period, n))
    for trust, half_life, share in _weighed(values[-_SCORED:], period):
        fading = np.where(known, 0.5 ** (ages / half_life), 0.0)
        fading /= fading.sum()
        same = fading * (phases == np.arange(period)[:, None])  # (phases, time)
        total = same.sum(axis=1, keepdims=True)
        same = np.where(total > 0.0, same / np.maximum(total, 1e-300), fading)
        weights += trust * ((1.0 - share) * fading + share * same)
    support, index = np.unique(values[known], return_inverse=True)
    if whole:
        return _smoothed(weights[:, known], support, index, prior)
    masses = np.stack([np.bincount(index, row, len(support)) for row in weights[:, known]])
    return Rare(support, _cumulated(masses))


def _smoothed(weights: Array, support: Array, index: NDArray[np.intp], prior: float) -> Rare:
    """With values that were not seen: all whole numbers up to far beyond."""
    mean = weights @ support[index]
    power = weights @ support[index] ** 2
    evidence = 1.0 / (weights**2).sum(axis=1)  # points that count as whole ones
    variance = np.maximum(power - mean**2, 1e-3) * (1.0 + 2.0 / evidence)
    reach = float((mean + _REACH * np.sqrt(variance)).max())
    top = int(min(max(support[-1], reach), 10_000.0))
    grid = np.arange(top + 1.0)
    if support[-1] > top:  # of large numbers only those that were seen, and so many more
        grid = np.unique(np.concatenate([grid, support]))
    at = np.searchsorted(grid, support)[index]
    seen = np.stack([np.bincount(at, row, len(grid)) for row in weights])
    trust = (evidence / (evidence + prior))[:, None]
    other = np.zeros_like(seen)
    other[:, : top + 1] = _negative_binomial(mean, variance, top)
    return Rare(grid, _cumulated(trust * seen + (1.0 - trust) * other))


def _negative_binomial(mean: Array, variance: Array, top: int) -> Array:
    """Probabilities of 0 to `top`, a row for each mean and variance (rows,)."""
    variance = np.maximum(variance, 1.05 * mean)  # no less spread than chance
    size = mean**2 / (variance - mean)
    odds = mean / variance
    k = np.arange(top)
    steps = np.log((k + size[:, None]) / (k + 1.0)) + np.log1p(-odds)[:, None]
    logs = np.concatenate([np.zeros((len(mean), 1)), np.cumsum(steps, axis=1)], axis=1)
    logs += (size * np.log(odds))[:, None]
    masses: Array = np.exp(logs)
    masses /= masses.sum(axis=1, keepdims=True)
    return masses


def _cumulated(masses: NDArray[Any]) -> Array:
    below: Array = np.cumsum(masses, axis=1)
    below /= below[:, -1:]
    return below


def _weighed(values: Array, period: int) -> list[tuple[float, float, float]]:
    """(trust, half-life, share of the phase), by how well they foretold values (time,)."""
    n = len(values)
    known = ~np.isnan(values)
    support = np.unique(values[known])
    if len(support) > _THRESHOLDS:
        support = np.unique(np.quantile(support, np.linspace(0.0, 1.0, _THRESHOLDS)))
    gaps = np.diff(support)
    if not len(gaps):
        return [(1.0, np.inf, 0.0)]
    # (time, thresholds): whether a value is at most that
    reached = np.where(known[:, None], values[:, None] <= support[:-1], 0.0)
    pad = -n % period
    whole = np.concatenate([np.zeros((pad, len(gaps))), reached])
    counted = np.concatenate([np.zeros(pad), known.astype(np.float64)])
    first = max(n // 3, 2 * period, _LEAST // 2)
    found = []
    for half_life in _HALF_LIVES:
        every = _faded(reached, known.astype(np.float64), 0.5 ** (1.0 / half_life))
        by_cycle = _faded(
            whole.reshape(-1, period * len(gaps)),
            np.repeat(counted.reshape(-1, period), len(gaps), axis=1),
            0.5 ** (period / half_life),
        ).reshape(-1, len(gaps))[pad:]
        for share in _PHASES if period > 1 else (0.0,):
            missed = 0.0
            for ahead in _AHEAD:
                back = -(-ahead // period) * period
                start = max(first, ahead, back)
                if start >= n:
                    continue
                foretold = every[start - ahead : n - ahead]
                if share:
                    phase = by_cycle[start - back : n - back]
                    foretold = (1.0 - share) * foretold + share * phase
                squares = (foretold - reached[start:]) ** 2 * known[start:, None]
                missed += float((squares @ gaps).mean())
            found.append((missed, half_life, share))
    losses = np.array([missed for missed, _, _ in found])
    worse = losses / max(losses.min(), 1e-9 * float(gaps.sum())) - 1.0
    trust = np.exp(-_TRUST * max(n - first, 0) * worse)
    trust /= trust.sum()
    return [(float(part), each[1], each[2]) for part, each in zip(trust, found, strict=True)]


def _faded(reached: Array, counted: Array, fading: float) -> Array:
    """Faded shares of `reached` (rows, columns) up to and with each row; counted: rows, or the
    same shape."""
    growing = (fading ** -np.arange(len(reached), dtype=np.float64))[:, None]
    weight = growing * (counted[:, None] if counted.ndim == 1 else counted)
    total = np.cumsum(weight, axis=0)
    shares: Array = np.cumsum(reached * weight, axis=0) / np.maximum(total, 1e-300)
    return np.where(total > 0.0, shares, 0.5)
