"""Which columns tell the time of a row, and which reading of them holds. Knows no values."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from app.training.forecast.tables.columns import Column, Grid
from app.training.forecast.tables.dates import NoDates, Reading, Times, read_dates
from app.training.forecast.tables.frequency import Uneven, find_grid
from app.training.forecast.tables.options import Place, TableOptions, shown
from app.training.forecast.tables.words import TIME_NAMES

NO_TIME: Final = "none"
_YEAR: Final = frozenset({"year", "yr", "jahr", "annee", "ano", "anno"})
_MONTH: Final = frozenset({"month", "mon", "mo", "mth", "monat", "mois", "mes"})
_DAY: Final = frozenset({"day", "dom", "mday", "tag", "jour", "dia"})
_HOUR: Final = frozenset({"hour", "hr", "hh", "stunde", "heure", "hora"})
_QUARTER: Final = frozenset({"quarter", "qtr", "quartal"})
_PER_YEAR: Final = (1, 4, 12)  # steps that decimal years may have
_JUDGED: Final = 20  # series by which a reading is chosen
_EXCEL: Final = np.datetime64("1899-12-30", "ns")


@dataclass(frozen=True)
class When:
    """The columns that tell the time, and what they may say."""

    columns: tuple[Column, ...]
    readings: tuple[Reading, ...]

    @property
    def label(self) -> str:
        return " and ".join(column.label for column in self.columns)


def find_times(grid: Grid, place: Place, options: TableOptions) -> When | None:
    """The time of every row; None if the rows are merely in order.

    Raises:
        TableRefused: a column that should tell the time does not.
    """
    if options.time == NO_TIME:
        return None
    if options.time is not None:
        return _told(column_named(grid, options.time, "--time", place), grid, place)
    taken = {*options.series, *options.target}
    columns = [column for column in grid.columns if column.name not in taken]
    dated = [column for column in columns if column.kind == "dates"]
    dated.sort(key=lambda column: not _is_time_name(column.name))
    if dated:
        for other in dated[1:]:
            grid.notes.append(f"column {other.label} left out: {dated[0].label} tells the time")
        return _told(dated[0], grid, place)
    parts = _parts(columns, grid, place)
    if parts is not None:
        return parts
    for column in columns:
        first = column is columns[0] or (len(columns) > 1 and column is columns[1])
        # "data" is a date in some languages, and anything in English
        named = _is_time_name(column.name) and column.name.strip().casefold() != "data"
        if column.kind == "number" and len(grid.columns) > 1 and column.odd is None:
            readings = _from_numbers(column, named=named, first=first)
            if readings:
                return When((column,), readings)
    for column in columns:
        if column.kind in ("text", "clock") and _is_time_name(column.name):
            row = next(i for i, known in enumerate(column.known) if known)
            raise place.refuse(
                f"{shown(column.cells[row])} in column {column.label} is no date that is known; "
                f"pass --time {NO_TIME} if the rows are in order, the oldest first",
                grid.lines[row],
            )
    return None


def column_named(grid: Grid, name: str, option: str, place: Place) -> Column:
    """The column that an option names.

    Raises:
        TableRefused: there is none.
    """
    for column in grid.columns:
        if column.name == name:
            return column
    names = ", ".join(column.label for column in grid.columns)
    raise place.refuse(f"{option}: there is no column {shown(name)}; there are {names}")


def choose_reading(
    when: When, groups: Sequence[NDArray[np.intp]], place: Place, options: TableOptions
) -> Reading:
    """The reading under which the dates of every series are evenly spaced.

    groups: the rows of each series.

    Raises:
        TableRefused: none is, or several are.
    """
    readings = list(when.readings)
    if options.day_first is not None:
        wanted = "day first" if options.day_first else "month first"
        readings = [each for each in readings if each.name.startswith(wanted)] or readings
    if len(readings) == 1:
        return readings[0]
    scores = [_evenness(reading.times, groups) for reading in readings]
    best = [r for r, score in zip(readings, scores, strict=True) if score == max(scores)]
    if all(np.array_equal(best[0].times, other.times, equal_nan=True) for other in best):
        return best[0]
    column = when.columns[0]
    cell = next(cell for cell, known in zip(column.cells, column.known, strict=True) if known)
    raise place.refuse(
        f"dates such as {shown(cell)} in column {when.label} can be read as "
        f"{' and as '.join(each.name for each in best)}; pass --day-first or --month-first"
    )


def _evenness(times: Times, groups: Sequence[NDArray[np.intp]]) -> int:
    """2 if the times of every group are even, 1 with gaps, 0 otherwise."""
    worst = 2
    for rows in groups[:_JUDGED]:
        known = times[rows][~np.isnat(times[rows])]
        distinct = np.unique(known)
        if len(distinct) < len(known):
            return 0
        if len(distinct) < 3:
            continue
        found = find_grid(distinct)
        worst = min(worst, 0 if isinstance(found, Uneven) else 1 if found.gaps else 2)
    return worst


def _is_time_name(name: str) -> bool:
    return name.strip().casefold().replace(" ", "_") in TIME_NAMES


def _told(column: Column, grid: Grid, place: Place) -> When:
    """A column that is the time, whatever it holds."""
    if column.odd is not None:
        row, what = column.odd
        raise place.refuse(what, grid.lines[row])
    if column.kind == "number":
        readings = _from_numbers(column, named=True, first=True)
        if readings:
            return When((column,), readings)
    if column.kind != "dates":
        row = next(i for i, known in enumerate(column.known) if known)
        raise place.refuse(
            f"{shown(column.cells[row])} in column {column.label} is no date that is known",
            grid.lines[row],
        )
    clocks = [other for other in grid.columns if other.kind == "clock"]
    midnight = all((r.times == r.times.astype("datetime64[D]")).all() for r in column.dates)
    if len(clocks) == 1 and midnight and all(clocks[0].known):
        pairs = zip(column.cells, clocks[0].cells, strict=True)
        joined = [f"{date} {clock}" for date, clock in pairs]
        found = read_dates(joined, column.known)
        if not isinstance(found, NoDates):
            return When((column, clocks[0]), tuple(found))
    return When((column,), column.dates)


def _parts(columns: Sequence[Column], grid: Grid, place: Place) -> When | None:
    """Dates in columns of their own: year, month, day, hour; year, quarter."""

    def column(names: frozenset[str]) -> Column | None:
        found = [each for each in columns if each.name.strip().casefold() in names]
        fits = len(found) == 1 and found[0].kind in ("number", "text") and all(found[0].known)
        return found[0] if fits else None

    year, month, quarter = column(_YEAR), column(_MONTH), column(_QUARTER)
    if year is None or (month is None and quarter is None):
        return None
    used = [year, month or quarter, *(c for c in (column(_DAY), column(_HOUR)) if c and month)]
    texts = []
    for row in range(len(grid.lines)):
        cells = [each.cells[row].removesuffix(".0") for each in used if each]
        if month is None:
            cells[1] = f"Q{cells[1].lstrip('Qq')}"
        texts.append("-".join(cells[:3]) + (f" {cells[3]}:00" if len(cells) > 3 else ""))
    found = read_dates(texts, [True] * len(texts))
    columns_used = tuple(each for each in used if each)
    if isinstance(found, NoDates):
        row = found.row or 0
        names = ", ".join(each.label for each in columns_used)
        raise place.refuse(f"{shown(texts[row])} in columns {names} is no date", grid.lines[row])
    return When(columns_used, tuple(found))


def _from_numbers(column: Column, *, named: bool, first: bool) -> tuple[Reading, ...]:
    """Years, yyyymm, yyyymmdd, decimal years, seconds since 1970; days as Excel counts them."""
    cells = [cell.removesuffix(".0") for cell in column.cells]
    known = [cell for cell, one in zip(cells, column.known, strict=True) if one]
    whole = all(cell.isdecimal() for cell in known)
    lengths = {len(cell) for cell in known}
    if whole and lengths in ({4}, {6}, {8}):
        found = read_dates(cells, column.known)
        if isinstance(found, NoDates):
            return ()
        # Numbers of eight digits that all are dates are dates. Shorter ones may be anything else,
        # such as whole numbers near 2000, unless they stand first and have few gaps.
        even = lengths == {8}
        distinct = np.unique(found[0].times[np.asarray(column.known)])
        if not even and first and len(distinct) > 2:
            grid = find_grid(distinct)
            most = 0 if lengths == {4} else len(distinct) // 4
            even = not isinstance(grid, Uneven) and grid.gaps <= most
            even = even and (len(distinct) == len(known) or len(known) >= 2 * len(distinct))
        return tuple(found) if named or even else ()
    numbers = np.array([float(cell) for cell in known]) if _plain(known) else np.array([])
    if not len(numbers) or not (named or first):
        return ()
    steps = np.diff(numbers)
    if not named and not ((steps > 0).all() or (steps < 0).all()):
        return ()
    if whole and lengths in ({10}, {13}):
        unit = "s" if lengths == {10} else "ms"
        times = numbers.astype(np.int64).astype(f"datetime64[{unit}]").astype("datetime64[ns]")
        return (_spread("", times, column.known, f"{column.label} counts {unit} since 1970"),)
    if not whole and numbers.min() > 1600 and numbers.max() < 2262:
        return _decimal_years(numbers, column)
    if whole and named and numbers.min() > 10_000 and numbers.max() < 100_000:
        times = _EXCEL + numbers.astype("timedelta64[D]")
        note = f"{column.label} holds days as spreadsheets count them, since 1899-12-30"
        return (_spread("", times.astype("datetime64[ns]"), column.known, note),)
    return ()


def _decimal_years(numbers: NDArray[np.float64], column: Column) -> tuple[Reading, ...]:
    """1949.083 is February 1949, where all are multiples of a month, a quarter or a year."""
    for count in _PER_YEAR:
        steps = np.rint(numbers * count)
        if np.abs(numbers * count - steps).max() < 0.02 * count / 12 + 0.01:
            months = (steps * (12 // count)).astype(np.int64) - 1970 * 12
            times = months.astype("datetime64[M]").astype("datetime64[ns]")
            return (_spread("", times, column.known, f"{column.label} holds decimal years"),)
    return ()


def _plain(cells: Sequence[str]) -> bool:
    try:
        return bool(cells) and bool(np.isfinite([float(cell) for cell in cells]).all())
    except ValueError:
        return False


def _spread(name: str, times: Times, known: Sequence[bool], note: str) -> Reading:
    whole = np.full(len(known), np.datetime64("NaT"), "datetime64[ns]")
    whole[np.asarray(known)] = times
    return Reading(name, whole, (note,))
