"""Works on answered quantiles: stretch, extrapolate, interpolate; knows levels, no series.

All arrays are (horizon, levels), increasing along the last axis; the median's column is `middle`.
"""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def stretch(quantiles: Array, factors: Sequence[float] | Array, middle: int) -> Array:
    """Every level's distance from the median times its factor, without crossing."""
    median = quantiles[:, middle : middle + 1]
    stretched: Array = median + (quantiles - median) * np.asarray(factors)
    # an inner level that was stretched past its outer neighbour takes it along
    stretched[:, middle:] = np.maximum.accumulate(stretched[:, middle:], axis=1)
    stretched[:, middle::-1] = np.minimum.accumulate(stretched[:, middle::-1], axis=1)
    return stretched


def stretch_row(quantiles: list[float], factors: Sequence[float], middle: int) -> list[float]:
    """What `stretch` gives, to the bit, of one row of numbers: sooner than arrays are made of it.

    Every number is finite.
    """
    median = quantiles[middle]
    found = [median + (each - median) * by for each, by in zip(quantiles, factors, strict=True)]
    most = least = found[middle]
    for at in range(middle + 1, len(found)):
        found[at] = most = max(found[at], most)
    for at in range(middle - 1, -1, -1):
        found[at] = least = min(found[at], least)
    return found


def extrapolate(quantiles: Array, trained: int, middle: int, unit: Array) -> Array:
    """Widths beyond `trained` steps: they go on as they grew from half of them to all.

    A power of the step, between constant (a stationary series) and the root (a random walk);
    what the network itself says there it has never been taught. unit (horizon, 1): what one
    unit of the quantiles is worth.
    """
    horizon = len(quantiles)
    if horizon <= trained or trained < 2:
        return quantiles
    median = quantiles[:, middle : middle + 1]
    distance = (quantiles - median) * unit
    last, before = distance[trained - 1], distance[trained // 2 - 1]
    with np.errstate(divide="ignore", invalid="ignore"):
        power = np.log2(np.abs(last) / np.abs(before))
    power = np.clip(np.nan_to_num(power, nan=0.0), 0.0, 0.5)
    # one power for all levels: with several, quantiles could cross far out
    steps = np.arange(trained + 1, horizon + 1)[:, None] / trained
    distance[trained:] = last * steps ** float(np.median(power))
    return median + distance / unit


def interpolate(quantiles: Array, known: Array, wanted: Array) -> Array:
    """Quantiles at probits `known` (levels,) -> at probits `wanted`: (horizon, wanted).

    Linear between levels and beyond the outermost two, on the scale of normal deviates:
    exact where the answer is normal, and increasing wherever the levels are.
    """
    return Between(known, wanted).of(quantiles)


class Between:
    """Where `wanted` lies among `known`, for many times: `of` is what `interpolate` gives."""

    __slots__ = ("_left", "_places", "_right", "_share", "_shares", "nothing")

    def __init__(self, known: Array, wanted: Array) -> None:
        self._right = np.clip(np.searchsorted(known, wanted), 1, len(known) - 1)
        self._left = left = self._right - 1
        self._share = (wanted - known[left]) / (known[self._right] - known[left])
        self._shares = 1.0 - self._share
        columns = (self._left, self._shares, self._right, self._share)
        self._places = list(zip(*(each.tolist() for each in columns), strict=True))
        self.nothing = [math.nan] * len(self._places)  # where there are no quantiles

    def of(self, quantiles: Array) -> Array:
        """Quantiles at `known` (rows, levels) -> at `wanted`: (rows, wanted)."""
        found: Array = (
            quantiles[:, self._left] * self._shares + quantiles[:, self._right] * self._share
        )
        return found

    def of_row(self, quantiles: list[float]) -> list[float]:
        """The same of one row of numbers, to the bit."""
        return [
            quantiles[left] * shares + quantiles[right] * share
            for left, shares, right, share in self._places
        ]
