"""What covariates of a step add to its value: one line for all steps. Knows arrays; no network.

Fitted to values or to differences from step to step, whichever leaves less for the network: a level
that drifts would else be taken for the work of a covariate that happens to drift as well.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.features.regression import Line, Ridge

Array = NDArray[np.float64]

STRENGTHS = (0.001, 0.01, 0.1, 1.0, 10.0)
_PARTS = 4
_LEAST = 20  # values to learn from
_MOST = 20_000


@dataclass(frozen=True)
class Effects:
    """added (time + horizon,): what the covariates add, 0 on average over the past.

    early (time + horizon,): the same by a line that has seen only what stood before `cut`.
    """

    added: Array
    early: Array
    weights: Array  # (columns,)
    centre: Array  # (columns,)
    left: float  # of what changes in a season, the share that is left without them


def step_columns(columns: Array, known: Sequence[bool], horizon: int) -> Array:
    """Columns (time + horizon, columns) of which all rows are known: those whose future is not
    are looked at as they were one horizon before."""
    table = columns.copy()
    for i, future in enumerate(known):
        if not future:
            table[horizon:, i] = columns[:-horizon, i]
            table[:horizon, i] = columns[0, i]
    return table


def fit_effects(
    series: Array, columns: Array, horizon: int, season: int, cut: int
) -> Effects | None:
    """series (time,) on the scale of the fit, columns (time + horizon, columns) without NaN.

    Strength and differencing are those with which, in each quarter of the past after learning from
    the other three, least changes in a season (or a step). None where that is as much as without,
    or where there is little to learn from before `cut`.
    """
    points = len(series)
    first = max(0, points - _MOST)
    if cut - first < _LEAST:
        return None
    values, table = series[first:], columns[first:points]
    centre = table.mean(axis=0)
    centred = table - centre
    lag = season if len(values) > 4 * season else 1
    plain = float(np.abs(values[lag:] - values[:-lag]).mean())
    best: tuple[float, bool, float] | None = None
    for differenced in (False, True):
        left = np.zeros(len(STRENGTHS))
        for part in np.array_split(np.arange(len(values)), _PARTS):
            inside = np.zeros(len(values), bool)
            inside[part] = True
            ridge = _ridge(values, table, differenced, ~inside)
            judged = part[part >= lag]
            for i, strength in enumerate(STRENGTHS):
                rest = values - _added(ridge.line(strength), centred)
                left[i] += float(np.abs(rest[judged] - rest[judged - lag]).sum())
        left /= len(values) - lag
        i = int(left.argmin())
        if best is None or left[i] < best[0]:
            best = float(left[i]), differenced, STRENGTHS[i]
    assert best is not None
    if best[0] >= plain:
        return None
    _, differenced, strength = best
    everything = np.ones(len(values), bool)
    before = np.arange(len(values)) < cut - first
    early = _ridge(values, table, differenced, before).line(strength)
    line = _ridge(values, table, differenced, everything).line(strength)
    weights = line.weights[: columns.shape[1], 0]
    return Effects(
        _added(line, columns - centre),
        _added(early, columns - centre),
        weights,
        centre,
        best[0] / plain,
    )


def _ridge(series: Array, columns: Array, differenced: bool, used: NDArray[np.bool_]) -> Ridge:
    """Fitted to the steps of the past that are `used` (time,)."""
    if differenced:
        both = used[1:] & used[:-1]
        return Ridge.of(np.diff(columns, axis=0)[both], np.diff(series)[both, None])
    trend = np.linspace(-1.0, 1.0, len(series))[:, None]
    return Ridge.of(np.concatenate([columns, trend], axis=1)[used], series[used, None])


def _added(line: Line, centred: Array) -> Array:
    width = centred.shape[1]  # a trend that stands behind belongs to the series
    answer: Array = centred @ line.weights[:width, 0]
    return answer
