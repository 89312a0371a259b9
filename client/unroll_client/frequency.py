"""Which frequency a series of times has, which step of it each time is, and the times of its steps.

Knows datetimes alone.

Names are pandas' aliases, which the service takes: `15min`, `h`, `D`, `B`, `W-MON`, `MS`, `ME`,
`QS-JAN`, `YE-DEC` and multiples of them.
"""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import reduce
from itertools import pairwise
from math import gcd
from typing import Final

from unroll_client.errors import WrongArgument

_DAY: Final = 24 * 3600
_WEEKDAYS: Final = ("MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN")
_MONTHS: Final = (
    *("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"),
)
_UNITS: Final = ((3600, "h"), (60, "min"), (1, "s"))
_SECONDS: Final = {"s": 1, "min": 60, "h": 3600, "D": _DAY, "W": 7 * _DAY}
_MONTHS_OF: Final = {"M": 1, "Q": 3, "Y": 12}
_SHORTEST_MONTH: Final = timedelta(days=28)


def regular(times: Sequence[datetime], name: str) -> tuple[str, list[int]]:
    """(frequency, the step of each time, from 0) of rising times; steps may be left out.

    Raises:
        WrongArgument: there are fewer than two, one comes twice, or they are of no frequency.
    """
    if len(times) < 2:
        raise WrongArgument(f"{name}: a frequency does not follow from {len(times)} times; pass it")
    for one, other in pairwise(times):
        if one == other:
            raise WrongArgument(f"{name}: {one.isoformat()} comes twice")
    gaps = [other - one for one, other in pairwise(times)]
    found = _months(times) if min(gaps) >= _SHORTEST_MONTH else None
    return found or _business_days(times, gaps) or _fixed(times, gaps, name)


def moments(first: datetime, frequency: str, count: int) -> list[datetime]:
    """The times of `count` steps from `first`, of a frequency that `regular` has found."""
    parts = re.fullmatch(r"(\d*)([A-Za-z]+)(-[A-Z]+)?", frequency)
    assert parts is not None
    size, unit = int(parts[1] or 1), parts[2]
    if unit in _SECONDS:
        return [first + timedelta(seconds=size * _SECONDS[unit]) * step for step in range(count)]
    if unit == "B":
        day = first.weekday()
        monday = first - timedelta(days=day)
        weeks = (divmod(day + step, 5) for step in range(count))
        return [monday + timedelta(days=7 * week + rest) for week, rest in weeks]
    found = []
    for step in range(count):
        years, month = divmod(first.month - 1 + step * size * _MONTHS_OF[unit[0]], 12)
        year = first.year + years
        last = monthrange(year, month + 1)[1]
        found.append(first.replace(year=year, month=month + 1, day=last if unit[1] == "E" else 1))
    return found


def _months(times: Sequence[datetime]) -> tuple[str, list[int]] | None:
    """Steps of whole months: all times on the first day, or all on the last one."""
    if all(each.day == 1 for each in times):
        side = "S"
    elif all((each + timedelta(days=1)).day == 1 for each in times):
        side = "E"
    else:
        return None
    if len({each.time() for each in times}) > 1:
        return None
    numbers = [12 * each.year + each.month - 1 for each in times]
    months = reduce(gcd, (each - numbers[0] for each in numbers))
    anchor = _MONTHS[times[0].month - 1]
    if months % 12 == 0:
        alias = f"{_count(months // 12)}Y{side}-{anchor}"
    elif months % 3 == 0:
        alias = f"{_count(months // 3)}Q{side}-{anchor}"
    else:
        alias = f"{_count(months)}M{side}"
    return alias, [(each - numbers[0]) // months for each in numbers]


def _business_days(
    times: Sequence[datetime], gaps: Sequence[timedelta]
) -> tuple[str, list[int]] | None:
    """Days but Saturdays and Sundays; two weeks tell that it is these."""
    weekend = any(each.weekday() > 4 for each in times)
    if weekend or min(gaps) != timedelta(days=1) or len(times) < 6:
        return None
    if any(gap.seconds or gap.microseconds for gap in gaps):
        return None
    # Monday to Friday of whole weeks since the first Monday.
    monday = times[0].toordinal() - times[0].weekday()
    days = [each.toordinal() - monday for each in times]
    steps = [5 * (day // 7) + day % 7 for day in days]
    return "B", [each - steps[0] for each in steps]


def _fixed(
    times: Sequence[datetime], gaps: Sequence[timedelta], name: str
) -> tuple[str, list[int]]:
    """Steps of one length. The shortest gap is a step, and every other one a multiple of it."""
    step = min(gaps)
    for time, gap in zip(times[1:], gaps, strict=True):
        if gap % step:
            raise WrongArgument(
                f"{name}: {time.isoformat()} comes {gap} after the time before it, which is no "
                f"multiple of {step}; pass `frequency` for values that follow each other"
            )
    if step.microseconds:
        raise WrongArgument(f"{name}: steps of {step} are shorter than a second; pass `frequency`")
    return _alias(step, times[0]), [(each - times[0]) // step for each in times]


def _alias(step: timedelta, first: datetime) -> str:
    seconds = step.days * _DAY + step.seconds
    if seconds % (7 * _DAY) == 0:
        return f"{_count(seconds // (7 * _DAY))}W-{_WEEKDAYS[first.weekday()]}"
    if seconds % _DAY == 0:
        return f"{_count(seconds // _DAY)}D"
    size, unit = next(each for each in _UNITS if seconds % each[0] == 0)
    return f"{_count(seconds // size)}{unit}"


def _count(number: int) -> str:
    return "" if number == 1 else str(number)
