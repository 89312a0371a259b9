"""Knows frequencies, their usual cycles, and timestamps; knows no values and no network.

A frequency is a pandas alias ("h", "D", "W", "MS", "QS", "YS", "15min", "2h"); the spellings
that pandas has retired ("H", "M", "Q", "A", "Y", "T", "S", ...) are read as what replaced them.
"""

import re
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
import pandas as pd
from pandas.tseries.frequencies import to_offset
from pandas.tseries.offsets import BaseOffset, Day, Tick, Week

from app.errors import InvalidInput

# retired spelling -> pandas alias of today
_RETIRED = {
    "H": "h", "BH": "bh", "T": "min", "S": "s", "L": "ms", "U": "us", "N": "ns",
    "M": "ME", "BM": "BME", "SM": "SME", "Q": "QE", "BQ": "BQE", "Y": "YE",
    "A": "YE", "BY": "BYE", "BA": "BYE", "AS": "YS", "BAS": "BYS",
}  # fmt: skip
# what people write for it -> pandas alias, where pandas knows none or another one
_MEANT = {
    "m": "min", "mins": "min", "minute": "min", "minutes": "min", "hour": "h", "hours": "h",
    "hourly": "h", "hr": "h", "day": "D", "days": "D", "daily": "D", "week": "W", "weeks": "W",
    "weekly": "W", "month": "MS", "months": "MS", "monthly": "MS", "mo": "MS", "quarter": "QS",
    "quarterly": "QS", "year": "YS", "years": "YS", "yearly": "YS", "annual": "YS", "sec": "s",
    "second": "s", "seconds": "s",
}  # fmt: skip
_ALLOWED = "a pandas offset alias such as min, h, D, B, W, MS, QS, YS or 15min, 2h"
_STARTS = {"MS", "BMS", "SMS", "QS", "BQS", "YS", "BYS"}
_DIGITS = 18  # of a count; more do not fit into 64 bits
_SECONDS = {"s": 1, "min": 60, "h": 3600, "D": 86400}


@dataclass(frozen=True)
class Cycles:
    """Steps per short and per long cycle (1 = none) and the kind of calendar they come from."""

    short: int
    long: int
    kind: str | None


def offset(frequency: str) -> BaseOffset:
    """The pandas offset of an alias, retired spellings included.

    Raises:
        InvalidInput: pandas does not know the alias, it steps backwards, or one step of it is
            longer than the calendar.
    """
    match = re.fullmatch(r"(\d*)([A-Za-z]+)(-[A-Za-z0-9-]+)?", frequency.strip())
    if match is None:
        raise _unknown(frequency)
    count, name, anchor = match.groups()
    if name not in _RETIRED and name.lower() in _MEANT:
        # pandas knows "m" as months, and others in some releases: nobody who writes it means that
        raise _unknown(frequency, f"{count}{_MEANT[name.lower()]}")
    try:
        if len(count) > _DIGITS:
            raise OverflowError
        found = to_offset(f"{count}{_RETIRED.get(name, name)}{anchor or ''}")
        # custom business calendars need holidays, which a request cannot name
        if found.n < 1 or found.name.lower().lstrip("0123456789").startswith("c"):
            raise _unknown(frequency)
        pd.Timestamp(1970, 1, 1) + found
    except (OverflowError, pd.errors.OutOfBoundsDatetime, pd.errors.OutOfBoundsTimedelta):
        raise InvalidInput(
            f"a step of {frequency[:40]!r} is longer than the calendar",
            field="frequency",
            allowed=_ALLOWED,
        ) from None
    except ValueError:
        raise _unknown(frequency) from None
    return found


def _unknown(frequency: str, meant: str = "") -> InvalidInput:
    asked = f"; did you mean {meant[:40]!r}?" if meant else ""
    return InvalidInput(
        f"unknown frequency {frequency[:40]!r}{asked}", field="frequency", allowed=_ALLOWED
    )


@lru_cache(maxsize=256)
def cycles_of(frequency: str) -> Cycles:
    """The usual cycles of a frequency: hours have days and weeks, weeks have years, ...

    Raises:
        InvalidInput: see `offset`.
    """
    step = offset(frequency)
    name, count = step.name.split("-")[0].lstrip("0123456789"), step.n
    if name in _SECONDS:
        return _clock_cycles(_SECONDS[name] * count)
    if name == "bh":
        return Cycles(max(8 // count, 1), max(40 // count, 1), "hourly")
    if name == "B":
        return Cycles(_per(5, count), _per(260, count), "daily")
    if name == "W":
        return Cycles(1, _per(52, count), "weekly")
    if name in ("SME", "SMS"):
        return Cycles(_per(24, count), 1, "monthly")
    if name in ("ME", "MS", "BME", "BMS"):
        return {1: Cycles(12, 1, "monthly"), 3: Cycles(4, 1, "quarterly")}.get(
            count, Cycles(_per(12, count), 1, "yearly" if count % 12 == 0 else "monthly")
        )
    if name in ("QE", "QS", "BQE", "BQS"):
        return Cycles(_per(4, count), 1, "quarterly" if count < 4 else "yearly")
    if name in ("YE", "YS", "BYE", "BYS"):
        return Cycles(1, 1, "yearly")
    return Cycles(1, 1, None)


def _per(cycle: int, count: int) -> int:
    """Steps per cycle when a step spans `count` units; 1 where they do not divide."""
    return cycle // count if cycle % count == 0 else 1


def _clock_cycles(seconds: int) -> Cycles:
    day, week, year = 86400, 7 * 86400, 365 * 86400
    if seconds < 60:
        return Cycles(60 // seconds if 60 % seconds == 0 else 1, max(3600 // seconds, 1), "hourly")
    if seconds < 1200:
        hour = 3600 // seconds if 3600 % seconds == 0 else 1
        return (
            Cycles(day // seconds, week // seconds, "hourly")
            if hour <= 12
            else Cycles(hour, day // seconds, "hourly")
        )
    if seconds < day:
        return Cycles(max(day // seconds, 1), max(week // seconds, 1), "hourly")
    if seconds == day:
        return Cycles(7, 365, "daily")
    if seconds == week:
        return Cycles(1, 52, "weekly")
    return Cycles(1, max(year // seconds, 1), "weekly" if seconds < 30 * day else None)


@lru_cache(maxsize=128)  # of a thousand stamps each
def timestamps(start: str, frequency: str, skip: int, count: int) -> tuple[list[str], str | None]:
    """ISO 8601 stamps of the `count` steps that follow `skip` observations from `start`.

    A `start` that does not lie on the frequency is moved to the step it belongs to (the first
    of a month for MS, the last for ME, the next one for the others); the second value says so,
    and is None where nothing was moved. Weeks without a day, "W", begin on the day of `start`.

    `start` may end in a time zone, as in "2024-03-30T00:00[Europe/Berlin]" (RFC 9557): days and
    longer steps keep its local time, shorter ones their length, whatever the clocks do.

    Raises:
        InvalidInput: `start` is no date, or the stamps leave the years pandas can name.
    """
    stamps, moved = times(start, frequency, skip, count)
    return [stamp.isoformat() for stamp in stamps], moved


def times(start: str, frequency: str, skip: int, count: int) -> tuple[pd.DatetimeIndex, str | None]:
    """The same as points in time, not kept. Raises as `timestamps`."""
    step = offset(frequency)
    asked, zone = _date(start)
    try:
        if isinstance(step, Week) and "-" not in frequency:
            step = Week(step.n, weekday=asked.weekday())
        first = asked
        if not step.is_on_offset(asked):
            back = step.name.split("-")[0].lstrip("0123456789") in _STARTS
            first = step.rollback(asked) if back else step.rollforward(asked)
        if zone is not None and isinstance(step, Tick) and not isinstance(step, Day):
            origin = first if first.tz else _local(pd.DatetimeIndex([first]), zone)[0]
            stamps = _steps(origin.tz_convert("UTC"), step, skip, count).tz_convert(zone)
        elif zone is not None:
            local = first.tz_convert(zone).tz_localize(None) if first.tz else first
            stamps = _local(_steps(local, step, skip, count), zone)
        else:
            stamps = _steps(first, step, skip, count)
        if len(stamps) != count:
            raise OverflowError
    except (ValueError, OverflowError) as error:
        raise InvalidInput(
            f"{skip + count} steps of {frequency[:40]!r} from {start[:40]!r} leave the calendar",
            field="start",
            allowed="timestamps between the years 1678 and 2262",
        ) from error
    moved = None
    if first != asked:
        moved = f"start does not lie on {frequency}: steps are counted from {first.isoformat()}"
    return stamps, moved


def _steps(first: pd.Timestamp, step: BaseOffset, skip: int, count: int) -> pd.DatetimeIndex:
    return pd.date_range(first + skip * step if skip else first, periods=count, freq=step)


def _local(stamps: pd.DatetimeIndex, zone: ZoneInfo) -> pd.DatetimeIndex:
    """Local times in a zone: of an hour that comes twice the first, of one that is left out the
    next that there is."""
    twice = np.ones(len(stamps), bool)
    return stamps.tz_localize(zone, ambiguous=twice, nonexistent="shift_forward")


def _date(start: str) -> tuple[pd.Timestamp, ZoneInfo | None]:
    """A date or date-time in ISO 8601, with a time zone or without one; a year or a month stands
    for its first day."""
    text, bracket, name = start.strip().removesuffix("]").partition("[")
    if re.fullmatch(r"\d{4}(-\d{2})?", text, re.ASCII):
        text += "-01" if len(text) > 4 else "-01-01"
    try:
        if not start.isascii() or bool(bracket) != start.strip().endswith("]"):
            raise ValueError
        asked = pd.Timestamp(datetime.fromisoformat(text))
    except (ValueError, OverflowError) as error:
        raise InvalidInput(
            f"{start[:40]!r} is not a date", field="start", allowed="an ISO 8601 date or date-time"
        ) from error
    if not bracket:
        return asked, None
    try:
        zone = ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise InvalidInput(
            f"{name[:40]!r} is no time zone",
            field="start",
            allowed="a name of the IANA database in brackets, such as [Europe/Berlin]",
        ) from error
    return (asked.tz_convert(zone) if asked.tz else asked), zone
