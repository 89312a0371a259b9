"""A table to series: wide and long form, order, gaps, missing values. Knows no files' bytes.

Every value is read right, or the file is refused with the line; what is left out is told.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from app.training.forecast.tables.columns import Grid, split_columns
from app.training.forecast.tables.covariates import Beside, Cells, beside, cells_of
from app.training.forecast.tables.frequency import Uneven, find_grid
from app.training.forecast.tables.numbers import Style
from app.training.forecast.tables.options import Place, TableOptions, shown
from app.training.forecast.tables.parquet import is_parquet, parquet_rows
from app.training.forecast.tables.roles import Roles, find_roles
from app.training.forecast.tables.rows import NO_SEPARATOR, Rows, read_rows
from app.training.forecast.tables.times import choose_reading
from app.training.forecast.tables.values import style_of, values_of

SHORTEST: Final = 8  # known values that a series of one's own needs for training
_NOTED: Final = 5  # series that are named in one note


@dataclass(frozen=True)
class TableSeries:
    """One series: `values` (time,) float64 with NaN where missing, from known to known value."""

    name: str  # "" where the file holds one series without a name
    values: NDArray[np.float64]
    frequency: str | None  # pandas alias; None where there are no dates
    first: str | None  # ISO 8601
    last: str | None
    gaps: int  # steps that the file had no row for
    beside: Beside = field(default_factory=Beside)  # covariates

    @property
    def missing(self) -> int:
        return int(np.isnan(self.values).sum())


@dataclass(frozen=True)
class Table:
    """What was read from one file, and what was left out and why."""

    path: Path
    form: str  # in words
    series: tuple[TableSeries, ...]
    notes: tuple[str, ...]


def read_table(
    path: Path, options: TableOptions | None = None, *, shortest: int = SHORTEST
) -> Table:
    """The series of one CSV or Parquet file; those with fewer than `shortest` values left out.

    Raises:
        TableRefused: the file cannot be read for certain, or holds no series.
        OSError: it cannot be read at all.
    """
    options = options or TableOptions()
    place = Place(path)
    rows = parquet_rows(path) if is_parquet(path) else read_rows(path, options)
    grid = split_columns(rows, place, options)
    _drop_repeated_rows(grid)
    roles = find_roles(grid, place, options)
    numbers = [column for column in roles.covariates if column.kind == "number"]
    style = style_of(grid, [*roles.targets, *numbers], rows, place, options)
    grid.notes += roles.notes
    groups = roles.groups(len(grid.lines))
    times = None
    if roles.when is not None:
        reading = choose_reading(roles.when, list(groups.values()), place, options)
        grid.notes += reading.notes
        times = reading.times
    values = {column.name: values_of(column, grid, style, place) for column in roles.targets}
    further = {each.name: cells_of(each, grid, style, place) for each in roles.covariates}
    keep = _rows_with_time(times, values, grid, roles, place)
    series: list[TableSeries] = []
    short: list[str] = []
    longest = 0
    for group, members in groups.items():
        chosen = members[keep[members]]
        order, positions, frequency = _placed(times, chosen, grid, values, place, options)
        for column in roles.targets:
            parts = [group] if group and len(roles.targets) == 1 else [group, column.name]
            name = "-".join(part for part in parts if part)
            one = _assembled(
                name, values[column.name][order], order, positions, frequency, times, further
            )
            known = 0 if one is None else len(one.values) - one.missing
            longest = max(longest, known)
            if one is None or known < shortest:
                short.append(name)
            else:
                series.append(one)
    if not series:
        raise place.refuse(f"no series has {shortest} values or more (the longest has {longest})")
    if short:
        named = ", ".join(map(shown, short[:_NOTED])) + (" ..." if len(short) > _NOTED else "")
        grid.notes.append(f"{len(short)} series of fewer than {shortest} values left out: {named}")
    return Table(path, _form(roles, rows, style), tuple(series), tuple(grid.notes))


def _drop_repeated_rows(grid: Grid) -> None:
    """Rows that repeat another one in every cell, dates included, say nothing new."""
    if not any(column.kind == "dates" for column in grid.columns):
        return  # without dates, equal values may well follow each other
    table = pd.DataFrame({i: column.cells for i, column in enumerate(grid.columns)})
    repeated = table.duplicated().to_numpy()
    if not repeated.any():
        return
    keep = np.flatnonzero(~repeated)
    first = grid.lines[int(np.flatnonzero(repeated)[0])]
    grid.notes.append(f"{int(repeated.sum())} rows that repeat another left out (line {first})")
    grid.lines = [grid.lines[i] for i in keep]
    for column in grid.columns:
        column.cells = [column.cells[i] for i in keep]
        column.known = [column.known[i] for i in keep]
        column.dates = tuple(
            type(each)(each.name, each.times[keep], each.notes) for each in column.dates
        )
        if column.odd is not None:
            column.odd = int(np.searchsorted(keep, column.odd[0])), column.odd[1]


def _rows_with_time(
    times: NDArray[np.datetime64] | None,
    values: dict[str, NDArray[np.float64]],
    grid: Grid,
    roles: Roles,
    place: Place,
) -> NDArray[np.bool_]:
    """Which rows count (rows,): a row without a date is a total, empty, or refused."""
    keep = np.ones(len(grid.lines), bool)
    table = np.array(list(values.values()))  # (columns, rows)
    last = len(grid.lines) - 1
    if times is None:
        if len(roles.ids) == 0 and last >= SHORTEST and _is_sum(table, last):
            keep[last] = False
            grid.notes.append(f"line {grid.lines[last]} left out: it is the sum of the rows above")
        return keep
    for row in np.flatnonzero(np.isnat(times)):
        if np.isnan(table[:, row]).all():
            keep[row] = False
            continue
        if row == last and _is_sum(table, last):
            keep[row] = False
            grid.notes.append(f"line {grid.lines[last]} left out: it is the sum of the rows above")
            continue
        assert roles.when is not None
        raise place.refuse(f"has values but no date in {roles.when.label}", grid.lines[int(row)])
    return keep


def _is_sum(table: NDArray[np.float64], last: int) -> bool:
    above, total = np.nansum(table[:, :last], axis=1), table[:, last]
    known = np.isfinite(total)
    return bool(
        known.any()
        and np.allclose(above[known], total[known], rtol=1e-6)
        and (np.abs(total[known]) > 0).all()
        and (np.abs(total[known]) > np.nanmax(np.abs(table[known, :last]), axis=1)).all()
    )


def _placed(
    times: NDArray[np.datetime64] | None,
    rows: NDArray[np.intp],
    grid: Grid,
    values: dict[str, NDArray[np.float64]],
    place: Place,
    options: TableOptions,
) -> tuple[NDArray[np.intp], NDArray[np.int64], str | None]:
    """Rows of one series from the oldest on, their positions on even steps, the frequency."""
    if times is None:
        return rows, np.arange(len(rows)), options.frequency
    order = rows[np.argsort(times[rows], kind="stable")]
    sorted_times = times[order]
    same = np.flatnonzero(sorted_times[1:] == sorted_times[:-1])
    if len(same):
        one, other = (grid.lines[int(order[int(same[0]) + i])] for i in (0, 1))
        date = pd.Timestamp(sorted_times[int(same[0])]).isoformat()
        raise place.refuse(
            f"repeats the date {date} of line {min(one, other)} with other values; if a column "
            "tells series apart, pass --series COLUMN; if the clock was put back, write times "
            "with their offset",
            max(one, other),
        )
    if len(order) < 3:
        return order, np.arange(len(order)), options.frequency
    found = find_grid(sorted_times, options.frequency)
    if isinstance(found, Uneven):
        line = grid.lines[int(order[min(found.after, len(order) - 1)])]
        date = pd.Timestamp(sorted_times[found.after]).isoformat()
        raise place.refuse(
            f"the dates are not evenly spaced after {date}: {found.what}; pass --frequency, or "
            "make one file of each frequency",
            line,
        )
    return order, found.positions, found.frequency


def _assembled(
    name: str,
    values: NDArray[np.float64],
    rows: Sequence[int] | NDArray[np.intp],
    positions: NDArray[np.int64],
    frequency: str | None,
    times: NDArray[np.datetime64] | None,
    further: Mapping[str, Cells],
) -> TableSeries | None:
    known = np.flatnonzero(np.isfinite(values))
    if not len(known):
        return None
    first, last = int(known[0]), int(known[-1])
    inside = positions[first : last + 1] - positions[first]
    whole = np.full(int(inside[-1]) + 1, np.nan)
    whole[inside] = values[first : last + 1]
    ends: list[str | None] = [None, None]
    if times is not None:
        ends = [pd.Timestamp(times[rows[i]]).isoformat() for i in (first, last)]
    gaps = len(whole) - len(inside)
    covariates = beside(further, rows, positions, first, last) if further else Beside()
    return TableSeries(name, whole, frequency, ends[0], ends[1], gaps, covariates)


def _form(roles: Roles, rows: Rows, style: Style) -> str:
    form = f"long form, series by {roles.id_label}" if roles.ids else "one column a series"
    when = f"time in {roles.when.label}" if roles.when else "no dates, rows in order"
    if rows.typed:
        return f"Parquet, {form}, {when}"
    names = {"\t": "tab", " ": "space", NO_SEPARATOR: "none"}
    separator = names.get(rows.separator, repr(rows.separator))
    marks = f"decimal {style.decimal!r}" if style.decimal == "," else ""
    return ", ".join(filter(None, [rows.encoding, f"separator {separator}", marks, form, when]))
