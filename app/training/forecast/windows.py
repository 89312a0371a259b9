"""Cuts series into training windows and keeps them as arrays; knows no network.

A window is a forecast origin in the known part of a series: what lies before it becomes the
features, what follows (never the held-out end) the target.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from app.features.calendar import Cycles
from app.features.cycles import choose_cycles
from app.features.series import SeriesOptions, prepare, restore, scale
from app.features.trends import decoder_inputs
from app.training.forecast.batch import Batch, Floats
from app.training.forecast.data import Series


@dataclass(frozen=True)
class Group:
    """Series of one collection and pace: how long and how many windows, how often drawn."""

    horizon: int
    per_series: int
    weight: float


# (collection, frequency) -> Group; the weights say how often a batch comes from the group
GROUPS: dict[tuple[str, str | None], Group] = {
    ("m3", "YS"): Group(8, 24, 6),
    ("m3", "QS"): Group(12, 36, 8),
    ("m3", "MS"): Group(24, 40, 18),
    ("m3", None): Group(12, 50, 3),
    ("tourism", "YS"): Group(6, 20, 5),
    ("tourism", "QS"): Group(12, 50, 8),
    ("tourism", "MS"): Group(24, 60, 12),
    ("m1", "YS"): Group(8, 20, 2),
    ("m1", "QS"): Group(12, 30, 2),
    ("m1", "MS"): Group(24, 30, 5),
    ("m4_weekly", "W"): Group(26, 120, 12),
    ("m4_hourly", "h"): Group(48, 70, 22),
    ("nn5", "D"): Group(56, 60, 4),
    ("ett", "h"): Group(64, 250, 2),
    ("classic", "MS"): Group(24, 150, 1),
    ("classic", "D"): Group(56, 250, 1),
    ("classic", "h"): Group(64, 250, 1),
    ("classic", "B"): Group(56, 150, 1),
    ("generated", None): Group(64, 1, 5),
    ("made", None): Group(48, 3, 0),  # its share is the recipe's
}


@dataclass(frozen=True)
class Windows(Batch):
    """target (n, horizon); relative, scaled (n, horizon): what one unit of the answer is in shares
    of the level and in shares of the naive error."""

    relative: Floats
    scaled: Floats


def cut(
    series: list[Series],
    group: Group,
    options: SeriesOptions,
    trained_horizon: int,
    rng: np.random.Generator,
    share: float = 1.0,
) -> Windows | None:
    """Windows at random origins of the known parts; late origins are drawn more often.

    `share` of those of the group; None when no series is long enough for one.
    """
    rows = []
    group = replace(group, per_series=max(1, round(share * group.per_series)))
    for one in series:
        values = one.known()
        for origin in _origins(values, one, group, rng):
            cycles = choose_cycles(values[:origin], one.frequency, one.season_length)
            if rng.random() < 0.15:  # a caller need not tell the calendar
                cycles = Cycles(cycles.short, cycles.long, None)
            past, ahead = values[:origin], values[origin : origin + group.horizon]
            rows.append(window_row(past, ahead, cycles, group.horizon, options, trained_horizon))
    return stack(rows, options.context_length) if rows else None


def held_out(series: list[Series], options: SeriesOptions, trained_horizon: int) -> Windows:
    """One window a series: everything known against the held-out end."""
    longest = max(s.horizon for s in series)
    rows = []
    for one in series:
        cycles = choose_cycles(one.known(), one.frequency, one.season_length)
        rows.append(
            window_row(one.known(), one.future(), cycles, longest, options, trained_horizon)
        )
    return stack(rows, options.context_length)


Floats64 = NDArray[np.float64]
Row = tuple[Floats64, Floats64, Floats64, Floats64, Floats64]


def window_row(
    past: NDArray[np.float64],
    ahead: NDArray[np.float64],
    cycles: Cycles,
    horizon: int,
    options: SeriesOptions,
    trained_horizon: int,
) -> Row:
    window = prepare(past, cycles, options)
    target = np.full(horizon, np.nan)
    target[: len(ahead)] = scale(window, ahead)
    steps = decoder_inputs(window, horizon, trained_horizon, options)
    unit = window.unit(horizon)[:, 0]
    values = restore(window, np.zeros((horizon, 1)))[:, 0]
    # one unit of the answer in units of the series, to first order
    absolute = unit * (np.abs(values) if window.log else window.factor)
    size = float(np.abs(window.x[-16:]).mean()) * window.factor + absolute[0]  # linear only
    relative = unit if window.log else absolute / size
    naive = naive_error(past, cycles.short)
    return window.context, steps, target, relative, absolute / max(naive, absolute[0] / 5)


def naive_error(past: NDArray[np.float64], season_length: int) -> float:
    """Mean error of repeating the last season of `past` (time,), NaN = missing; 0 if unknown."""
    lag = season_length if season_length < len(past) else 1
    errors = np.abs(past[lag:] - past[:-lag])
    seen = errors[np.isfinite(errors)]
    return float(seen.mean()) if len(seen) else 0.0


def stack(rows: list[Row], context_length: int) -> Windows:
    count = len(rows)
    context = np.zeros((count, context_length, rows[0][0].shape[1]), np.float32)
    for i, row in enumerate(rows):
        context[i, : len(row[0])] = row[0]
    return Windows(
        context=context,
        lengths=np.array([len(row[0]) for row in rows], np.int64),
        future=np.stack([row[1] for row in rows]).astype(np.float32),
        target=np.stack([row[2] for row in rows]).astype(np.float32),
        relative=np.stack([row[3] for row in rows]).astype(np.float32),
        scaled=np.stack([row[4] for row in rows]).astype(np.float32),
    )


def _origins(
    values: NDArray[np.float64], one: Series, group: Group, rng: np.random.Generator
) -> NDArray[np.int64]:
    """Distinct origins; at least 3 points and a cycle before, at least half a horizon after."""
    first = max(4, min(len(values) // 3, 2 * one.season_length))
    last = len(values) - max(1, min(one.horizon, group.horizon) // 2)
    if last < first:
        return np.array([], np.int64)
    candidates = np.arange(first, last + 1)
    known = np.cumsum(~np.isnan(values))
    candidates = candidates[known[candidates - 1] >= 3]
    count = min(group.per_series, len(candidates))
    late = np.linspace(0.5, 1.5, len(candidates))
    return rng.choice(candidates, count, replace=False, p=late / late.sum())
