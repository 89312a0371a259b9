"""Cuts series with covariates into windows, and says which part of the time each is in.

Knows arrays; no network. What a window holds is made by the code that serves.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.features.series import scale
from app.tasks.forecast.covariates.learned import Encoded, LearnedCovariates
from app.training.forecast.batch import Batch
from app.training.forecast.covariates.learn import Laid

Integers = NDArray[np.int64]

_LEAST_KNOWN = 2  # values that stand before a window
_MOST_ALIGNED = 2000  # windows that are in phase with the end of their series, at most


@dataclass(frozen=True)
class Windows(Batch):
    """target (n, horizon, channels); codes of categories (n, time, categories) and (n, horizon,
    categories); folds (n, 2): the parts of the time that the first and the last step of the target
    are in; aligned (n,): in phase with the series' end."""

    context_codes: Integers
    future_codes: Integers
    folds: Integers
    aligned: NDArray[np.bool_]


def cut(
    series: Sequence[Laid],
    learned: LearnedCovariates,
    *,
    horizon: int,
    memory: int,
    folds: int,
    most: int,
    seed: int,
) -> Windows:
    """At most `most` windows of all series, those that are in phase with the end first.

    Raises:
        ValueError: no series is long enough for one.
    """
    rng = np.random.default_rng(seed)
    places = [_origins(one, horizon, memory) for one in series]
    numbers = np.repeat(np.arange(len(series)), [len(each) for each in places])
    origins = np.concatenate(places)
    ends = np.array([one.steps - horizon for one in series])
    seasons = np.array([max(one.cycles.short, 1) for one in series])
    aligned = (ends[numbers] - origins) % seasons[numbers] == 0
    chosen = _some(np.flatnonzero(aligned), min(most, _MOST_ALIGNED), rng)
    others = np.setdiff1d(np.arange(len(origins)), np.flatnonzero(aligned))
    chosen = np.concatenate([chosen, _some(others, most - len(chosen), rng)])
    rows = [
        (*_window(one, origin, horizon, memory, learned), one, origin, bool(aligned[i]))
        for i, one, origin in ((i, series[numbers[i]], int(origins[i])) for i in chosen)
    ]
    if not rows:
        raise ValueError("no series is long enough to learn from")
    return _stacked(rows, horizon, folds)


def _some(rows: Integers, most: int, rng: np.random.Generator) -> Integers:
    """At most so many of `rows`, in order."""
    return rows if len(rows) <= most else np.sort(rng.choice(rows, most, replace=False))


def _origins(one: Laid, horizon: int, memory: int) -> Integers:
    """Where windows may begin: something known of each channel before, half a horizon after."""
    counts = np.cumsum(np.isfinite(one.values), axis=1)  # (channels, time)
    known = np.concatenate([np.zeros((len(counts), 1), counts.dtype), counts], axis=1)
    first = min(max(2 * one.cycles.short, _LEAST_KNOWN), max(one.steps // 3, _LEAST_KNOWN))
    origins = np.arange(first, one.steps - (horizon + 1) // 2 + 1)
    ends = np.minimum(origins + horizon, one.steps)
    before = known[:, origins] - known[:, np.maximum(origins - memory, 0)]
    after = known[:, ends] - known[:, origins]
    chosen: Integers = origins[(before.min(axis=0) >= _LEAST_KNOWN) & (after.max(axis=0) > 0)]
    return chosen


def _window(
    one: Laid, origin: int, horizon: int, memory: int, learned: LearnedCovariates
) -> tuple[Encoded, NDArray[np.float64]]:
    """(the window's arrays, its target (horizon, channels))."""
    first = max(0, origin - memory)
    known = np.flatnonzero(np.isfinite(one.values[:, first:origin]).any(axis=0))
    first += int(known[0])
    last = origin + horizon
    missing = max(last - one.steps, 0)

    def rows(table: NDArray[Any]) -> NDArray[Any]:
        part = table[first:last]
        return np.concatenate([part, np.repeat(part[-1:], missing, axis=0)]) if missing else part

    encoded = learned.arrays(
        one.values[:, first:origin],
        rows(one.rows),
        rows(one.codes),
        rows(one.calendar),
        one.cycles,
    )
    ahead = np.full((len(one.values), horizon), np.nan)
    ahead[:, : horizon - missing] = one.values[:, origin:last]
    scaled = [scale(*each) for each in zip(encoded.windows, ahead, strict=True)]
    return encoded, np.stack(scaled, axis=1)


def _stacked(rows: list[Any], horizon: int, folds: int) -> Windows:
    first: Encoded = rows[0][0]
    longest = max(len(row[0].context) for row in rows)
    categories = 0 if first.codes is None else first.codes[0].shape[1]
    context = np.zeros((len(rows), longest, first.context.shape[1]), np.float32)
    context_codes = np.zeros((len(rows), longest, categories), np.int64)
    future_codes = np.zeros((len(rows), horizon, categories), np.int64)
    ends = np.zeros((len(rows), 2), np.int64)
    for i, (encoded, _, one, origin, _) in enumerate(rows):
        context[i, : len(encoded.context)] = encoded.context
        if encoded.codes is not None:
            context_codes[i, : len(encoded.context)], future_codes[i] = encoded.codes
        last = min(origin + horizon, one.steps) - 1
        ends[i] = np.array([origin, last]) * folds // one.steps
    return Windows(
        context=context,
        lengths=np.array([len(row[0].context) for row in rows], np.int64),
        future=np.stack([row[0].future for row in rows]).astype(np.float32),
        target=np.stack([row[1] for row in rows]).astype(np.float32),
        context_codes=context_codes,
        future_codes=future_codes,
        folds=ends,
        aligned=np.array([row[4] for row in rows], bool),
    )
