"""The quick check of series against a plain one, and its time."""

import math
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from app.api.forecasts.series import check_series
from app.errors import InvalidInput


def plain_check(series: list[Any], path: str) -> str:
    """The path of the first wrong element, one by one; empty if there is none."""
    for index, value in enumerate(series):
        if isinstance(value, bool) or not isinstance(value, int | float | None):
            return f"{path}[{index}]"
    for index, value in enumerate(series):
        try:
            if value is not None and not math.isfinite(float(value)):
                return f"{path}[{index}]"
        except OverflowError:
            return f"{path}[{index}]"
    return ""


numbers = st.none() | st.integers() | st.floats() | st.just(10**400) | st.just(-(10**400))
elements = numbers | st.booleans() | st.text(max_size=3) | st.lists(numbers, max_size=2)


def refused_at(series: list[Any]) -> str:
    """The field that `check_series` names; empty if it accepts."""
    try:
        check_series(series, max_series=10**6, max_points=10**6)
    except InvalidInput as error:
        return error.field
    return ""


@example([[10**400, -(10**400)]])  # their sum is 0
@example([[math.inf, -math.inf]])
@given(st.lists(st.lists(numbers, min_size=1) | st.lists(elements, min_size=1), min_size=1))
def test_same_as_the_plain_check(series: list[Any]) -> None:
    wrong = (plain_check(one, f"series[{index}]") for index, one in enumerate(series))
    assert refused_at(series) == next(filter(None, wrong), "")


def test_finite_numbers_whose_sum_is_not() -> None:
    series = [1e308, 1e308, None, -1e308]
    assert check_series(series, max_series=1, max_points=10) == ([series], False)


@pytest.mark.parametrize("last", [1.0, None, 7, "abc", math.nan, True])
def test_a_long_series_is_searched_to_its_end(last: object) -> None:
    series: list[object] = [0.5 * i for i in range(99_999)]
    series.append(last)
    assert refused_at(series) == plain_check(series, "series")
