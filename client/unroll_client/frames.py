"""Frames of pandas and polars into series, and forecasts into frames. Asks nobody.

Neither is imported before a frame of it is given.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timezone
from typing import Any, Final, Protocol, TypeVar

from unroll_client.answers import Forecast
from unroll_client.errors import WrongArgument
from unroll_client.frequency import moments, regular

_TIMES: Final = ("ds", "date", "time", "timestamp", "datetime")
_ID, _TIME, _TARGET = "unique_id", "ds", "y"


class Frame(Protocol):
    """A frame of pandas or polars."""

    @property
    def columns(self) -> Any: ...

    @property
    def shape(self) -> tuple[int, int]: ...


FrameT = TypeVar("FrameT", bound=Frame)
# By the name of a series, its rows: the time of each, None without times, and its values.
Rows = dict[Any, list[tuple[Any, tuple[Any, ...]]]]


@dataclass(frozen=True)
class Columns:
    """Names of columns, as far as they are given."""

    time: str | None
    target: str | None
    series: str | None
    # What else is known of each step.
    covariates: tuple[str, ...] = ()


@dataclass(frozen=True)
class Table:
    """The series of a frame, in the order in which they come."""

    library: str
    columns: Columns
    names: list[Any]
    values: list[list[Any]]
    # Of each series, by the names of the covariates, as long as its values.
    covariates: list[dict[str, list[Any]]]
    frequency: str | None
    # The times of each one's values, those of missing ones too; None where there are no times.
    times: list[list[datetime]] | None
    # Whether the frequency was found in the times, so that those of coming steps follow from it.
    regular: bool

    @property
    def starts(self) -> list[str] | None:
        """The time of each one's first value; None where there are no times."""
        return None if self.times is None else [each[0].isoformat() for each in self.times]

    def frame(self, forecasts: Sequence[Forecast]) -> Any:
        """A row a step, in long form, of the same library. Steps without times count from 1.

        Where forecasts hold the filled-in past, its rows come first, and `kind` tells which these
        are; without times they count up to 0.
        """
        levels = list(forecasts[0]["quantiles"]) if forecasts else []
        series, time = self.columns.series or _ID, self.columns.time or _TIME
        filled = any("past" in one for one in forecasts)
        names = (series, time, *(["kind"] if filled else []), "mean", *(f"q{x}" for x in levels))
        rows: dict[str, list[Any]] = {each: [] for each in names}
        for place, one in enumerate(forecasts):
            steps = len(one["mean"])
            times = [datetime.fromisoformat(each) for each in one.get("timestamps", ())]
            if filled:
                known = self.values[place]
                rows["kind"] += ["imputed" if _is_missing(each) else "known" for each in known]
                rows["kind"] += ["forecast"] * steps
                rows["mean"] += one["past"]["values"]
                for level in levels:
                    rows[f"q{level}"] += one["past"]["quantiles"][level]
                rows[series] += [self.names[place]] * len(known)
                before = range(1 - len(known), 1) if self.times is None else self.times[place]
                rows[time] += before
            rows[series] += [self.names[place]] * steps
            rows[time] += times or range(1, steps + 1)
            rows["mean"] += one["mean"]
            for level in levels:
                rows[f"q{level}"] += one["quantiles"][level]
        return importlib.import_module(self.library).DataFrame(rows)


def is_frame(value: Any) -> bool:
    return hasattr(value, "columns") and hasattr(value, "shape")


def table_of(frame: Frame, given: Columns, frequency: str | None) -> Table:
    """The series of a frame. Where times have gaps, missing values are put in.

    frequency: with it the values of a series are taken as they follow each other.

    Raises:
        WrongArgument: a column is not there, there are no rows, or times are of no frequency.
    """
    library = library_of(frame)
    columns = columns_of(frame)
    if not frame.shape[0]:
        raise WrongArgument("the frame has no rows")
    for name in (given.time, given.target, given.series, *given.covariates):
        if name is not None and name not in columns:
            known = ", ".join(map(str, columns))
            raise WrongArgument(f"the frame has no column {name!r}; it has {known}")
    time = given.time or time_of(columns)
    series = given.series or (_ID if _ID in columns else None)
    found = Columns(time, given.target, series, given.covariates)
    pieces = _long(columns, found) if found.series is not None else _wide(columns, found)
    if not pieces:
        raise WrongArgument("the frame has no column of numbers")
    return _table(library, found, pieces, frequency)


def library_of(frame: Frame) -> str:
    return type(frame).__module__.partition(".")[0]


def _table(library: str, columns: Columns, pieces: Rows, frequency: str | None) -> Table:
    rows, times, aliases = [], [], {}
    for name, piece in pieces.items():
        if columns.time is None:
            rows.append([values for _, values in piece])
            continue
        timed = in_order(piece)
        if frequency is not None:
            rows.append([values for _, values in timed])
            times.append([at for at, _ in timed])
            continue
        alias, steps = regular([at for at, _ in timed], str(name))
        aliases[alias] = name
        width = 1 + len(columns.covariates)
        row: list[tuple[Any, ...]] = [(None,) * width] * (steps[-1] + 1)
        for step, (_, values) in zip(steps, timed, strict=True):
            row[step] = values
        rows.append(row)
        times.append(moments(timed[0][0], alias, len(row)))
    if len(aliases) > 1:
        shown = ", ".join(f"{name} has {alias}" for alias, name in list(aliases.items())[:3])
        raise WrongArgument(f"series of several frequencies ({shown}): forecast each by itself")
    return Table(
        library,
        columns,
        list(pieces),
        [[values[0] for values in row] for row in rows],
        [by_name(columns.covariates, (values[1:] for values in row)) for row in rows],
        next(iter(aliases), frequency),
        times or None,
        bool(aliases),
    )


def in_order(rows: Iterable[tuple[Any, tuple[Any, ...]]]) -> list[tuple[datetime, tuple[Any, ...]]]:
    """Rows by their times. Raises WrongArgument: one has none."""
    return sorted(((moment(at), values) for at, values in rows), key=lambda pair: pair[0])


def by_name(names: Sequence[str], rows: Iterable[tuple[Any, ...]]) -> dict[str, list[Any]]:
    """Rows of values as lists by the names of their columns."""
    listed = list(rows)
    return {name: [row[place] for row in listed] for place, name in enumerate(names)}


def columns_of(frame: Any) -> dict[Any, list[Any]]:
    """Lists by name; the index of pandas comes first, if it is of times."""
    library = library_of(frame)
    if library == "pandas":
        columns = {name: frame[name].tolist() for name in frame.columns}
        index = frame.index
        if hasattr(index, "to_timestamp"):  # periods
            index = index.to_timestamp()
        if len(index) and isinstance(index[0], datetime):
            name = index.name if index.name is not None else _TIME
            columns = {name: index.tolist()} | columns
        return columns
    if library == "polars":
        return {name: frame[name].to_list() for name in frame.columns}
    raise WrongArgument(f"expected a frame of pandas or polars, got one of {library}")


def time_of(columns: Mapping[Any, list[Any]]) -> Any:
    """The column that holds times: by its values, or by a usual name; None if there is none."""
    by_value = [name for name, values in columns.items() if values and isinstance(values[0], date)]
    by_name = [name for name in columns if str(name).lower() in _TIMES]
    return next(iter([*by_value, *by_name]), None)


def _long(columns: Mapping[Any, list[Any]], named: Columns) -> Rows:
    target = named.target or (_TARGET if _TARGET in columns else None)
    if target is None:
        taken = (named.series, named.time, *named.covariates)
        others = [name for name in columns if name not in taken]
        numeric = [name for name in others if _is_numeric(columns[name])]
        if len(numeric) != 1:
            raise WrongArgument(f"which column holds the values? target= names one of {numeric}")
        (target,) = numeric
    return rows_of(columns, named, (target, *named.covariates))


def rows_of(columns: Mapping[Any, list[Any]], named: Columns, wanted: Sequence[Any]) -> Rows:
    """The wanted values of each row, by the series of the row."""
    count = len(columns[wanted[0]])
    nothing = [None] * count
    names = nothing if named.series is None else columns[named.series]
    times = nothing if named.time is None else columns[named.time]
    pieces: Rows = {}
    values = zip(*(columns[each] for each in wanted), strict=True)
    for name, at, row in zip(names, times, values, strict=True):
        pieces.setdefault(name, []).append((at, row))
    return pieces


def _wide(columns: Mapping[Any, list[Any]], named: Columns) -> Rows:
    wanted = [named.target] if named.target is not None else list(columns)
    pieces: Rows = {}
    for name in wanted:
        if name not in (named.time, *named.covariates) and _is_numeric(columns[name]):
            pieces[name] = rows_of(columns, named, (name, *named.covariates)).get(None, [])
    return pieces


def _is_missing(value: Any) -> bool:
    return value is None or type(value).__name__ == "NAType" or bool(value != value)


def _is_numeric(values: Sequence[Any]) -> bool:
    return all(
        each is None or (hasattr(each, "__float__") and not isinstance(each, (bool, date)))
        for each in values
    )


def moment(value: Any) -> datetime:
    """Without a zone: of times with one the date where all are at midnight, else UTC.

    Raises:
        WrongArgument: it is no time.
    """
    try:
        if isinstance(value, str):
            value = datetime.fromisoformat(value.replace("Z", "+00:00"))
        if isinstance(value, datetime):
            if value.tzinfo is not None and (value.hour or value.minute or value.second):
                value = value.astimezone(timezone.utc)
            day, clock = value.date(), value.time()
            return datetime.combine(day, clock)
        if isinstance(value, date):
            return datetime(value.year, value.month, value.day)
    except ValueError:
        pass
    raise WrongArgument(f"expected a time, got {str(value)[:40]!r}")
