"""From a series and its covariates to a plan: reads, fits, lays out. Knows no network."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from app.errors import InvalidInput
from app.features.calendar import Cycles
from app.features.cycles import choose_cycles
from app.features.seasonal import impute
from app.tasks.forecast.covariates.calendars import (
    CALENDAR,
    HOLIDAYS,
    calendar_columns,
    check_holidays,
    dates_of,
    holiday_columns,
    is_daily,
)
from app.tasks.forecast.covariates.candidates import Candidate, Table, of_blocks, of_steps
from app.tasks.forecast.covariates.columns import covariates_of
from app.tasks.forecast.covariates.plan import Plan, asks_of
from app.tasks.forecast.distribution import Bounds

Array = NDArray[np.float64]

ASKS: Final = 30  # forecasts that a plan takes, at most
_WINDOWS: Final = 9
_POINTS: Final = 40_000  # of a series that a regression looks at
_SEASON_POINTS: Final = 2_000  # that a season is looked for in
_REST: Final = 4_000  # values of what is left that are handed on; models look at fewer
_LEAST: Final = 30
_LARGE: Final = 1e100  # values beyond are forecast without: their squares overflow


def plan_of(
    *,
    series: Sequence[float | None] | Array,
    horizon: int,
    quantiles: Sequence[float],
    frequency: str | None = None,
    season_length: int | None = None,
    start: str | None = None,
    minimum: float | None = None,
    maximum: float | None = None,
    integer: bool = False,
    past_covariates: Mapping[str, Sequence[Any]],
    future_covariates: Mapping[str, Sequence[Any]],
    holidays: str | None = None,
) -> Plan:
    """The plan of a forecast whose other options are those of the task's `encode`.

    Raises:
        InvalidInput: covariates, holidays, bounds, start or frequency that will not do.
    """
    values: Array = np.array(series, dtype=np.float64)  # None becomes NaN
    bounds = Bounds.of(minimum, maximum, integer)
    covariates = covariates_of(past_covariates, future_covariates, len(values), horizon)
    if holidays is not None:
        if frequency is None or start is None:
            raise InvalidInput(
                "holidays need dates",
                field="holidays",
                allowed="start and frequency beside it",
            )
        check_holidays(holidays)
    request = {
        "horizon": horizon,
        "quantiles": tuple(quantiles),
        "frequency": frequency,
        "season_length": season_length,
        "start": start,
        "minimum": minimum,
        "maximum": maximum,
    }
    dropped = max(0, len(values) - _POINTS)
    kept = values[dropped:]
    candidates: dict[str, Candidate] = {}
    names: tuple[str, ...] = ()
    origins: list[int] = []
    notes: tuple[str, ...] = ()
    if np.isfinite(kept).sum() >= _LEAST:
        first = int(np.flatnonzero(np.isfinite(kept))[0])
        kept, dropped = kept[first:], dropped + first
        dates = None
        if start is not None and frequency is not None:
            dates = dates_of(start, frequency, dropped, len(kept) + horizon)
        columns = [each.values[dropped:] for each in covariates]
        known = [each.known for each in covariates for _ in range(each.values.shape[1])]
        owners = [each.name for each in covariates for _ in range(each.values.shape[1])]
        if holidays is not None and dates is not None:
            columns.append(holiday_columns(holidays, dates))
            known += [True] * 3
            owners += [HOLIDAYS] * 3
        cycles = _cycles(kept, frequency, season_length)
        daily = dates if is_daily(frequency) else None
        table = Table(
            np.concatenate([np.zeros((len(kept) + horizon, 0)), *columns], axis=1),
            tuple(known),
            calendar_columns(daily, cycles.short, cycles.long, len(kept) + horizon),
        )
        names = (*owners, CALENDAR) if table.calendar.shape[1] else tuple(owners)
        origins = _origins(len(kept), horizon, cycles.short)
        candidates = _candidates(kept, table, horizon, cycles, origins)
        if not origins:
            notes = (f"{len(kept)} values are too few to judge what covariates do",)
        origins = [dropped + origin for origin in origins] if candidates else []
    else:
        notes = (f"fewer than {_LEAST} values are too few to learn what covariates do",)
    shifted = {name: Shifted(each, dropped) for name, each in candidates.items()}
    asks = asks_of(values, request, shifted, origins)
    named = tuple(dict.fromkeys([*past_covariates, *([HOLIDAYS] if holidays else [])]))
    return Plan(values, horizon, tuple(quantiles), bounds, shifted, names or named, asks, notes)


class Shifted:
    """A candidate that was fitted to the end of a series, by origins of the whole."""

    def __init__(self, candidate: Candidate, dropped: int) -> None:
        """dropped: values of the series before those that it was fitted to."""
        self._candidate = candidate
        self._dropped = dropped
        self.domain = candidate.domain
        self.proven = candidate.proven

    def at(self, origin: int) -> tuple[Array, Array]:
        """As of a `Candidate`."""
        rest, ahead = self._candidate.at(origin - self._dropped)
        return rest[-_REST:].copy(), ahead

    def parts(self) -> dict[int, Array]:
        """As of a `Candidate`."""
        return self._candidate.parts()


def _cycles(values: Array, frequency: str | None, season_length: int | None) -> Cycles:
    cycles = choose_cycles(values[-_SEASON_POINTS:], frequency, season_length)
    return cycles if 2 * cycles.short <= len(values) else Cycles(1, 1, cycles.kind)


def _origins(points: int, horizon: int, season: int) -> list[int]:
    """In phase with the end, a horizon or some seasons apart, in the later two thirds."""
    apart = season * -(-horizon // season)
    windows = min(_WINDOWS, 2 * points // 3 // apart)
    return [points - apart * k for k in range(windows, 0, -1)] if windows > 1 else []


def _candidates(
    values: Array, table: Table, horizon: int, cycles: Cycles, origins: Sequence[int]
) -> dict[str, Candidate]:
    found: dict[str, Candidate] = {}
    if not origins or not table.values.shape[1] or np.nanmax(np.abs(values)) > _LARGE:
        return found
    filled = impute(values, cycles.short) if np.isnan(values).any() else values
    steps = of_steps(filled, table, horizon, cycles.short, origins[0])
    if steps is not None:
        found["steps"] = steps
    blocks = of_blocks(filled, table, horizon, cycles, origins)
    if blocks is not None:
        found["blocks"] = blocks
    return found
