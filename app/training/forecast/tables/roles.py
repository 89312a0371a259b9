"""Which columns are values, which name series, which are left out. Knows columns, not numbers."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from app.training.forecast.tables.columns import Column, Grid
from app.training.forecast.tables.options import Place, TableOptions, shown
from app.training.forecast.tables.times import NO_TIME, When, column_named, find_times
from app.training.forecast.tables.words import (
    INDEX_NAMES,
    KEYS,
    SERIES_NAMES,
    STEP_NAMES,
    TIME_NAMES,
)

# Names by which other tools call the column of the values.
_MOST_DIGITS: Final = 15  # of a number that counts rows
_TARGETS: Final = ("y", "target")


@dataclass
class Roles:
    """Columns by what they are for."""

    when: When | None
    ids: tuple[Column, ...]
    targets: tuple[Column, ...]
    covariates: tuple[Column, ...] = ()
    notes: list[str] = field(default_factory=list)

    @property
    def id_label(self) -> str:
        return " and ".join(column.label for column in self.ids)

    def groups(self, rows: int) -> dict[str, NDArray[np.intp]]:
        """Name of each series -> its rows, in the order of the file; one name "" without ids."""
        if not self.ids:
            return {"": np.arange(rows)}
        keys = pd.Series([_key(self.ids, row) for row in range(rows)])
        return {str(k): np.asarray(v) for k, v in keys.groupby(keys, sort=False).indices.items()}


def find_roles(grid: Grid, place: Place, options: TableOptions) -> Roles:
    """Tell times, names of series, values and the rest apart.

    Raises:
        TableRefused: a column that is named is not there, or it cannot be told.
    """
    notes: list[str] = []
    told = tuple(column_named(grid, name, "--series", place) for name in options.series)
    targets = tuple(column_named(grid, name, "--target", place) for name in options.target)
    beside = tuple(column_named(grid, name, "--covariate", place) for name in options.covariates)
    _keep_apart(place, options)
    when = find_times(grid, place, options)
    used = {id(column) for column in (*(when.columns if when else ()), *told, *beside)}
    rest = [column for column in grid.columns if id(column) not in used]
    if not targets:
        rest = _without_index(rest, when, told, place, options, grid, notes)
    ids = told or _ids(grid, rest, when, place, options)
    for column in ids:
        if not all(column.known):
            row = column.known.index(False)
            raise place.refuse(f"names no series in column {column.label}", grid.lines[row])
    rest = [column for column in rest if not any(column is each for each in ids)]
    for column in targets:
        if column.kind != "number":
            raise place.refuse(f"--target: column {column.label} holds {column.kind}, no numbers")
    if not targets and options.others and not beside and when is not None:
        targets, beside = _beside_target(rest, notes)
    if not targets:
        targets = _targets(rest, ids, when, notes, place)
    return Roles(when, ids, targets, beside, notes)


def _keep_apart(place: Place, options: TableOptions) -> None:
    names = [name for name in (options.time, *options.series, *options.target) if name]
    names += options.covariates
    for name in names:
        if names.count(name) > 1:
            raise place.refuse(f"column {shown(name)} is named for two purposes")


def _without_index(
    columns: Sequence[Column],
    when: When | None,
    told: tuple[Column, ...],
    place: Place,
    options: TableOptions,
    grid: Grid,
    notes: list[str],
) -> list[Column]:
    """The columns without one that merely counts the rows."""
    numbers = [column for column in columns if column.kind == "number"]
    kept = []
    for column in columns:
        name = column.name.strip().casefold()
        named = name in INDEX_NAMES | STEP_NAMES | TIME_NAMES
        first = column is grid.columns[0]
        if column.kind == "number" and len(numbers) > 1 and (named or first):
            counted = _counts(column, name in INDEX_NAMES and first)
            if counted == "down" and when is None and options.time != NO_TIME:
                raise place.refuse(
                    f"column {column.label} counts down, so the newest row may come first; sort "
                    f"the rows, or pass --time {NO_TIME} if the first row is the oldest",
                    grid.lines[0],
                )
            if counted:
                notes.append(f"column {column.label} left out: it counts the rows")
                continue
        if column.kind == "number" and len(numbers) > 1:
            why = _no_values(column, columns, when, place, options, grid)
            if why:
                notes.append(f"column {column.label} left out: {why}")
                continue
        kept.append(column)
    return kept


def _no_values(
    column: Column,
    columns: Sequence[Column],
    when: When | None,
    place: Place,
    options: TableOptions,
    grid: Grid,
) -> str:
    """Why a column of numbers is none of values, by its name and what it holds; empty if it is.

    Raises:
        TableRefused: it may be anything.
    """
    name = column.name.strip().casefold()
    if _is_key(column) and len(set(column.cells)) == 1:
        return "it names one series"
    if when is not None or options.time is not None:
        return ""
    if name in TIME_NAMES | STEP_NAMES:
        _check_order(column, columns, place, grid)
        return "it puts rows in order, without dates"
    if _is_key(column) and name not in SERIES_NAMES:
        raise place.refuse(
            f"column {column.label} may name series; pass --series {column.name}, or --target "
            "COLUMN for those that are values"
        )
    return ""


def _is_key(column: Column) -> bool:
    """Whether the column is called as names of series are, and holds whole numbers."""
    name = column.name.strip().casefold()
    named = name in KEYS or name in SERIES_NAMES or name.endswith("_id")
    return named and all(cell.isdecimal() for cell in column.cells)


def _check_order(column: Column, columns: Sequence[Column], place: Place, grid: Grid) -> None:
    """A column that is called as times are, and holds numbers, must grow evenly in each series.

    Raises:
        TableRefused: it does not.
    """
    named = [each for each in columns if each.name.strip().casefold() in SERIES_NAMES]
    before: dict[str, tuple[float, float | None]] = {}  # series -> last number, step
    for row, cell in enumerate(column.cells):
        key = _key(named[:1], row)
        try:
            number = float(cell)
            last, step = before.get(key, (None, None))
            now = None if last is None else number - last
            even = now is None or (now > 0 and (step is None or abs(now - step) <= 1e-6 * step))
        except ValueError:
            even, now, number = False, None, 0.0
        if not even:
            raise place.refuse(
                f"{shown(cell)} in column {column.label} is no date that is known, nor does it go "
                "on from the row before; pass --time COLUMN, or --time none and --target COLUMN",
                grid.lines[row],
            )
        before[key] = number, now


def _counts(column: Column, loosely: bool) -> str:
    """ "up" or "down" for whole numbers one after the other; `loosely` for growing ones."""
    if not all(column.known) or not all(cell.isdecimal() for cell in column.cells):
        return ""
    if max(map(len, column.cells)) > _MOST_DIGITS:
        return ""
    numbers = np.array([int(cell) for cell in column.cells], np.int64)
    steps = np.diff(numbers)
    if numbers[0] in (0, 1) and (steps == 1).all():
        return "up"
    if numbers[-1] in (0, 1) and (steps == -1).all():
        return "down"
    return "up" if loosely and (steps > 0).all() else ""


def _ids(
    grid: Grid, columns: Sequence[Column], when: When | None, place: Place, options: TableOptions
) -> tuple[Column, ...]:
    """The columns that tell series apart; none in wide form."""
    named = [c for c in columns if c.name.strip().casefold() in SERIES_NAMES]
    texts = [c for c in columns if c.kind == "text" and not any(c is n for n in named)]
    keys = [
        c for c in columns if c.kind == "number" and _is_key(c) and not any(c is n for n in named)
    ]
    if when is None:
        if named:
            return (named[0],)
        if options.time != NO_TIME and texts and not options.target:
            row = 0
            raise place.refuse(
                f"{shown(texts[0].cells[row])} in column {texts[0].label} is neither a number nor "
                "a date; pass --time COLUMN, --series COLUMN, or --time none if the rows are in "
                "order",
                grid.lines[row],
            )
        return ()
    times = ["\0".join(column.cells[i] for column in when.columns) for i in range(len(grid.lines))]
    if named and _tells_apart(tuple(named[:1]), times):
        return (named[0],)
    if len(set(times)) == len(times):
        return ()
    candidates = [*named, *texts, *keys]
    for count in range(1, min(len(candidates), 4) + 1):
        for chosen in combinations(candidates, count):
            if all(all(column.known) for column in chosen) and _tells_apart(chosen, times):
                return chosen
    return tuple(named[:1])  # the repeated date is told where the rows are put in order


def _key(ids: Sequence[Column], row: int) -> str:
    return "/".join(column.cells[row] for column in ids)


def _tells_apart(ids: Sequence[Column], times: Sequence[str]) -> bool:
    """Whether no series has a time twice."""
    return len({(_key(ids, i), time) for i, time in enumerate(times)}) == len(times)


def _is_fixed(column: Column, ids: Sequence[Column]) -> bool:
    """Whether the column says something of a series, such as its store, and not of a time."""
    found: dict[str, str] = {}
    for row, cell in enumerate(column.cells):
        if column.known[row] and found.setdefault(_key(ids, row), cell) != cell:
            return False
    return True


def _beside_target(
    columns: Sequence[Column], notes: list[str]
) -> tuple[tuple[Column, ...], tuple[Column, ...]]:
    """The column of the values, if it is called so, and the others, which are covariates."""
    named = [one for one in columns if one.name.strip().casefold() in _TARGETS]
    if len(named) != 1 or named[0].kind != "number":
        return (), ()
    others = [one for one in columns if one is not named[0]]
    for one in others:
        if one.kind not in ("number", "text"):
            notes.append(f"column {one.label} left out: it holds {one.kind}")
    chosen = tuple(one for one in others if one.kind in ("number", "text"))
    listed = ", ".join(one.label for one in chosen)
    notes += [f"covariates of {named[0].label}: {listed} (--covariate names others)"] * bool(chosen)
    return tuple(named), chosen


def _targets(
    columns: Sequence[Column],
    ids: Sequence[Column],
    when: When | None,
    notes: list[str],
    place: Place,
) -> tuple[Column, ...]:
    """The columns of values; what is no number is left out with a word."""
    numbers = [column for column in columns if column.kind == "number"]
    for column in columns:
        if column.kind != "number":
            notes.append(f"column {column.label} left out: it holds {column.kind}, no numbers")
    if not numbers:
        raise place.refuse("there is no column of numbers")
    fixed = [column for column in numbers if ids and _is_fixed(column, ids)]
    if fixed and len(fixed) < len(numbers):
        for column in fixed:
            notes.append(f"column {column.label} left out: it is one number in every series")
        numbers = [column for column in numbers if not any(column is each for each in fixed)]
    lowered = {column.name.strip().casefold(): column for column in numbers}
    for name in _TARGETS:
        if name in lowered and len(numbers) > 1 and (ids or when):
            others = ", ".join(column.label for column in numbers if column is not lowered[name])
            notes.append(
                f"only {lowered[name].label} is read; left out: {others} (pass --target COLUMN)"
            )
            return (lowered[name],)
    return tuple(numbers)
