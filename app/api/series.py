"""Checks the series of a request, quickly. Knows JSON values and limits; not what they predict."""

import math
from types import NoneType
from typing import Any, Final, TypeAlias

from app.api.fields import shown
from app.errors import InvalidInput

Series: TypeAlias = list[float | int | None]

_ALLOWED: Final = "finite numbers, null for a missing value"
MAX_START: Final = 64  # characters; ISO 8601 takes half as many
SHAPE: Final = "a list of numbers, or a list of such lists"
_NUMBERS: Final[frozenset[type]] = frozenset((float, int, NoneType))  # bool is another type


def check_series(value: Any, *, max_series: int, max_points: int) -> tuple[list[Series], bool]:
    """(the series, whether a list of series was sent) from the JSON value of `series`.

    Every element is a finite number or None afterwards, but a series may be too short for its
    task: that is for the task to say. 100,000 points take a few milliseconds: types and finiteness
    are checked for the whole list at once, and only a list that fails is searched for the place.

    Raises InvalidInput naming the first wrong element.
    """
    if not isinstance(value, list):
        raise _wrong("series", f"expected {SHAPE}, got {shown(value)}", SHAPE)
    if not value:
        raise _wrong("series", "it is empty", SHAPE)
    many = isinstance(value[0], list)
    if not many:
        _check_count(len(value), max_points)
        _check_elements(value, "series")
        return [value], False
    if len(value) > max_series:
        raise _wrong("series", f"{len(value)} series are too many", f"at most {max_series} series")
    for index, series in enumerate(value):
        if not isinstance(series, list):
            raise _wrong(
                f"series[{index}]", f"expected a list as in series[0], got {shown(series)}", SHAPE
            )
        if not series:
            raise _wrong(f"series[{index}]", "it is empty", _ALLOWED)
    _check_count(sum(map(len, value)), max_points)
    for index, series in enumerate(value):
        _check_elements(series, f"series[{index}]")
    return value, True


def check_starts(value: Any, series: int, many: bool) -> list[str | None]:
    """One start per series from the JSON value of `start`: a text for all, or one text each.

    Raises InvalidInput.
    """
    if value is None or isinstance(value, str):
        _check_start(value, "start")
        return [value] * series
    allowed = "a timestamp, or one per series" if many else "a timestamp"
    if not isinstance(value, list) or not many:
        raise _wrong("start", f"expected {allowed}, got {shown(value)}", allowed)
    if len(value) != series:
        raise _wrong("start", f"{len(value)} timestamps for {series} series", allowed)
    for index, start in enumerate(value):
        if start is not None and not isinstance(start, str):
            raise _wrong(f"start[{index}]", f"expected a timestamp, got {shown(start)}", allowed)
        _check_start(start, f"start[{index}]")
    return value


def _check_start(value: str | None, field: str) -> None:
    if value is not None and len(value) > MAX_START:
        raise _wrong(
            field, "the text is too long", f"a timestamp of at most {MAX_START} characters"
        )


def _check_count(points: int, max_points: int) -> None:
    if points > max_points:
        raise _wrong("series", f"{points} points are too many", f"at most {max_points} points")


def _check_elements(series: list[Any], path: str) -> None:
    types = list(map(type, series))
    if not set(types) <= _NUMBERS:
        index = min(types.index(wrong) for wrong in set(types) - _NUMBERS)
        raise _wrong_element(f"{path}[{index}]", series[index])
    # The sum of floats is finite only if each is. It may overflow: then the search finds nothing.
    try:
        finite = math.isfinite(math.fsum(filter(None, series)))
    except (OverflowError, ValueError):  # a whole number no float can hold; two infinities
        finite = False
    if not finite:
        for index, number in enumerate(series):
            if number is not None and not _is_finite(number):
                raise _wrong_element(f"{path}[{index}]", number)


def _is_finite(number: float) -> bool:
    try:
        return math.isfinite(number)
    except OverflowError:
        return False


def _wrong_element(field: str, value: object) -> InvalidInput:
    return _wrong(field, f"expected a finite number or null, got {shown(value)}", _ALLOWED)


def _wrong(field: str, message: str, allowed: str) -> InvalidInput:
    return InvalidInput(message, field=field, allowed=allowed)
