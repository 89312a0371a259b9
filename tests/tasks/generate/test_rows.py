"""States between steps: whose they are, and when they need not be copied."""

import numpy as np

from app.tasks.generate.rows import Rows, together

STATES = {"h": np.arange(12.0).reshape(4, 3), "c": np.arange(4.0).reshape(4, 1)}
OTHER = {"h": np.full((1, 3), 7.0), "c": np.full((1, 1), 8.0)}


def test_all_rows_of_one_step_are_taken_without_a_copy() -> None:
    assert together([Rows(STATES, 0, 1), Rows(STATES, 1, 3), Rows(STATES, 3, 4)]) is STATES


def test_who_has_left_has_joined_or_stands_elsewhere_is_seen() -> None:
    first, middle, last = Rows(STATES, 0, 1), Rows(STATES, 1, 3), Rows(STATES, 3, 4)
    for parts, rows in (
        ([first, last], [0, 3]),
        ([middle, last], [1, 2, 3]),
        ([first, middle], [0, 1, 2]),
        ([last, first, middle], [3, 0, 1, 2]),
        ([first, first], [0, 0]),
    ):
        found = together(parts)
        for name, value in STATES.items():
            np.testing.assert_array_equal(found[name], value[rows])
    joined = together([first, middle, last, Rows(OTHER, 0, 1)])
    for name, value in STATES.items():
        np.testing.assert_array_equal(joined[name], np.concatenate([value, OTHER[name]]))


def test_rows_of_two_steps_are_not_taken_for_those_of_one() -> None:
    later = {name: value + 100 for name, value in STATES.items()}
    found = together([Rows(STATES, 0, 1), Rows(later, 1, 4)])
    for name, value in STATES.items():
        np.testing.assert_array_equal(found[name], np.concatenate([value[:1], later[name][1:]]))
