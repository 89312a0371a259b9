"""Who shares a batch, against a search through all that could."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.serving.scheduling.batches import batch_of
from app.serving.scheduling.entry import Entry
from tests.serving.scheduling.workers import Item

LENGTHS = st.lists(st.integers(1, 60), min_size=1, max_size=20)


def window(lengths: list[int]) -> list[Entry[Item, int]]:
    return [Entry(Item(0, length), None, 0.0) for length in lengths]


def saturating(length: int, rows: int) -> float:
    """Rows are free up to four, then each costs as much as a quarter of those."""
    return (3.0 + length) * max(4, rows)


@given(LENGTHS, st.integers(1, 8), st.floats(0, 2), st.floats(0, 50))
def test_no_other_number_of_the_nearest_is_cheaper_per_useful_step(
    lengths: list[int], most: int, each: float, fixed: float
) -> None:
    def cost(length: int, rows: int) -> float:
        return fixed + length * (1 + each * (rows - 1))

    chosen = batch_of(window(lengths), cost, most, 10**9)
    nearest = sorted(range(len(lengths)), key=lambda i: (i > 0, abs(lengths[i] - lengths[0])))
    prefixes = [nearest[:rows] for rows in range(1, min(most, len(lengths)) + 1)]

    def rate(places: list[int]) -> float:
        steps = [lengths[place] for place in places]
        return cost(max(steps), len(steps)) / sum(steps)

    assert chosen in prefixes
    assert rate(chosen) == min(map(rate, prefixes))


@given(LENGTHS, st.integers(1, 8), st.integers(1, 200))
def test_a_batch_has_so_many_steps_at_most(lengths: list[int], most: int, steps: int) -> None:
    chosen = batch_of(window(lengths), saturating, most, steps)
    assert chosen[0] == 0
    assert len(chosen) == len(set(chosen)) <= most
    longest = max(lengths[place] for place in chosen)
    assert len(chosen) == 1 or longest * len(chosen) <= steps


@pytest.mark.parametrize(
    ("lengths", "chosen"),
    [
        ([40, 40, 40, 40], [0, 1]),  # 80 of 100 steps; a third would make 120
        ([400, 1, 1], [0]),  # the oldest goes, and goes alone
        ([10, 60, 10, 10], [0, 2, 3]),  # the one that would pad all the others waits
        ([1] * 9, [0, 1, 2, 3]),  # no more than fit
    ],
)
def test_examples(lengths: list[int], chosen: list[int]) -> None:
    assert batch_of(window(lengths), saturating, 4, 100) == chosen


def test_a_long_one_does_not_come_along_for_nothing() -> None:
    """Padding seven short rows to 250 steps costs more than what one more row saves."""
    lengths = [10] * 7 + [250]
    assert batch_of(window(lengths), saturating, 8, 10**9) == list(range(7))


def test_equally_near_ones_go_by_age() -> None:
    assert batch_of(window([10, 12, 8, 10, 11]), lambda length, rows: 1.0, 3, 999) == [0, 3, 4]
    assert batch_of(window([10, 12, 8]), lambda length, rows: 1.0, 2, 999) == [0, 1]
