"""The step scheduler's promises: which runs share a step, and what every future gets."""

import threading
import time
from concurrent.futures import wait
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import REGISTRY

from app.errors import DeadlineExceeded, InferenceFailed, NotReady, QueueFull
from app.serving.scheduling.step_scheduler import StepScheduler
from tests.serving.scheduling.steps import Count, Counter, Tensor, stepping
from tests.serving.scheduling.workers import PATIENCE

COUNTS = st.lists(
    st.tuples(st.integers(1, 6), st.integers(1, 10), st.sampled_from([None, None, 0, 1, 3])),
    min_size=1,
    max_size=25,
).map(lambda rows: [Count(key, *each) for key, each in enumerate(rows)])


def value(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, {"model": "test"} | labels) or 0.0


@given(COUNTS, st.integers(1, 3), st.integers(1, 5), st.integers(1, 12))
def test_every_entry_gets_its_own_answer(
    counts: list[Count], workers: int, batch: int, rows: int
) -> None:
    counters = [Counter() for _ in range(workers)]
    with stepping(*counters, batch=batch, rows=rows) as scheduler:
        futures = scheduler.submit_many(counts)
        for count, future in zip(counts, futures, strict=True):
            if count.bad is not None and count.bad <= count.length:
                assert isinstance(future.exception(PATIENCE), InferenceFailed)
            else:
                outcome = future.result(PATIENCE)
                assert outcome.prediction == 2 * count.key
                assert outcome.queue_seconds >= 0
                assert outcome.inference_seconds >= 0
    for counter in counters:
        assert all(len(each) <= batch for each in counter.begun)
        for step in counter.steps:
            # One that has more rows than fit has its steps to itself.
            assert sum(own for _, own in step) <= rows or len(step) == 1


def test_requests_join_and_leave_between_steps() -> None:
    counter = Counter(held=True)
    with stepping(counter) as scheduler:
        long = scheduler.submit(Count(1, length=4))
        counter.next_step()
        short = scheduler.submit(Count(2, length=1))
        middle = scheduler.submit(Count(3, length=2))
        for _ in range(3):
            counter.free.release()
            counter.next_step()
        assert short.result(PATIENCE).prediction == 4
        assert middle.result(PATIENCE).prediction == 6
        assert not long.done()
        counter.release()
        assert long.result(PATIENCE).batch_size == 3
    keys = [[key for key, _ in step] for step in counter.steps]
    assert keys == [[1], [1, 2, 3], [1, 3], [1]]
    assert counter.begun == [[1], [2, 3]]


@pytest.mark.parametrize("how", ["cancelled", "deadline"])
def test_rows_of_ended_runs_are_free_at_the_next_step(how: str) -> None:
    before = value("unroll_rejections_total", reason=how)
    counter = Counter(held=True)
    with stepping(counter, rows=4) as scheduler:
        stays = scheduler.submit(Count(1, length=3, rows=2))
        counter.next_step()
        late = time.monotonic() + 0.5 if how == "deadline" else None
        gone = scheduler.submit(Count(2, length=100, rows=2), deadline=late)
        counter.free.release()
        counter.next_step()  # both are in it, and there is no room for a third
        third = scheduler.submit(Count(3, rows=2))
        if late is None:
            gone.cancel()
        else:
            time.sleep(max(0.0, late - time.monotonic()))
        counter.release()
        assert third.result(PATIENCE).prediction == 6
        assert stays.result(PATIENCE).prediction == 2
        assert isinstance(gone.exception(PATIENCE), DeadlineExceeded)
    keys = [[key for key, _ in step] for step in counter.steps]
    assert keys == [[1], [1, 2], [1, 3]]
    assert value("unroll_rejections_total", reason=how) == before + 1


def test_an_entry_with_many_rows_is_not_passed_over() -> None:
    counter = Counter(held=True)
    with stepping(counter, rows=10, batch=8) as scheduler:
        first = scheduler.submit(Count(1, length=2, rows=5))
        counter.next_step()
        rest = scheduler.submit_many([Count(2, rows=9), Count(3, rows=1), Count(4, rows=1)])
        counter.release()
        wait([first, *rest], PATIENCE)
    keys = [[key for key, _ in step] for step in counter.steps]
    assert keys == [[1], [1], [2, 3], [4]]


def test_workers_share_what_waits() -> None:
    counters = [Counter(held=True), Counter(held=True)]
    with stepping(*counters, rows=100, batch=100) as scheduler:
        futures = scheduler.submit_many([Count(key, length=2, rows=3) for key in range(8)])
        for counter in counters:
            counter.next_step()
        for counter in counters:
            counter.release()
        wait(futures, PATIENCE)
        assert all(future.result(0) for future in futures)
    assert sorted(len(counter.steps[0]) for counter in counters) == [4, 4]


def test_an_idle_worker_is_preferred_to_a_busy_one() -> None:
    counters = [Counter(held=True), Counter(held=True)]
    with stepping(*counters) as scheduler:
        scheduler.submit(Count(1, length=50))
        while not (busy := [each for each in counters if each.begun]):
            time.sleep(0.001)
        (idle,) = [each for each in counters if each not in busy]
        busy[0].next_step()
        second = scheduler.submit(Count(2))
        idle.next_step()
        assert idle.begun == [[2]]
        idle.release()
        assert second.result(PATIENCE).prediction == 4


def test_few_begin_together_while_others_run() -> None:
    counter = Counter(held=True)
    with stepping(counter, rows=100, batch=5) as scheduler:
        futures = scheduler.submit_many([Count(key, length=9) for key in range(5)])
        counter.next_step()
        futures += scheduler.submit_many([Count(key) for key in range(5, 10)])
        counter.release()
        assert [future.result(PATIENCE).prediction for future in futures] == list(range(0, 20, 2))
    assert counter.begun == [[0, 1, 2, 3, 4], [5, 6], [7, 8], [9]]


def test_tensors_are_computed_between_steps() -> None:
    counter = Counter(held=True)
    with stepping(counter) as scheduler:
        long = scheduler.submit(Count(1, length=3))
        counter.next_step()
        tensors = scheduler.submit_many([Tensor(5), Tensor(6), Tensor(-1)])
        after = scheduler.submit(Count(2))
        counter.release()
        assert [future.result(PATIENCE).prediction for future in tensors[:2]] == [15, 18]
        assert isinstance(tensors[2].exception(PATIENCE), InferenceFailed)
        assert long.result(PATIENCE).prediction == 2
        assert after.result(PATIENCE).prediction == 4
    assert counter.begun[:2] == [[1], [5, 6, -1]]  # a batch of the graph, then its rows alone


def test_a_run_without_an_answer_fails_alone() -> None:
    with stepping(Counter()) as scheduler:
        bad, good = scheduler.submit_many([Count(-3), Count(4)])
        assert isinstance(bad.exception(PATIENCE), InferenceFailed)
        assert good.result(PATIENCE).prediction == 8


@pytest.mark.parametrize("drain", [True, False])
def test_close_finishes_what_runs(drain: bool) -> None:
    counter = Counter(held=True)
    with stepping(counter, rows=2) as scheduler:
        runs = scheduler.submit(Count(1, length=3, rows=2))
        counter.next_step()
        waits = scheduler.submit(Count(2, rows=2))
        closing = threading.Thread(target=scheduler.close, kwargs={"drain": drain})
        closing.start()
        while scheduler.waiting and not drain:
            time.sleep(0.001)
        counter.release()
        closing.join(PATIENCE)
        assert runs.result(0).prediction == 2
        if drain:
            assert waits.result(0).prediction == 4
        else:
            assert isinstance(waits.exception(0), NotReady)
        with pytest.raises(NotReady):
            scheduler.submit(Count(3))


def test_close_gives_up_on_what_runs_too_long() -> None:
    counter = Counter(held=True)
    with stepping(counter) as scheduler:
        endless = scheduler.submit(Count(1, length=10**9))
        counter.next_step()
        assert not scheduler.close(timeout=0.01)
        counter.release()
        assert isinstance(endless.exception(PATIENCE), NotReady)


def test_a_full_queue_refuses() -> None:
    counter = Counter(held=True)
    with stepping(counter, rows=1, queue=1) as scheduler:
        scheduler.submit(Count(1))
        counter.next_step()
        scheduler.submit(Count(2))
        with pytest.raises(QueueFull):
            scheduler.submit(Count(3))


class Deadly(Counter):
    def step(self, runs: Any) -> None:
        if runs[0].example.key == 1:
            raise SystemExit
        super().step(runs)


def test_a_worker_survives_everything() -> None:
    with stepping(Deadly()) as scheduler:
        assert isinstance(scheduler.submit(Count(1)).exception(PATIENCE), InferenceFailed)
        assert scheduler.submit(Count(2)).result(PATIENCE).prediction == 4


def test_steps_and_rows_are_counted() -> None:
    names = ("unroll_step_rows_sum", "unroll_step_rows_count", "unroll_steps_total")
    before = [value(name, version="1") for name in names]
    with stepping(Counter()) as scheduler:
        scheduler.submit(Count(1, length=4, rows=3)).result(PATIENCE)
    after = [value(name, version="1") for name in names]
    assert [new - old for new, old in zip(after, before, strict=True)] == [12, 4, 12]


def test_nothing_runs_in_the_callers_thread() -> None:
    with stepping(Counter()) as scheduler:
        assert not scheduler.runs_inline(None)
        assert scheduler.run_inline([Count(1)], [0.0]) == [None]


def test_a_scheduler_needs_a_worker() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        StepScheduler[Any, Any]([], model="test", version="1")
