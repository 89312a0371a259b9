"""Ways to make use of covariates: what is taken off a series, and what that comes to in the future.

Knows regressions and scales; no network.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from app.features.calendar import Cycles
from app.tasks.forecast.covariates.blocks import fit_blocks, layout_of
from app.tasks.forecast.covariates.domains import Domain, domains_of
from app.tasks.forecast.covariates.effects import fit_effects, step_columns

Array = NDArray[np.float64]

_CLEARLY = 0.8  # of the error of repeating a cycle: blocks that miss less clearly help
_HELPS = 0.97  # of what changes in a season: what leaves less than that helps


class Candidate(Protocol):
    """What is left of a series for the network, and the way back to values."""

    @property
    def domain(self) -> Domain:
        """The scale of what is left."""
        ...

    @property
    def proven(self) -> bool:
        """Whether all of the past tells that it helps. What is rare, such as holidays, may be in
        none of the windows that are judged: then it is enough that they tell nothing against."""
        ...

    def at(self, origin: int) -> tuple[Array, Array]:
        """(what is left of the values before `origin`, what is added to the steps after it).

        Before the end of the series nothing from `origin` on was looked at.
        """
        ...

    def parts(self) -> dict[int, Array]:
        """Of what is added after the end, the share of each column: index -> (horizon,)."""
        ...


@dataclass(frozen=True)
class Table:
    """Columns of all covariates: values (time + horizon, columns), and which futures are known."""

    values: Array
    known: tuple[bool, ...]
    calendar: Array  # (time + horizon, columns of the calendar)


@dataclass(frozen=True)
class OfSteps:
    """What the covariates of a step add to it."""

    domain: Domain
    series: Array  # on the scale
    added: Array  # (time + horizon,)
    early: Array
    shares: dict[int, Array]
    horizon: int
    proven: bool

    def at(self, origin: int) -> tuple[Array, Array]:
        added = self.added if origin == len(self.series) else self.early
        rest = self.series[:origin] - added[:origin]
        return rest, added[origin : origin + self.horizon]

    def parts(self) -> dict[int, Array]:
        return self.shares


@dataclass(frozen=True)
class OfBlocks:
    """A block of steps from what was known before it."""

    domain: Domain
    series: Array
    past: Array  # (time,), NaN where there was too little before
    ahead: dict[int, Array]  # by origin
    shares: dict[int, Array]
    proven: bool = False

    def at(self, origin: int) -> tuple[Array, Array]:
        rest = self.series[:origin] - self.past[:origin]
        return rest[np.isfinite(rest)], self.ahead[origin]

    def parts(self) -> dict[int, Array]:
        return self.shares


def of_steps(series: Array, table: Table, horizon: int, season: int, cut: int) -> OfSteps | None:
    """Covariates of each step; None where they leave as much as there was.

    From `cut` on is judged. The scale is that of values or, of a positive series, of logarithms.
    """
    points = len(series)
    columns = step_columns(table.values, table.known, horizon)
    best = None
    for domain in domains_of(series):
        if domain.name == "asinh":
            continue
        scaled = domain.apply(series)
        found = fit_effects(scaled, columns, horizon, season, cut)
        if found is not None and (best is None or found.left < best[2].left):
            best = domain, scaled, found
    if best is None:
        return None
    domain, scaled, found = best
    ahead = columns[points:] - found.centre  # (horizon, columns)
    shares = {i: ahead[:, i] * found.weights[i] for i in range(columns.shape[1])}
    proven = found.left < _HELPS
    return OfSteps(domain, scaled, found.added, found.early, shares, horizon, proven)


def of_blocks(
    series: Array, table: Table, horizon: int, cycles: Cycles, origins: Sequence[int]
) -> OfBlocks | None:
    """Blocks of a season or a horizon; None where there are too few.

    origins: from where in the past forecasts are to be had.
    """
    points, width = len(series), table.values.shape[1]
    layout = layout_of(
        points, horizon, cycles.short, cycles.long, table.known, table.calendar.shape[1]
    )
    if layout is None:
        return None
    best = None
    for domain in domains_of(series):
        blocks = fit_blocks(domain.apply(series), table.values, table.calendar, layout, horizon)
        held = range(len(blocks.origins) - 1 - blocks.held_out, len(blocks.origins) - 1)
        truth = [series[blocks.origins[i] : blocks.origins[i] + horizon] for i in held]
        errors = [
            float(np.abs(domain.invert(blocks.fitted[i, : len(each)]) - each).mean())
            for i, each in zip(held, truth, strict=True)
        ]
        error = float(np.mean(errors))
        if best is None or error < best[0]:
            best = error, domain, blocks
    assert best is not None
    error, domain, blocks = best
    first = len(layout.series)
    shares: dict[int, Array] = {}
    moved = blocks.columns[-1] - blocks.line.centre
    for i in range(width):
        last = first + len(layout.covariates[i])
        shares[i] = moved[first:last] @ blocks.line.weights[first:last, :horizon]
        first = last
    shares[width] = moved[first:] @ blocks.line.weights[first:, :horizon]  # of the calendar
    past, ahead = blocks.path(points, horizon)
    rows = {int(origin): row for row, origin in enumerate(blocks.origins)}
    usable = range(len(blocks.origins) - 1 - blocks.held_out, len(blocks.origins) - 1)
    if any(rows.get(origin, -1) not in usable for origin in origins):
        return None
    known = {origin: blocks.fitted[rows[origin], :horizon] for origin in origins}
    proven = error < _CLEARLY * _repeated(series, cycles, len(usable) * cycles.short)
    return OfBlocks(domain, domain.apply(series), past, known | {points: ahead}, shares, proven)


def _repeated(series: Array, cycles: Cycles, last: int) -> float:
    """Mean absolute error of repeating a short or a long cycle over the `last` steps."""
    lags = [lag for lag in (cycles.short, cycles.long) if lag + last < len(series)]
    errors = [np.abs(series[-last:] - series[-last - lag : -lag]).mean() for lag in lags]
    return float(min(errors, default=0.0))
