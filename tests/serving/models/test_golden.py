"""When two answers count as the same."""

import pytest
from pydantic import JsonValue

from app.serving.models.golden import first_difference


@pytest.mark.parametrize(
    ("expected", "actual", "difference"),
    [
        ({"a": [1.0, 2.0]}, {"a": [1.0, 2.0005]}, ""),
        ({"a": [1.0, 2.0]}, {"a": [1.0, 2.01]}, "a[1]: expected 2.0, got 2.01"),
        # Next to 1000 an error of 0.01 is rounding; alone it is not.
        ([1000.0, 0.001], [1000.0, 0.011], ""),
        ([0.001], [0.011], "[0]: expected 0.001, got 0.011"),
        ({"a": 1000, "b": 0.001}, {"a": 1000, "b": 0.011}, "b: expected 0.001, got 0.011"),
        ([0.0], [0.0], ""),
        ({"a": 12}, {"a": 13}, "a: expected 12, got 13"),
        ({"a": 12}, {"a": 12.0001}, ""),
        ({"a": True}, {"a": 1}, "a: expected True, got 1"),
        ({"a": None}, {"a": None}, ""),
        ({"a": None}, {"a": 0.0}, "a: expected None, got 0.0"),
        ({"a": "x"}, {"a": "y"}, "a: expected 'x', got 'y'"),
        ({"a": {"b": [[1.0], [2.0]]}}, {"a": {"b": [[1.0], [3.0]]}}, "a.b[1][0]: expected 2.0, "),
        ({"a": [1.0]}, {"a": [1.0, 2.0]}, "a: expected 1 values, got 2"),
        ({"a": 1.0}, {"b": 1.0}, "answer: expected the fields ['a'], got ['b']"),
        ({"a": [1.0]}, {"a": 1.0}, "a: expected [1.0], got 1.0"),
    ],
)
def test_first_difference(expected: JsonValue, actual: JsonValue, difference: str) -> None:
    found = first_difference(expected, actual, relative=1e-3, scale=1e-4)
    assert found.startswith(difference)
    assert bool(found) == bool(difference)
