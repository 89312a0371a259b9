"""In which order requests have their turn; plain seconds, no clock and no thread."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.serving.scheduling.entry import Entry
from app.serving.scheduling.order import Order
from tests.serving.scheduling.workers import Item


def request(key: int, rows: int, seconds: float = 1.0) -> list[Entry[Item, int]]:
    return [Entry(Item(1000 * key + row), None, 0.0, seconds) for row in range(rows)]


def drained(order: Order[Item, int], batch: int = 1) -> list[int]:
    """Keys in the order in which they are served, so many at a time."""
    keys = []
    while order:
        taken = order.take(range(min(batch, len(order))))
        keys += [entry.example.key for entry in taken]
    return keys


@given(st.lists(st.floats(0, 10), min_size=1, max_size=30))
def test_single_inputs_go_first_come_first_served(costs: list[float]) -> None:
    order = Order[Item, int]()
    for key, seconds in enumerate(costs):
        order.add(request(key, 1, seconds))
    assert drained(order) == [1000 * key for key in range(len(costs))]


def test_a_list_lets_those_who_come_later_in() -> None:
    order = Order[Item, int]()
    order.add(request(0, 1000))
    served = order.take(range(8))
    order.add(request(1, 1))
    order.add(request(2, 1))
    keys = [entry.example.key for entry in served] + drained(order)
    assert keys.index(1000) <= 9
    assert keys.index(2000) <= 11
    assert sorted(keys) == sorted([*range(1000), 1000, 2000])


def test_two_lists_share() -> None:
    order = Order[Item, int]()
    order.add(request(0, 100))
    order.take(range(20))
    order.add(request(1, 100))
    keys = drained(order)[:40]
    assert 15 <= sum(key >= 1000 for key in keys) <= 25


def test_a_flood_of_single_inputs_does_not_starve_a_list() -> None:
    order = Order[Item, int]()
    order.add(request(0, 10))
    left, served = 10, 0
    for key in range(1, 1000):  # as many come as are served, for ever
        order.add(request(key, 1))
        [entry] = order.take([0])
        served += 1
        left -= entry.example.key < 1000
        if not left:
            break
    assert served < 100, "each time it is served the flood is one longer, and so its share less"


@given(
    st.lists(st.tuples(st.integers(1, 20), st.floats(0, 5)), min_size=1, max_size=20),
    st.data(),
)
def test_nothing_is_lost_and_sums_hold_whatever_is_taken(
    requests: list[tuple[int, float]], data: st.DataObject
) -> None:
    order = Order[Item, int]()
    left: dict[int, Entry[Item, int]] = {}
    for key, (rows, seconds) in enumerate(requests):
        entries = request(key, rows, seconds)
        order.add(entries)
        left |= {entry.example.key: entry for entry in entries}
        for act in data.draw(st.lists(st.sampled_from([order.take, order.remove]), max_size=3)):
            if not order:
                break
            places = data.draw(st.sets(st.integers(0, len(order) - 1), min_size=1, max_size=5))
            expected = [order.all()[place].example.key for place in sorted(places)]
            assert [entry.example.key for entry in act(places)] == expected
            for gone in expected:
                del left[gone]
        assert {entry.example.key for entry in order.all()} == left.keys()
        assert [e.due for e in order.all()] == sorted(e.due for e in order.all())
        work = sum(entry.seconds for entry in left.values())
        assert order.work == pytest.approx(work, abs=1e-6)
        turns = {id(entry.turn): entry.turn for entry in left.values()}
        heads = sum(turn.head for turn in turns.values())
        assert order.ahead_of(1) == pytest.approx(min(work, heads), abs=1e-6)
        assert order.ahead_of(10**6) == pytest.approx(work, abs=1e-6) or not work


def test_a_single_input_waits_for_one_of_each_request_and_a_list_for_all() -> None:
    order = Order[Item, int]()
    order.add(request(0, 100, 2.0))
    order.add(request(1, 1, 3.0))
    assert order.ahead_of(1) == 5.0
    assert order.ahead_of(20) == 100.0
    assert order.ahead_of(1000) == 203.0 == order.work
