"""Covariates of the coming steps, out of a frame of their own. Knows tables; asks nobody."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from unroll_client.errors import WrongArgument
from unroll_client.frames import (
    Columns,
    Frame,
    Rows,
    Table,
    by_name,
    columns_of,
    in_order,
    rows_of,
    time_of,
)
from unroll_client.frequency import moments


def ahead_of(table: Table, future: Frame, horizon: int) -> list[dict[str, list[Any]]]:
    """Of each series of `table`, by name, the covariates of its next `horizon` steps.

    Those that `future` has no column of are left out: they are known of the past alone. Rows of
    other times do not count; without a column of series the rows are for all of them.

    Raises:
        WrongArgument: there is no such column, or no row for one of the steps.
    """
    columns = columns_of(future)
    known = [name for name in table.columns.covariates if name in columns]
    if not known:
        wanted = ", ".join(table.columns.covariates) or "covariates= names none"
        raise WrongArgument(f"future has no column of covariates ({wanted})")
    series = table.columns.series if table.columns.series in columns else None
    named = replace(table.columns, time=_time(table.columns, columns), series=series)
    rows = rows_of(columns, named, known)
    return [
        by_name(known, _next(table, place, _own(rows, name, series), horizon))
        for place, name in enumerate(table.names)
    ]


def _time(named: Columns, columns: dict[Any, list[Any]]) -> str | None:
    if named.time is None:
        return None
    found: str | None = named.time if named.time in columns else time_of(columns)
    if found is None:
        raise WrongArgument(f"future has no column {named.time!r} of times")
    return found


def _own(rows: Rows, name: Any, series: str | None) -> list[tuple[Any, tuple[Any, ...]]]:
    return rows.get(name if series is not None else None, [])


def _next(
    table: Table, place: int, rows: Sequence[tuple[Any, tuple[Any, ...]]], horizon: int
) -> list[tuple[Any, ...]]:
    """The values of the steps that follow series number `place`."""
    if table.times is None:
        return _as_many([values for _, values in rows], table.names[place], horizon)
    times = table.times[place]
    timed = in_order(rows)
    if not table.regular:  # values follow each other, whatever their times are
        later = [values for at, values in timed if at > times[-1]]
        return _as_many(later, table.names[place], horizon)
    assert table.frequency is not None
    by_time: dict[datetime, tuple[Any, ...]] = dict(timed)
    found = []
    for at in moments(times[0], table.frequency, len(times) + horizon)[len(times) :]:
        if at not in by_time:
            raise WrongArgument(f"future: {table.names[place]} has no row for {at.isoformat()}")
        found.append(by_time[at])
    return found


def _as_many(rows: list[tuple[Any, ...]], name: Any, horizon: int) -> list[tuple[Any, ...]]:
    if len(rows) < horizon:
        raise WrongArgument(f"future: {name} has {len(rows)} rows for {horizon} steps")
    return rows[:horizon]
