"""Columns of the calendar: days of the week, times of the year, holidays. Knows dates."""

from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from app.errors import InvalidInput
from app.features.calendar import cycles_of, times

Array = NDArray[np.float64]

HOLIDAYS = "holidays"
CALENDAR = "calendar"
_DAILY = ("hourly", "daily")


def dates_of(start: str, frequency: str, skip: int, steps: int) -> pd.DatetimeIndex:
    """The local days and times of `steps` steps after the first `skip`. Raises InvalidInput."""
    return times(start, frequency, skip, steps)[0].tz_localize(None)


def calendar_columns(dates: pd.DatetimeIndex | None, short: int, long: int, steps: int) -> Array:
    """(steps, columns): the day of the week and the time of the year where a step is a day or less.

    Without dates the phase within the long cycle stands for the day of the week.
    """
    if dates is not None:
        week = np.eye(7)[dates.dayofweek]
        year = 2.0 * np.pi * dates.dayofyear.to_numpy() / 365.25
        waves = [f(k * year) for k in (1, 2) for f in (np.sin, np.cos)]
        return np.concatenate([week, np.stack(waves, axis=1)], axis=1)
    if 1 < long // max(short, 1) <= 12 and long % max(short, 1) == 0:
        return np.eye(long // short)[(np.arange(steps) // max(short, 1)) % (long // short)]
    return np.zeros((steps, 0))


def is_daily(frequency: str | None) -> bool:
    """Whether steps are days or shorter."""
    return frequency is not None and cycles_of(frequency).kind in _DAILY


def check_holidays(place: str) -> None:
    """Raise InvalidInput for a place whose holidays are not known."""
    _holidays(place, 2020, 2020)


def holiday_columns(place: str, dates: pd.DatetimeIndex) -> Array:
    """(steps, 3): whether a step is on a holiday of `place`, the day before one, the day after.

    Of steps that are longer than a day: how many holidays each of them has, in the first column.
    """
    days = dates.normalize()
    free = pd.DatetimeIndex(
        pd.to_datetime(sorted(_holidays(place, int(days[0].year), int(days[-1].year) + 1)))
    )
    longest = (dates[1:] - dates[:-1]).max() if len(dates) > 1 else pd.Timedelta(days=1)
    if longest > pd.Timedelta(days=4):
        ends = [*dates[1:], dates[-1] + longest]
        inside = free.searchsorted(ends) - free.searchsorted(dates)
        return np.stack([inside, np.zeros(len(dates)), np.zeros(len(dates))], axis=1).astype(float)
    day = pd.Timedelta(days=1)
    marks = [days.isin(free), (days + day).isin(free), (days - day).isin(free)]
    return np.stack(marks, axis=1).astype(np.float64)


@lru_cache(maxsize=64)
def _holidays(place: str, first: int, last: int) -> tuple[Any, ...]:
    import holidays  # of two hundred countries: imported when the first request asks for one

    country, _, part = place.partition("-")
    try:
        found = holidays.country_holidays(
            country, subdiv=part or None, years=range(first, last + 1)
        )
    except (NotImplementedError, KeyError, ValueError):
        raise InvalidInput(
            f"the holidays of {place[:40]!r} are not known",
            field="holidays",
            allowed="a country by its two letters, such as DE, or a part of it, such as DE-BY",
        ) from None
    return tuple(found)
