"""Cells to points in time: every reading of a column that its cells allow. Knows no values.

Which of several readings (first the day or first the month) is meant is told by their spacing;
see `frequency`.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Times = NDArray[np.datetime64]

_DAY: Final = "day first"
_MONTH: Final = "month first"
# (form of the date, formats of strptime that it may be, by name)
_FORMS: Final[tuple[tuple[str, tuple[tuple[str, str], ...]], ...]] = (
    (r"\d{4}-\d{1,2}-\d{1,2}", (("", "%Y-%m-%d"),)),
    (r"\d{4}/\d{1,2}/\d{1,2}", (("", "%Y/%m/%d"),)),
    (r"\d{4}\.\d{1,2}\.\d{1,2}", (("", "%Y.%m.%d"),)),
    (r"\d{8}", (("", "%Y%m%d"),)),
    (r"\d{6}", (("", "%Y%m"),)),
    (r"\d{4}", (("", "%Y"),)),
    (r"\d{4}-\d{1,2}", (("", "%Y-%m"),)),
    (r"\d{4}/\d{1,2}", (("", "%Y/%m"),)),
    (r"\d{4}\.\d{2}", (("", "%Y.%m"),)),
    (r"\d{4}[Mm]\d{1,2}", (("", "%YM%m"),)),
    (r"\d{1,2}/\d{1,2}/\d{4}", ((_DAY, "%d/%m/%Y"), (_MONTH, "%m/%d/%Y"))),
    (r"\d{1,2}-\d{1,2}-\d{4}", ((_DAY, "%d-%m-%Y"), (_MONTH, "%m-%d-%Y"))),
    (r"\d{1,2}\.\d{1,2}\.\d{4}", ((_DAY, "%d.%m.%Y"),)),
    (r"\d{1,2}/\d{1,2}/\d{2}", ((_DAY, "%d/%m/%y"), (_MONTH, "%m/%d/%y"))),
    (
        r"\d{2}-\d{2}-\d{2}",
        ((_DAY, "%d-%m-%y"), (_MONTH, "%m-%d-%y"), ("year first", "%y-%m-%d")),
    ),
    (r"\d{1,2}\.\d{1,2}\.\d{2}", ((_DAY, "%d.%m.%y"),)),
    (r"\d{1,2}/\d{4}", (("", "%m/%Y"),)),
    (r"\d{1,2}-\d{4}", (("", "%m-%Y"),)),
    (r"\d{2}\.\d{4}", (("", "%m.%Y"),)),
    (r"\d{1,2}-\d{2}", (("year first", "%y-%m"), (_MONTH, "%m-%y"))),
    (r"[A-Z][a-z]{2,8}[ -]\d{4}", (("", "%b %Y"), ("", "%B %Y"))),
    (r"[A-Z][a-z]{2,8}[ -]\d{2}", (("", "%b %y"), ("", "%B %y"))),
    (r"\d{4}[ -][A-Z][a-z]{2,8}", (("", "%Y %b"), ("", "%Y %B"))),
    (r"\d{2}-[A-Z][a-z]{2}", (("", "%y %b"),)),
    (r"\d{1,2}[ -][A-Z][a-z]{2,8}[ -]\d{4}", (("", "%d %b %Y"), ("", "%d %B %Y"))),
    (r"\d{1,2}[ -][A-Z][a-z]{2,8}[ -]\d{2}", (("", "%d %b %y"), ("", "%d %B %y"))),
    (r"[A-Z][a-z]{2,8} \d{1,2},? \d{4}", (("", "%b %d %Y"), ("", "%B %d %Y"))),
    (r"\d{4}[ -]?Q[1-4]", (("", "quarter"),)),
    (r"Q[1-4][ /-]?\d{4}", (("", "quarter"),)),
    (r"[1-4]Q[ /-]?\d{4}", (("", "quarter"),)),
    (r"\d{4}-?W\d{2}", (("", "%GW%V-%u"),)),
)
_COMPILED: Final = tuple((re.compile(form, re.ASCII), formats) for form, formats in _FORMS)
_PARTS: Final = re.compile(
    r"(?:(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*,? +)?"  # a weekday is not looked at
    r"(?P<date>.*?)"
    r"(?:(?:T| +)(?P<hour>\d{1,2}):(?P<minute>\d\d)(?::(?P<second>\d\d(?:[.,]\d+)?))?"
    r"(?: ?(?P<half>[ap])\.?m\.?)? ?(?P<zone>Z|UTC|GMT|[+-]\d\d(?::?\d\d)?)?)?",
    re.IGNORECASE | re.ASCII,
)
CLOCK: Final = re.compile(r"\d{1,2}:\d\d(:\d\d(\.\d+)?)?( ?[ap]\.?m\.?)?", re.IGNORECASE | re.ASCII)


@dataclass(frozen=True)
class Reading:
    """What a column may say: `times` (rows,), NaT where the cell is missing."""

    name: str
    times: Times
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class NoDates:
    """Cells that are no dates; `share` of them look like some, `row` is the first that fails."""

    share: float
    row: int | None
    like: str  # a cell that is one


def read_dates(cells: Sequence[str], known: Sequence[bool]) -> list[Reading] | NoDates:
    """Every reading of a column; cells that are not `known` are missing values."""
    rows = [i for i, one in enumerate(known) if one]
    matches = {i: _PARTS.fullmatch(cells[i]) for i in rows}
    dates = {i: _spelled(match["date"]) for i, match in matches.items() if match}
    form = _form_of(list(dates.values()))
    if form is None:
        return NoDates(0.0, None, "")
    pattern, formats = form
    fitting = [i for i in rows if i in dates and pattern.fullmatch(dates[i])]
    zoned = [i for i in fitting if (m := matches[i]) is not None and m["zone"]]
    share = len(fitting) / len(rows)
    for some in (fitting, zoned):
        if some and len(some) < len(rows):
            return NoDates(share, min(set(rows) - set(some)), cells[some[0]])
    if not fitting:
        return NoDates(0.0, None, "")
    clocks, offsets = _clocks([matches[i] for i in rows])
    if clocks is None:
        return NoDates(share, rows[0], "")
    texts = pd.Series([dates[i] for i in rows])
    readings: list[Reading] = []
    worst: NDArray[np.intp] = np.array([], np.intp)
    for name, format in formats:
        days = _days(texts, format)
        failed = np.flatnonzero(np.isnat(days))
        if len(failed):
            worst = failed if not len(worst) or failed[0] > worst[0] else worst
            continue
        notes: tuple[str, ...] = ()
        if "%y" in format:
            days, notes = _centuries(days)
        readings += _with_zones(name, days + clocks, offsets, notes, rows, len(cells))
    if not readings:
        good = next((i for n, i in enumerate(rows) if n != worst[0]), rows[0])
        return NoDates(share, rows[int(worst[0])], cells[good])
    return readings


def _spelled(date: str) -> str:
    """A date as the forms have it: JAN, jan. and january as Jan and January."""
    text = date.strip()
    if any(each.isalpha() for each in text):
        text = re.sub(r"(?<=[A-Za-z])\.", "", text)
        text = re.sub(r"[A-Za-z]{3,}", lambda word: word[0].capitalize(), text)
        text = re.sub(r"\bSept\b", "Sep", text)
        text = re.sub(r"(?<=\d)q(?=\d)|^q(?=\d)", "Q", text)
        text = re.sub(r"(?<=\d)q(?=[ /-]?\d{4}$)", "Q", text)
        text = re.sub(r"(?<=\d)w(?=\d)", "W", text)
    return text


def _form_of(dates: Sequence[str]) -> tuple[re.Pattern[str], tuple[tuple[str, str], ...]] | None:
    """The form that most of the dates have, by some two hundred of them."""
    sample = dates[:: max(1, len(dates) // 200)]
    counts = [sum(1 for date in sample if form.fullmatch(date)) for form, _ in _COMPILED]
    most = max(counts)
    return _COMPILED[counts.index(most)] if most else None


def _days(texts: pd.Series, format: str) -> Times:
    """Dates (rows,), NaT where `format` does not fit."""
    if format == "quarter":
        parts = texts.str.extract(r"(?P<year>\d{4})").year.astype(int)
        quarter = texts.str.extract(r"^(?P<b>[1-4])Q|Q(?P<a>[1-4])")
        number = quarter.a.fillna(quarter.b).astype(int)
        return np.asarray(
            pd.to_datetime({"year": parts, "month": 3 * number - 2, "day": 1}), "datetime64[ns]"
        )
    if format == "%GW%V-%u":
        texts = texts.str.replace("-", "") + "-1"  # the Monday of the week
    elif "%b" in format or "%B" in format:
        texts = texts.str.replace(r"[ ,-]+", " ", regex=True)
    elif format == "%YM%m":
        texts = texts.str.upper()
    elif "%y" in format:
        texts = texts.str.replace(r"^(\d)(?=\D)", r"0\1", regex=True)
    return np.asarray(pd.to_datetime(texts, format=format, errors="coerce"), "datetime64[ns]")


def _centuries(days: Times) -> tuple[Times, tuple[str, ...]]:
    """Two-digit years: none lies in the future."""
    latest = datetime.now(UTC).year + 1
    dates = pd.DatetimeIndex(days)
    moved = dates.where(dates.year <= latest, dates - pd.DateOffset(years=100))
    first, last = moved.min().year, moved.max().year
    return np.asarray(moved, "datetime64[ns]"), (f"years of two digits are {first} to {last}",)


def _clocks(
    matches: "Sequence[re.Match[str] | None]",
) -> tuple[NDArray[np.timedelta64] | None, NDArray[np.timedelta64] | None]:
    """Time of day and offset from UTC (rows,); None if a clock is none, or there are no zones."""
    seconds = np.zeros(len(matches))
    minutes = np.zeros(len(matches), np.int64)
    zoned = False
    for n, match in enumerate(matches):
        assert match is not None
        if match["hour"] is not None:
            hour, minute = int(match["hour"]), int(match["minute"])
            second = float((match["second"] or "0").replace(",", "."))
            if match["half"]:
                if not 1 <= hour <= 12:
                    return None, None
                hour = hour % 12 + (12 if match["half"].lower() == "p" else 0)
            if hour > 24 or minute > 59 or second >= 60 or (hour == 24 and (minute or second)):
                return None, None
            seconds[n] = 3600 * hour + 60 * minute + second
        if zone := match["zone"]:
            zoned = True
            if zone[0] in "+-":
                digits = zone[1:].replace(":", "").ljust(4, "0")
                minutes[n] = (60 * int(digits[:2]) + int(digits[2:])) * (
                    -1 if zone[0] == "-" else 1
                )
    clocks = np.rint(seconds * 1e3).astype(np.int64).astype("timedelta64[ms]")
    return clocks, minutes.astype("timedelta64[m]") if zoned else None


def _with_zones(
    name: str,
    times: Times,
    offsets: NDArray[np.timedelta64] | None,
    notes: tuple[str, ...],
    rows: Sequence[int],
    count: int,
) -> list[Reading]:
    def spread(values: Times) -> Times:
        whole = np.full(count, np.datetime64("NaT"), "datetime64[ns]")
        whole[list(rows)] = values
        return whole

    if offsets is None or len(np.unique(offsets)) == 1:
        return [Reading(name, spread(times), notes)]
    # Days begin at the local midnight, hours go on through a change of the clock.
    utc = (*notes, "times of several zones are read as UTC")
    local = (*notes, "times of several offsets are read as local time")
    return [
        Reading(f"{name} local".strip(), spread(times), local),
        Reading(f"{name} UTC".strip(), spread(times - offsets), utc),
    ]
