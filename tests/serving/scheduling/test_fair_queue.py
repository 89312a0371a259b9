"""In which order queued requests are computed; plain seconds, no clock and no thread."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.serving.scheduling.entry import Entry
from app.serving.scheduling.fair_queue import FairQueue
from tests.serving.scheduling.workers import Item


def request(key: int, rows: int, seconds: float = 1.0) -> list[Entry[Item, int]]:
    return [Entry(Item(1000 * key + row), None, 0.0, seconds) for row in range(rows)]


def drained(queue: FairQueue[Item, int], batch: int = 1) -> list[int]:
    """Keys in the order in which they are served, so many at a time."""
    keys = []
    while queue:
        taken = queue.take(range(min(batch, len(queue))))
        keys += [entry.example.key for entry in taken]
    return keys


@given(st.lists(st.floats(0, 10), min_size=1, max_size=30))
def test_single_inputs_go_first_come_first_served(costs: list[float]) -> None:
    queue = FairQueue[Item, int]()
    for key, seconds in enumerate(costs):
        queue.add(request(key, 1, seconds))
    assert drained(queue) == [1000 * key for key in range(len(costs))]


def test_a_long_request_shares_with_later_ones() -> None:
    queue = FairQueue[Item, int]()
    queue.add(request(0, 1000))
    served = queue.take(range(8))
    queue.add(request(1, 1))
    queue.add(request(2, 1))
    keys = [entry.example.key for entry in served] + drained(queue)
    assert keys.index(1000) <= 9
    assert keys.index(2000) <= 11
    assert sorted(keys) == sorted([*range(1000), 1000, 2000])


def test_two_lists_share() -> None:
    queue = FairQueue[Item, int]()
    queue.add(request(0, 100))
    queue.take(range(20))
    queue.add(request(1, 100))
    keys = drained(queue)[:40]
    assert 15 <= sum(key >= 1000 for key in keys) <= 25


def test_a_flood_of_single_inputs_does_not_starve_a_list() -> None:
    queue = FairQueue[Item, int]()
    queue.add(request(0, 10))
    left, served = 10, 0
    for key in range(1, 1000):  # as many come as are served, for ever
        queue.add(request(key, 1))
        [entry] = queue.take([0])
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
    queue = FairQueue[Item, int]()
    left: dict[int, Entry[Item, int]] = {}
    for key, (rows, seconds) in enumerate(requests):
        entries = request(key, rows, seconds)
        queue.add(entries)
        left |= {entry.example.key: entry for entry in entries}
        for act in data.draw(st.lists(st.sampled_from([queue.take, queue.remove]), max_size=3)):
            if not queue:
                break
            places = data.draw(st.sets(st.integers(0, len(queue) - 1), min_size=1, max_size=5))
            expected = [queue.all()[place].example.key for place in sorted(places)]
            assert [entry.example.key for entry in act(places)] == expected
            for gone in expected:
                del left[gone]
        assert {entry.example.key for entry in queue.all()} == left.keys()
        assert [e.start_tag for e in queue.all()] == sorted(e.start_tag for e in queue.all())
        work = sum(entry.seconds for entry in left.values())
        assert queue.work == pytest.approx(work, abs=1e-6)
        open_requests = {id(entry.request): entry.request for entry in left.values()}
        one_of_each = sum(each.entry_work for each in open_requests.values())
        assert queue.ahead_of(1) == pytest.approx(min(work, one_of_each), abs=1e-6)
        assert queue.ahead_of(10**6) == pytest.approx(work, abs=1e-6) or not work


def test_a_single_input_waits_for_one_of_each_request_and_a_list_for_all() -> None:
    queue = FairQueue[Item, int]()
    queue.add(request(0, 100, 2.0))
    queue.add(request(1, 1, 3.0))
    assert queue.ahead_of(1) == 5.0
    assert queue.ahead_of(20) == 100.0
    assert queue.ahead_of(1000) == 203.0 == queue.work
