"""Knows frequencies, their usual cycles, and timestamps; knows no values and no network.

A frequency is a pandas alias ("h", "D", "W", "MS", "QS", "YS", "15min", "2h"); the spellings
that pandas has retired ("H", "M", "Q", "A", "Y", "T", "S", ...) are read as what replaced them.
"""

import re
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

import pandas as pd
from pandas.tseries.frequencies import to_offset
from pandas.tseries.offsets import BaseOffset

from app.errors import InvalidInput

# retired spelling -> pandas alias of today
_RETIRED = {
    "H": "h", "BH": "bh", "T": "min", "S": "s", "L": "ms", "U": "us", "N": "ns",
    "M": "ME", "BM": "BME", "SM": "SME", "Q": "QE", "BQ": "BQE", "Y": "YE",
    "A": "YE", "BY": "BYE", "BA": "BYE", "AS": "YS", "BAS": "BYS",
}  # fmt: skip
_ALLOWED = "a pandas offset alias such as min, h, D, B, W, MS, QS, YS or 15min, 2h"
_STARTS = {"MS", "BMS", "SMS", "QS", "BQS", "YS", "BYS"}
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
        InvalidInput: pandas does not know the alias, or it steps backwards.
    """
    match = re.fullmatch(r"(\d*)([A-Za-z]+)(-[A-Za-z0-9-]+)?", frequency.strip())
    if match:
        count, name, anchor = match.groups()
        candidate = f"{count}{_RETIRED.get(name, name)}{anchor or ''}"
        try:
            found = to_offset(candidate)
        except ValueError:
            pass
        else:
            # custom business calendars need holidays, which a request cannot name
            if found.n > 0 and not found.name.lower().lstrip("0123456789").startswith("c"):
                return found
    raise InvalidInput(f"unknown frequency {frequency[:40]!r}", field="frequency", allowed=_ALLOWED)


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


@lru_cache(maxsize=1024)
def timestamps(start: str, frequency: str, skip: int, count: int) -> tuple[list[str], str | None]:
    """ISO 8601 stamps of the `count` steps that follow `skip` observations from `start`.

    A `start` that does not lie on the frequency is moved to the step it belongs to (the first
    of a month for MS, the last for ME, the next one for the others; weeks simply begin on its
    weekday); the second value says so, and is None where nothing was moved.

    Raises:
        InvalidInput: `start` is no date, or the stamps leave the years pandas can name.
    """
    step, asked = offset(frequency), _date(start)
    try:
        if step.name.startswith("W") and not step.is_on_offset(asked):
            step = to_offset(f"{step.n}W-{asked.day_name()[:3].upper()}")
        first = asked
        if not step.is_on_offset(asked):
            back = step.name.split("-")[0].lstrip("0123456789") in _STARTS
            first = step.rollback(asked) if back else step.rollforward(asked)
        stamps = pd.date_range(first + skip * step if skip else first, periods=count, freq=step)
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
    return [stamp.isoformat() for stamp in stamps], moved


def _date(start: str) -> pd.Timestamp:
    """A date or date-time in ISO 8601; a year or a month stands for its first day."""
    text = start.strip()
    if re.fullmatch(r"\d{4}(-\d{2})?", text, re.ASCII):
        text += "-01" if len(text) > 4 else "-01-01"
    try:
        if not text.isascii():
            raise ValueError
        return pd.Timestamp(datetime.fromisoformat(text))
    except (ValueError, OverflowError) as error:
        raise InvalidInput(
            f"{start[:40]!r} is not a date", field="start", allowed="an ISO 8601 date or date-time"
        ) from error
