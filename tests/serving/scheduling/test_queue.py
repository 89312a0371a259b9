"""What a queue accepts, and what `retry_after` says; the clock is a number."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import DeadlineExceeded, QueueFull
from app.serving.scheduling.entry import Entry
from app.serving.scheduling.queue import Queue
from app.serving.scheduling.queue_metrics import QueueMetrics
from tests.serving.scheduling.test_wait_estimate import Clock
from tests.serving.scheduling.workers import Item


def queue_of(
    clock: Clock, *, workers: int = 1, batch: int = 1, seconds: float | None = None
) -> Queue[Item, int]:
    """An item's length is what it takes, in seconds."""
    return Queue[Item, int](
        QueueMetrics("test", "1", workers=workers, queue_limit=1000),
        max_entries=1000,
        workers=workers,
        look_ahead=100,
        max_seconds=seconds,
        batch_size=batch,
        work_of=lambda item: float(item.length),
        clock=clock,
    )


def first(window: object) -> list[int]:
    return [0]


def taken(queue: Queue[Item, int], worker: int = 0) -> list[int]:
    return [entry.example.key for entry in queue.take(first, wait=False, worker=worker) or []]


def test_an_idle_service_refuses_nothing() -> None:
    clock = Clock()
    queue = queue_of(clock, seconds=1.0)
    assert len(queue.submit_many([Item(key, 5) for key in range(3)], deadline=clock.now + 1)) == 3


def test_what_would_be_too_late_is_refused_with_a_true_retry_after() -> None:
    clock = Clock()
    queue = queue_of(clock)
    queue.submit_many([Item(0, 20)])
    assert taken(queue) == [0]
    queue.submit_many([Item(1, 4)], deadline=clock.now + 100)
    with pytest.raises(QueueFull) as caught:  # 20 + 4 + 1 s of work, and 30 s left
        queue.submit_many([Item(2, 1)], deadline=clock.now + 30)
    clock.now += caught.value.retry_after - 0.01
    with pytest.raises(QueueFull):
        queue.submit_many([Item(2, 1)], deadline=clock.now + 30)
    clock.now += 0.02
    queue.submit_many([Item(2, 1)], deadline=clock.now + 30)


def test_short_and_long_ones_wait_the_same() -> None:
    clock = Clock()
    queue = queue_of(clock)
    queue.submit_many([Item(0, 7)])
    assert taken(queue) == [0]
    for length in (0, 1, 3):
        with pytest.raises(QueueFull):
            queue.submit_many([Item(1, length)], deadline=clock.now + 10)
    clock.now += 2
    queue.submit_many([Item(1, 3)], deadline=clock.now + 10)


def test_a_batch_mate_counts() -> None:
    clock = Clock()
    queue = queue_of(clock, batch=8)
    queue.submit_many([Item(0, 1)])
    assert taken(queue) == [0]
    with pytest.raises(QueueFull):
        queue.submit_many([Item(1, 2)], deadline=clock.now + 16)
    queue.submit_many([Item(1, 2)], deadline=clock.now + 20)


def test_a_long_request_counts_as_its_work_and_delays_no_other() -> None:
    clock = Clock()
    queue = queue_of(clock)
    queue.submit_many([Item(key, 1) for key in range(100)], deadline=clock.now + 200)
    assert taken(queue) == [0]
    queue.submit_many([Item(1000, 1)], deadline=clock.now + 5)
    with pytest.raises(QueueFull):
        queue.submit_many([Item(2000 + key, 1) for key in range(50)], deadline=clock.now + 50)
    assert 1000 in [taken(queue)[0] for _ in range(3)]


def test_the_work_that_waits_is_bounded() -> None:
    clock = Clock()
    queue = queue_of(clock, workers=2, seconds=5.0)
    for worker in range(2):
        queue.submit_many([Item(worker, 1)])
        taken(queue, worker)
    queue.submit_many([Item(2, 9)])
    with pytest.raises(QueueFull) as caught:
        queue.submit_many([Item(3, 3)])
    assert caught.value.retry_after == pytest.approx(2.0)
    queue.submit_many([Item(3, 1)])


def test_is_full_says_what_submitting_would_say() -> None:
    clock = Clock()
    queue = queue_of(clock)
    assert not queue.is_full(0.001)
    queue.submit_many([Item(0, 7)])
    assert taken(queue) == [0]
    for patience in (1, 5, 10, 11, 12, 20, 100):
        full = queue.is_full(patience)
        assert full == (0.6 * patience < 7)
        if full:
            with pytest.raises(QueueFull):
                queue.submit_many([Item(1, 0)], deadline=clock.now + patience)
    [waiting] = queue.submit_many([Item(2, 10)], deadline=clock.now + 100)
    assert queue.is_full(20)
    waiting.cancel()
    clock.now += 1
    assert not queue.is_full(20), "the entry in the queue was cancelled"


def test_cancelled_entries_make_room() -> None:
    clock = Clock()
    queue = queue_of(clock)
    queue.submit_many([Item(0, 1)])
    taken(queue)
    futures = [queue.submit_many([Item(key, 1)])[0] for key in range(1, 50)]
    with pytest.raises(QueueFull):
        queue.submit_many([Item(100, 1)], deadline=clock.now + 2)
    for future in futures:
        future.cancel()
    clock.now += 0.2
    queue.submit_many([Item(100, 1)], deadline=clock.now + 4)
    assert queue.waiting == 1
    assert taken(queue) == [100]


@given(
    st.lists(
        st.tuples(st.floats(0, 3), st.integers(0, 5), st.floats(0.5, 30), st.booleans()),
        max_size=60,
    )
)
def test_accepted_requests_are_in_time_if_the_estimates_are_true(
    arrivals: list[tuple[float, int, float, bool]],
) -> None:
    """One worker; an idle service is left out, as it accepts what it cannot do in time.

    So are the inputs of requests with several: requests that arrive later overtake all but the
    first of them, which nobody knows when they are accepted.
    """
    clock = Clock()
    queue = queue_of(clock)
    until = clock.now
    work: list[Entry[Item, int]] = []
    rows_of: dict[int, int] = {}
    for key, (gap, length, patience, alone) in enumerate(arrivals):
        clock.now += gap
        while clock.now >= until:
            if work:
                queue.done(0)
                if rows_of[work[0].example.key] == 1:
                    assert until <= (work[0].deadline or until)
                work = []
            work = queue.take(first, wait=False) or []
            if not work:
                break
            until = max(until, work[0].arrived) + work[0].example.length
        idle = not work
        patience = max(patience, length + 0.1) if idle else patience
        rows = rows_of[key] = 1 if alone or idle else 2
        try:
            queue.submit_many([Item(key, length)] * rows, deadline=clock.now + patience)
        except QueueFull:
            assert not idle
        if idle:
            work = queue.take(first, wait=False) or []
            until = clock.now + length


def test_an_expired_entry_is_dropped_when_a_worker_takes() -> None:
    clock = Clock()
    queue = queue_of(clock)
    [late] = queue.submit_many([Item(0, 1)], deadline=clock.now + 1)
    [kept] = queue.submit_many([Item(1, 1)], deadline=clock.now + 50)
    clock.now += 2
    assert taken(queue) == [1]
    assert isinstance(late.exception(0), DeadlineExceeded)
    assert kept.running()
