"""Knows frequencies, cycles and timestamps; knows no network and no values but for `infer_cycles`.

A frequency is a pandas alias ("h", "D", "W", "MS", "QS", "YS", "15min", "2h"); the spellings
that pandas has retired ("H", "M", "Q", "A", "Y", "T", "S", ...) are read as what replaced them.
"""

import re
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.tseries.frequencies import to_offset
from pandas.tseries.offsets import BaseOffset

from app.errors import InvalidInput

# retired spelling -> pandas alias of today
_RETIRED = {
    "H": "h", "BH": "bh", "CBH": "cbh", "T": "min", "S": "s", "L": "ms", "U": "us", "N": "ns",
    "M": "ME", "BM": "BME", "SM": "SME", "CBM": "CBME", "Q": "QE", "BQ": "BQE", "Y": "YE",
    "A": "YE", "BY": "BYE", "BA": "BYE", "AS": "YS", "BAS": "BYS",
}  # fmt: skip
_ALLOWED = "a pandas offset alias such as min, h, D, B, W, MS, QS, YS or 15min, 2h"
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
            if found.n > 0:
                return found
    raise InvalidInput(f"unknown frequency {frequency!r}", field="frequency", allowed=_ALLOWED)


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
    if name in ("bh", "cbh"):
        return Cycles(max(8 // count, 1), max(40 // count, 1), "hourly")
    if name in ("B", "C"):
        return Cycles(_per(5, count), _per(260, count), "daily")
    if name == "W":
        return Cycles(1, _per(52, count), "weekly")
    if name in ("SME", "SMS"):
        return Cycles(_per(24, count), 1, "monthly")
    if name in ("ME", "MS", "BME", "BMS", "CBME", "CBMS"):
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


def choose_cycles(
    values: NDArray[np.float64], frequency: str | None, season_length: int | None
) -> Cycles:
    """Cycles of one series (time,), NaN = missing.

    `season_length` replaces the short cycle and leaves the frequency's long one (a year of
    weeks, a week of hours) in view; without either, the cycle is inferred from the values.
    """
    if frequency is not None:
        usual = cycles_of(frequency)
        if season_length is None or season_length == usual.short:
            return usual
        if season_length == usual.long:
            return usual
        return Cycles(season_length, usual.long if season_length < usual.long else 1, usual.kind)
    short = infer_season_length(values) if season_length is None else season_length
    # without a calendar, a season length still tells what the steps usually are
    by_length = {
        4: Cycles(4, 1, "quarterly"),
        7: Cycles(7, 365, "daily"),
        12: Cycles(12, 1, "monthly"),
        24: Cycles(24, 168, "hourly"),
        48: Cycles(48, 336, "hourly"),
        52: Cycles(1, 52, "weekly"),
        96: Cycles(96, 672, "hourly"),
        168: Cycles(24, 168, "hourly"),
    }
    return by_length.get(short, Cycles(short, 1, None))


def infer_season_length(values: NDArray[np.float64], longest: int = 400) -> int:
    """The strongest cycle of a series (time,), NaN = missing; 1 when none stands out.

    The autocorrelation of the linearly detrended differences must peak at the lag, above
    0.3 and above 2.5 standard errors of white noise; three whole cycles must be there.
    """
    values = values[-8 * longest :]
    known = ~np.isnan(values)
    if known.sum() < 9:
        return 1
    steps = np.arange(len(values))
    x = np.diff(np.interp(steps, steps[known], values[known]))
    x = x - x.mean()
    power = float(x @ x)
    if power <= 1e-24 * (1.0 + float(np.abs(values[known]).max()) ** 2):
        return 1
    size = 1 << (2 * len(x) - 1).bit_length()
    spectrum = np.fft.rfft(x, size)
    acf = np.fft.irfft(spectrum * np.conj(spectrum), size)[: len(x)] / power
    last = min(longest, len(x) // 3)
    lags = np.arange(2, last + 1)
    if len(lags) == 0:
        return 1
    # undo the shrinkage of the biased estimate at long lags
    corrected = acf[: last + 2] * len(x) / (len(x) - np.arange(last + 2))
    peaks = lags[
        (corrected[lags] >= corrected[lags - 1]) & (corrected[lags] >= corrected[lags + 1])
    ]
    floor = max(0.3, 2.5 / np.sqrt(len(x)))
    peaks = peaks[corrected[peaks] > floor]
    if len(peaks) == 0:
        return 1
    best = float(corrected[peaks].max())
    return int(peaks[corrected[peaks] >= 0.9 * best][0])


def timestamps(start: str, frequency: str, skip: int, count: int) -> list[str]:
    """ISO 8601 stamps of the `count` steps that follow `skip` observations from `start`.

    Raises:
        InvalidInput: `start` is no date, or the stamps leave the years pandas can name.
    """
    step = offset(frequency)
    try:
        first = pd.Timestamp(start)
        if pd.isna(first):
            raise ValueError
    except (ValueError, OverflowError) as error:
        raise InvalidInput(
            f"{start!r} is not a date", field="start", allowed="an ISO 8601 date or date-time"
        ) from error
    try:
        stamps = pd.date_range(first, periods=skip + count, freq=step)[skip:]
        if len(stamps) != count:
            raise OverflowError
    except (ValueError, OverflowError) as error:
        raise InvalidInput(
            f"{skip + count} steps of {frequency!r} from {start!r} leave the calendar",
            field="start",
            allowed="timestamps between the years 1678 and 2262",
        ) from error
    return [stamp.isoformat() for stamp in stamps]
