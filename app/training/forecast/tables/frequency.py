"""Points in time to an even grid: frequency and positions. Knows no cells and no values."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from app.errors import InvalidInput
from app.features.calendar import offset
from app.training.forecast.tables.dates import Times

_LEAST_FILLED: Final = 0.5  # of a grid; a sparser one is not the frequency of the dates
# So many equal longer steps in a row, and this share of all, are another frequency and not gaps.
_RUN, _RUN_SHARE = 4, 0.05
_MOST_STEPS: Final = 10_000_000  # of a grid, however the frequency is told
_DAY: Final = 86_400_000_000_000  # nanoseconds
_UNITS: Final = (("h", 3_600_000_000_000), ("min", 60_000_000_000), ("s", 1_000_000_000),
                 ("ms", 1_000_000))  # fmt: skip
_WEEKDAYS: Final = ("MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN")
_MONTHS: Final = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN",
                  "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")  # fmt: skip


@dataclass(frozen=True)
class Grid:
    """`positions` (points,) of the times on steps of `frequency`, the first at 0, increasing."""

    frequency: str
    positions: NDArray[np.int64]

    @property
    def gaps(self) -> int:
        return int(self.positions[-1]) + 1 - len(self.positions)


@dataclass(frozen=True)
class Uneven:
    """No frequency: `what` is wrong after the time of index `after`."""

    what: str
    after: int


def find_grid(times: Times, told: str | None = None) -> Grid | Uneven:
    """The even grid on which sorted distinct `times` (points,) lie, two at least.

    The coarsest calendar on which all of them lie is taken: first days of months are months.
    With `told` they must lie on that frequency.
    """
    if told is not None:
        return _on_told(times, told)
    for candidate in (_months(times), _days(times)):
        if candidate is not None:
            return _judged(*candidate)
    since = (times - times[0]).astype("timedelta64[ns]").astype(np.int64)
    step = int(np.gcd.reduce(np.diff(since)))
    for name, size in _UNITS:
        if step % size == 0:
            count = step // size
            return _judged(f"{count}{name}" if count > 1 else name, since // step)
    return Uneven("times are apart by less than a millisecond", 0)


def _judged(frequency: str, positions: NDArray[np.int64]) -> Grid | Uneven:
    """Whether these are even steps with some gaps, or several frequencies."""
    steps = np.diff(positions)
    usual = int(np.bincount(np.minimum(steps, 10_000)).argmax())
    if usual > 1 and len(steps) > 1:
        return Uneven("the steps between dates differ", int(np.flatnonzero(steps != usual)[0]))
    filled = len(positions) / (int(positions[-1]) + 1)
    longer = steps > 1
    same = longer[1:] & (steps[1:] == steps[:-1])
    run = 0
    for i, one in enumerate(same):
        run = run + 1 if one else 0
        if run >= max(_RUN, _RUN_SHARE * len(steps)) - 1:
            start = i + 1 - run
            return Uneven(f"from here on every step is {int(steps[start])} of the others", start)
    if filled < _LEAST_FILLED and len(steps) > 1:
        return Uneven("more steps are missing than there are", int(np.argmax(steps)))
    return Grid(frequency, positions)


def _months(times: Times) -> tuple[str, NDArray[np.int64]] | None:
    """Months, quarters and years, where every time is the same day of its month."""
    index = pd.DatetimeIndex(times)
    month = np.asarray(index.year * 12 + index.month - 1, np.int64)
    steps = np.diff(month)
    if (steps <= 0).any() or len(np.unique(index - index.normalize())) > 1:
        return None
    day = np.asarray(index.day)
    ends = np.asarray(index.days_in_month)
    if (day == ends).all():
        kind = "E"
    elif (day == day[0]).all():
        kind = "S"
    elif all(stamp == pd.offsets.BMonthEnd().rollforward(stamp) for stamp in index):
        kind = "BE"
    elif all(stamp == pd.offsets.BMonthBegin().rollback(stamp) for stamp in index):
        kind = "BS"
    elif (day == np.minimum(day.max(), ends)).all():  # the 30th, and the last of February
        kind = "S"
    else:
        return None
    step = int(np.gcd.reduce(steps))
    business, end = ("B", kind[1]) if len(kind) == 2 else ("", kind)
    first = int(month[0]) % 12
    usual = "DEC" if end == "E" else "JAN"
    if step % 12 == 0:
        anchor = "" if _MONTHS[first] == usual else f"-{_MONTHS[first]}"
        name = f"{business}Y{end}{anchor}"
        count = step // 12
    elif step % 3 == 0:
        near = _MONTHS[first % 3 + (9 if end == "E" else 0)]  # quarters are named by one month
        anchor = "" if near == usual else f"-{near}"
        name, count = f"{business}Q{end}{anchor}", step // 3
    else:
        name, count = f"{business}M{end}", step
    return f"{count}{name}" if count > 1 else name, (month - month[0]) // step


def _days(times: Times) -> tuple[str, NDArray[np.int64]] | None:
    """Weeks, business days and days, where every time has the same time of day."""
    since = (times - times[0]).astype("timedelta64[ns]").astype(np.int64)
    if (since % _DAY).any():
        return None
    days = since // _DAY
    step = int(np.gcd.reduce(np.diff(days)))
    weekday = pd.DatetimeIndex(times).weekday
    if step % 7 == 0:
        name, count = (
            f"W-{_WEEKDAYS[weekday[0]]}",
            step // 7,
        )
        return f"{count}{name}" if count > 1 else name, days // step
    fridays = np.flatnonzero(np.asarray(weekday[:-1]) == 4)
    if step == 1 and len(fridays) and bool((weekday < 5).all()):
        dates = times.astype("datetime64[D]")
        return "B", np.asarray(np.busday_count(dates[0], dates), np.int64)
    return f"{step}D" if step > 1 else "D", days // step


def _on_told(times: Times, told: str) -> Grid | Uneven:
    try:
        step = offset(told)
    except InvalidInput as error:
        return Uneven(f"--frequency: {error.message}", 0)
    index = pd.DatetimeIndex(times)
    found = find_grid(times)
    if isinstance(found, Grid) and found.frequency == step.freqstr:
        return Grid(told, found.positions)
    since = (times - times[0]).astype("timedelta64[ns]").astype(np.int64)
    try:
        if isinstance(step, pd.offsets.Tick):
            size = pd.Timedelta(step).value
            numbers = np.where(since % size, -1, since // size)
        elif step.is_on_offset(index[0]) and not step.name.startswith("W"):
            grid = pd.date_range(index[0], index[-1], freq=step)
            numbers = np.asarray(grid.get_indexer(index), np.int64)
        else:  # such as the 15th of every month
            periods = index.to_period(_period_of(step.name))
            numbers = np.asarray([each.ordinal for each in periods], np.int64)
            numbers = numbers - numbers[0]
            numbers = np.where(numbers % step.n, -1, numbers // step.n)
    except (ValueError, OverflowError) as error:
        return Uneven(f"--frequency: {error}", 0)
    off = np.flatnonzero(numbers < 0)
    if len(off):
        return Uneven(f"{index[int(off[0])]} is not on the frequency {told}", int(off[0]))
    same = np.flatnonzero(np.diff(numbers) == 0)
    if len(same):
        return Uneven(f"two dates fall into one step of {told}", int(same[0]))
    if numbers[-1] > _MOST_STEPS:
        return Uneven(f"there would be {int(numbers[-1]):,} steps of {told}", 0)
    return Grid(told, numbers)


def _period_of(name: str) -> str:
    """The period of a calendar offset: MS -> M, QS-FEB -> Q, YE -> Y."""
    if name.startswith("W-"):
        return name
    return name.lstrip("B").partition("-")[0].rstrip("SE") or name
