"""Frames of pandas and polars into series, and forecasts into frames. Asks nobody.

Neither is imported before a frame of it is given.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timezone
from typing import Any, Final, Protocol, TypeVar

from unroll_client.answers import Forecast
from unroll_client.errors import WrongArgument
from unroll_client.frequency import regular

_TIMES: Final = ("ds", "date", "time", "timestamp", "datetime")
_ID, _TIME, _TARGET = "unique_id", "ds", "y"


class Frame(Protocol):
    """A frame of pandas or polars."""

    @property
    def columns(self) -> Any: ...

    @property
    def shape(self) -> tuple[int, int]: ...


FrameT = TypeVar("FrameT", bound=Frame)


@dataclass(frozen=True)
class Columns:
    """Names of columns, as far as they are given."""

    time: str | None
    target: str | None
    series: str | None


@dataclass(frozen=True)
class Table:
    """The series of a frame, in the order in which they come."""

    library: str
    columns: Columns
    names: list[Any]
    values: list[list[Any]]
    frequency: str | None
    # The time of each one's first value; None where there are no times.
    starts: list[str] | None

    def frame(self, forecasts: Sequence[Forecast]) -> Any:
        """A row a step, in long form, of the same library. Steps without times count from 1."""
        levels = list(forecasts[0]["quantiles"]) if forecasts else []
        rows: dict[str, list[Any]] = {self.columns.series or _ID: []}
        time = self.columns.time or _TIME
        rows |= {each: [] for each in (time, "mean", *(f"q{level}" for level in levels))}
        for name, one in zip(self.names, forecasts, strict=True):
            steps = len(one["mean"])
            times = [datetime.fromisoformat(each) for each in one.get("timestamps", ())]
            rows[self.columns.series or _ID] += [name] * steps
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
        WrongArgument: a column is not there, or times are of no frequency.
    """
    library = type(frame).__module__.partition(".")[0]
    columns = _columns(frame, library)
    for name in (given.time, given.target, given.series):
        if name is not None and name not in columns:
            known = ", ".join(map(str, columns))
            raise WrongArgument(f"the frame has no column {name!r}; it has {known}")
    time = given.time or _time_of(columns)
    found = Columns(time, given.target, given.series or (_ID if _ID in columns else None))
    pieces = _long(columns, found) if found.series is not None else _wide(columns, found)
    if not pieces:
        raise WrongArgument("the frame has no column of numbers")
    if time is None:
        rows = [[value for _, value in piece] for piece in pieces.values()]
        return Table(library, found, list(pieces), rows, frequency, None)
    return _timed(library, found, pieces, frequency)


def _timed(
    library: str,
    columns: Columns,
    pieces: Mapping[Any, list[tuple[Any, Any]]],
    frequency: str | None,
) -> Table:
    values, starts, aliases = [], [], {}
    for name, piece in pieces.items():
        timed = sorted(((_moment(at), value) for at, value in piece), key=lambda pair: pair[0])
        starts.append(timed[0][0].isoformat())
        if frequency is not None:
            values.append([value for _, value in timed])
            continue
        alias, steps = regular([at for at, _ in timed], str(name))
        aliases[alias] = name
        row: list[Any] = [None] * (steps[-1] + 1)
        for step, (_, value) in zip(steps, timed, strict=True):
            row[step] = value
        values.append(row)
    if len(aliases) > 1:
        shown = ", ".join(f"{name} has {alias}" for alias, name in list(aliases.items())[:3])
        raise WrongArgument(f"series of several frequencies ({shown}): forecast each by itself")
    return Table(library, columns, list(pieces), values, frequency or next(iter(aliases)), starts)


def _columns(frame: Any, library: str) -> dict[Any, list[Any]]:
    """Lists by name; the index of pandas comes first, if it is of times."""
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


def _time_of(columns: Mapping[Any, list[Any]]) -> Any:
    """The column that holds times: by its values, or by a usual name; None if there is none."""
    by_value = [name for name, values in columns.items() if values and isinstance(values[0], date)]
    by_name = [name for name in columns if str(name).lower() in _TIMES]
    return next(iter([*by_value, *by_name]), None)


def _long(columns: Mapping[Any, list[Any]], named: Columns) -> dict[Any, list[tuple[Any, Any]]]:
    target = named.target or (_TARGET if _TARGET in columns else None)
    if target is None:
        others = [name for name in columns if name not in (named.series, named.time)]
        numeric = [name for name in others if _is_numeric(columns[name])]
        if len(numeric) != 1:
            raise WrongArgument(f"which column holds the values? target= names one of {numeric}")
        (target,) = numeric
    assert named.series is not None
    count = len(columns[target])
    times = columns[named.time] if named.time is not None else [None] * count
    pieces: dict[Any, list[tuple[Any, Any]]] = {}
    for name, at, value in zip(columns[named.series], times, columns[target], strict=True):
        pieces.setdefault(name, []).append((at, value))
    return pieces


def _wide(columns: Mapping[Any, list[Any]], named: Columns) -> dict[Any, list[tuple[Any, Any]]]:
    wanted = [named.target] if named.target is not None else list(columns)
    times = columns[named.time] if named.time is not None else None
    return {
        name: list(zip(times or [None] * len(columns[name]), columns[name], strict=True))
        for name in wanted
        if name != named.time and _is_numeric(columns[name])
    }


def _is_numeric(values: Sequence[Any]) -> bool:
    return all(
        each is None or (hasattr(each, "__float__") and not isinstance(each, (bool, date)))
        for each in values
    )


def _moment(value: Any) -> datetime:
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
