"""Checks the series of a request, quickly. Knows JSON values and limits; not what they predict."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from types import NoneType
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt

from app.api.bodies.fields import shown
from app.api.bodies.long_lists import EmptyList, LongList
from app.errors import InvalidInput

# Those of a `LongList` are arrays with NaN for null, others lists.
Series: TypeAlias = Sequence[float | int | None] | npt.NDArray[np.float64]

_ALLOWED: Final = "finite numbers, null for a missing value"
MAX_START: Final = 64  # characters; ISO 8601 takes half as many
SHAPE: Final = "a list of numbers, or a list of such lists"
# Brackets and commas, and those within one list.
_LIST_OF_LISTS: Final = re.compile(rb"(?:\[,*+\],)*+\[,*+\]")
_INNER: Final = re.compile(rb"\[(,*+)")
_NUMBERS: Final[frozenset[type]] = frozenset((float, int, NoneType))  # bool is another type


@dataclass(frozen=True)
class ReadSeries:
    """A list of series that `check_series` has looked at, each by itself."""

    series: Sequence[Series]


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


def read_series(value: LongList, *, max_series: int, max_points: int) -> tuple[list[Series], bool]:
    """The same as `check_series` of a list that is still text; for a thread.

    It stops at the first element that is wrong or one too many. Raises InvalidInput, and Malformed
    for what is no JSON.
    """
    parts: list[npt.NDArray[np.float64]] = []
    marks, points, lists = [], 0, 0
    pieces = value.pieces()
    while True:
        try:
            piece = next(pieces, None)
        except EmptyList:
            raise _wrong("series", "it holds an empty list", _ALLOWED) from None
        if piece is None:
            break
        marks.append(piece.marks)
        lists += piece.marks.count(b"[")
        if lists > max_series:
            raise _wrong("series", "there are too many series", f"at most {max_series} series")
        wrong = _wrong_index(piece.values)
        if wrong is not None:
            where = _place(b"".join(marks), points + wrong)
            raise _wrong_element(where, piece.values[wrong])
        points += len(piece.values)
        if points > max_points:
            raise _wrong("series", "there are too many points", f"at most {max_points} points")
        parts.append(np.array(piece.values, np.float64))
    values = np.concatenate(parts)
    shape = b"".join(marks)
    if b"[" not in shape:
        return [values], False
    if not _LIST_OF_LISTS.fullmatch(shape):
        raise _wrong("series", "lists, and numbers or lists in lists, are mixed", SHAPE)
    ends = np.cumsum(_lengths(shape))
    return list(np.split(values, ends[:-1])), True


def _place(marks: bytes, index: int) -> str:
    """Where value number `index` stands, by the brackets and commas around all values."""
    if b"[" not in marks:
        return f"series[{index}]"
    for number, length in enumerate(_lengths(marks)):
        if index < length:
            return f"series[{number}][{index}]"
        index -= length
    return "series"


def _lengths(marks: bytes) -> list[int]:
    """Values in each list of a list of lists."""
    return [len(inner) + 1 for inner in _INNER.findall(marks)]


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
    wrong = _wrong_index(series)
    if wrong is not None:
        raise _wrong_element(f"{path}[{wrong}]", series[wrong])


def _wrong_index(series: list[Any]) -> int | None:
    """Where the first element is that is neither a finite number nor None."""
    types = list(map(type, series))
    if not set(types) <= _NUMBERS:
        return min(types.index(wrong) for wrong in set(types) - _NUMBERS)
    # The sum of floats is finite only if each is. It may overflow: then the search finds nothing.
    try:
        finite = math.isfinite(math.fsum(filter(None, series)))
    except (OverflowError, ValueError):  # a whole number no float can hold; two infinities
        finite = False
    if not finite:
        for index, number in enumerate(series):
            if number is not None and not _is_finite(number):
                return index
    return None


def _is_finite(number: float) -> bool:
    try:
        return math.isfinite(number)
    except OverflowError:
        return False


def _wrong_element(field: str, value: object) -> InvalidInput:
    return _wrong(field, f"expected a finite number or null, got {shown(value)}", _ALLOWED)


def _wrong(field: str, message: str, allowed: str) -> InvalidInput:
    return InvalidInput(message, field=field, allowed=allowed)
