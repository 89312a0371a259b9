"""The batch scheduler's promises, with plain functions for networks."""

import threading
import time
from collections import Counter
from concurrent.futures import CancelledError

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import REGISTRY

from app.errors import (
    DeadlineExceeded,
    InferenceFailed,
    InvalidInput,
    QueueFull,
)
from app.serving.scheduling.batch_scheduler import BatchScheduler
from tests.serving.scheduling.workers import PATIENCE, Doubler, Futures, Item, running


def value(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


ROWS = st.lists(st.tuples(st.integers(1, 50), st.booleans()), min_size=1, max_size=30).map(
    lambda rows: [Item(key, length, bad) for key, (length, bad) in enumerate(rows)]
)


@given(ROWS, st.integers(1, 3), st.integers(1, 6), st.booleans())
def test_every_entry_gets_its_own_answer_once(
    rows: list[Item], workers: int, batch: int, together: bool
) -> None:
    doublers = [Doubler() for _ in range(workers)]
    with running(*doublers, batch=batch) as scheduler:
        futures = (
            scheduler.submit_many(rows) if together else [scheduler.submit(row) for row in rows]
        )
        for row, future in zip(rows, futures, strict=True):
            if row.bad:
                with pytest.raises(InferenceFailed) as caught:
                    future.result(PATIENCE)
                assert isinstance(caught.value.__cause__, ValueError)
            else:
                outcome = future.result(PATIENCE)
                assert outcome.prediction == 2 * row.key
                assert 1 <= outcome.batch_size <= batch
                assert outcome.queue_seconds >= 0
                assert outcome.inference_seconds >= 0
    computed = sum((doubler.computed for doubler in doublers), Counter[int]())
    assert computed == Counter(row.key for row in rows if not row.bad)
    assert all(len(each) <= batch for doubler in doublers for each in doubler.batches)


@given(ROWS, st.data())
def test_cancelled_and_expired_entries_are_never_computed(
    rows: list[Item], data: st.DataObject
) -> None:
    rows = [Item(row.key, row.length) for row in rows]
    fates = data.draw(
        st.lists(st.sampled_from(["kept", "cancelled", "expired"]), min_size=30, max_size=30)
    )
    doubler = Doubler()
    now = time.monotonic()
    with running(doubler, held=True) as scheduler:
        futures = [
            scheduler.submit(row, deadline=now - 1 if fate == "expired" else now + 100)
            for row, fate in zip(rows, fates, strict=False)
        ]
        for future, fate in zip(futures, fates, strict=False):
            if fate == "cancelled":
                assert future.cancel()
        doubler.free.set()
        kept = []
        for row, future, fate in zip(rows, futures, fates, strict=False):
            if fate == "kept":
                kept.append(row.key)
                assert future.result(PATIENCE).prediction == 2 * row.key
            else:
                with pytest.raises(CancelledError if fate == "cancelled" else DeadlineExceeded):
                    future.result(PATIENCE)
    assert doubler.computed == Counter([-1, *kept])


@given(st.lists(st.integers(1, 6), max_size=12), st.integers(1, 10))
def test_the_queue_is_bounded_and_admission_is_all_or_nothing(
    groups: list[int], queue: int
) -> None:
    doubler = Doubler()
    accepted: Futures = []
    with running(doubler, held=True, queue=queue) as scheduler:
        for size in groups:
            group = [Item(key) for key in range(size)]
            before = scheduler.waiting
            if size > queue:
                with pytest.raises(InvalidInput):
                    scheduler.submit_many(group)
            elif before + size > queue:
                with pytest.raises(QueueFull) as caught:
                    scheduler.submit_many(group)
                assert caught.value.retry_after > 0
            else:
                accepted += scheduler.submit_many(group)
                before += size
            assert scheduler.waiting == before <= queue
        doubler.free.set()
        for future in accepted:
            future.result(PATIENCE)
    assert doubler.computed.total() == len(accepted) + 1  # and the one that held the worker


@given(ROWS, st.integers(1, 5))
def test_every_batch_begins_with_the_oldest_entry(rows: list[Item], batch: int) -> None:
    rows = [Item(row.key, row.length) for row in rows]
    doubler = Doubler()
    with running(doubler, held=True, batch=batch) as scheduler:
        for row in rows:
            scheduler.submit(row)
    waiting = list(rows)
    for taken in doubler.batches[1:]:
        assert taken[0] == waiting[0]
        waiting = [row for row in waiting if row not in taken]
    assert not waiting


def test_a_queue_longer_than_the_look_ahead_is_served_whole() -> None:
    rows = [Item(key, 1 + key * 7919 % 100) for key in range(300)]
    doubler = Doubler()
    with running(doubler, held=True, batch=8) as scheduler:
        futures = [scheduler.submit(row) for row in rows]
    assert [future.result(0).prediction for future in futures] == [2 * row.key for row in rows]
    waiting = {row.key: None for row in rows}
    for batch in doubler.batches[1:]:
        assert next(iter(waiting)) in [item.key for item in batch]
        for item in batch:
            del waiting[item.key]


def test_an_idle_worker_takes_an_entry_immediately() -> None:
    with running(Doubler()) as scheduler:
        outcome = scheduler.submit(Item(7)).result(PATIENCE)
    assert (outcome.prediction, outcome.batch_size) == (14, 1)


def test_many_threads_share_the_workers() -> None:
    doublers = [Doubler() for _ in range(3)]
    results: dict[int, int] = {}

    def client(first: int) -> None:
        for key in range(first, first + 50):
            outcome = scheduler.submit(Item(key, key % 17 + 1)).result(PATIENCE)
            results[key] = outcome.prediction

    with running(*doublers) as scheduler:
        clients = [threading.Thread(target=client, args=(100 * n,)) for n in range(6)]
        for each in clients:
            each.start()
        for each in clients:
            each.join(PATIENCE)
    assert results == {100 * n + k: 2 * (100 * n + k) for n in range(6) for k in range(50)}


def test_metrics_count_steps_padding_and_rejections() -> None:
    names = ("unroll_steps_total", "unroll_padded_steps_total", "unroll_batch_size_sum")
    labels = {"model": "test", "version": "1"}
    doubler = Doubler()
    with running(doubler, held=True, batch=2, queue=3) as scheduler:
        before = [value(name, **labels) for name in names]
        full = value("unroll_rejections_total", model="test", reason="queue_full")
        scheduler.submit_many([Item(1, 2), Item(2, 10), Item(3, 4)])
        assert value("unroll_queue_depth", **labels) == 3
        assert value("unroll_queue_limit", **labels) == 3
        assert value("unroll_workers", **labels) == 1
        with pytest.raises(QueueFull):
            scheduler.submit(Item(4))
    after = [value(name, **labels) for name in names]
    # The worker was held by one row of one step; then came (2, 4) padded to 4, and 10 alone.
    assert [new - old for new, old in zip(after, before, strict=True)] == [1 + 8 + 10, 2, 1 + 3]
    assert value("unroll_rejections_total", model="test", reason="queue_full") == full + 1


def test_a_scheduler_needs_a_worker() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        BatchScheduler[Item, int]([], model="test", version="1")
