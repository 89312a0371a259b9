"""What the scheduler does when work hangs, raises, or the service is going away."""

import gc
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Sequence
from concurrent.futures import wait
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from prometheus_client import REGISTRY

from app.errors import (
    DeadlineExceeded,
    InferenceFailed,
    InvalidInput,
    NotReady,
    UnrollError,
)
from app.serving.scheduling.batch_scheduler import BatchScheduler
from app.serving.scheduling.options import SchedulerOptions
from tests.serving.scheduling.workers import PATIENCE, Doubler, Item, running

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize("drain", [True, False])
def test_close_finishes_or_fails_what_was_accepted(drain: bool) -> None:
    doubler = Doubler()
    with running(doubler, held=True) as scheduler:
        futures = scheduler.submit_many([Item(key) for key in range(9)])
        closing = threading.Thread(target=scheduler.close, kwargs={"drain": drain})
        scheduler.stop()
        with pytest.raises(NotReady):
            scheduler.submit(Item(100))
        closing.start()
        if not drain:  # they fail while the worker is still busy
            wait(futures, PATIENCE)
        doubler.free.set()
        closing.join(PATIENCE)
        assert not closing.is_alive()
        for key, future in enumerate(futures):
            if drain:
                assert future.result(0).prediction == 2 * key
            else:
                assert isinstance(future.exception(0), NotReady)


def test_close_gives_up_on_a_batch_that_hangs() -> None:
    doubler = Doubler()
    with running(doubler, held=True) as scheduler:
        future = scheduler.submit(Item(1))
        assert not scheduler.close(timeout=0.01)
        assert isinstance(future.exception(PATIENCE), NotReady)


def test_dead_entries_make_room_in_a_full_queue() -> None:
    with running(Doubler(), held=True, queue=2) as scheduler:
        gone = scheduler.submit(Item(1))
        late = scheduler.submit(Item(2), deadline=time.monotonic())
        gone.cancel()
        future = scheduler.submit(Item(3))
        assert isinstance(late.exception(PATIENCE), DeadlineExceeded)
        assert scheduler.waiting == 1
    assert future.result(0).prediction == 6


def test_a_failed_batch_does_not_retry_rows_whose_time_is_over() -> None:
    class Slow(Doubler):
        def __call__(self, items: Sequence[Item]) -> list[int]:
            time.sleep(0.05)
            return super().__call__(items)

    doubler = Slow()
    with running(doubler, held=True) as scheduler:
        bad = scheduler.submit(Item(1, bad=True))
        late = scheduler.submit(Item(2), deadline=time.monotonic() + 0.08)
        doubler.free.set()
        assert isinstance(bad.exception(PATIENCE), InferenceFailed)
        assert isinstance(late.exception(PATIENCE), DeadlineExceeded)


class Moody:
    """A worker that does whatever the key says."""

    def __call__(self, items: Sequence[Item]) -> Sequence[int]:
        match items[0].key:
            case 1:
                raise SystemExit
            case 2:
                return []
            case 3:
                raise InvalidInput("not this one", field="series")
            case _:
                return [0] * len(items)


@pytest.mark.parametrize(
    ("key", "error"), [(1, InferenceFailed), (2, InferenceFailed), (3, InvalidInput)]
)
def test_a_worker_survives_everything(key: int, error: type[UnrollError]) -> None:
    scheduler = BatchScheduler[Item, int]([Moody()], model="test", version="1")
    assert type(scheduler.submit(Item(key)).exception(PATIENCE)) is error
    assert scheduler.submit(Item(0)).result(PATIENCE).prediction == 0
    assert scheduler.close(timeout=PATIENCE)


def test_a_row_that_would_end_the_thread_fails_alone() -> None:
    class Deadly(Doubler):
        def __call__(self, items: Sequence[Item]) -> list[int]:
            try:
                return super().__call__(items)
            except ValueError as error:
                raise SystemExit from error

    doubler = Deadly()
    with running(doubler, held=True) as scheduler:
        futures = scheduler.submit_many([Item(1), Item(2, bad=True), Item(3)])
    assert [futures[0].result(0).prediction, futures[2].result(0).prediction] == [2, 6]
    assert isinstance(futures[1].exception(0), InferenceFailed)


def test_a_thread_that_dies_is_replaced_and_counted() -> None:
    def end(_: object) -> None:
        raise SystemExit

    def replaced() -> float:
        labels = {"model": "test", "version": "1"}
        return REGISTRY.get_sample_value("unroll_worker_replacements_total", labels) or 0.0

    doubler = Doubler()
    with running(doubler, held=True) as scheduler:
        before = replaced()
        [old] = [each for each in threading.enumerate() if each.name == "test-1-0"]
        first, second = scheduler.submit_many([Item(1), Item(2)])
        first.add_done_callback(end)
        doubler.free.set()
        assert isinstance(second.exception(PATIENCE), InferenceFailed)
        assert scheduler.submit(Item(3)).result(PATIENCE).prediction == 6
        old.join(PATIENCE)
        [new] = [each for each in threading.enumerate() if each.name == "test-1-0"]
        assert new is not old
        assert replaced() == before + 1


def test_a_length_that_raises_is_the_callers_problem() -> None:
    class Broken(Item):
        @property
        def length(self) -> int:
            raise ValueError("no length")

    with running(Doubler()) as scheduler:
        with pytest.raises(ValueError, match="no length"):
            scheduler.submit(object.__new__(Broken))
        assert scheduler.submit(Item(2)).result(PATIENCE).prediction == 4


NO_MORE_THREADS = """
import resource, threading
from app.serving.scheduling.batch_scheduler import BatchScheduler
size = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (size + 100_000_000, -1))  # for some stacks, not for all
try:
    BatchScheduler([lambda items: items] * 200, model="test", version="1")
except RuntimeError as error:
    print(error)
for thread in threading.enumerate():
    if thread is not threading.main_thread():
        thread.join(10)
print(threading.active_count())
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs /proc and a limit")
def test_threads_that_were_started_end_if_others_cannot_be() -> None:
    done = subprocess.run(
        [sys.executable, "-c", NO_MORE_THREADS], cwd=ROOT, capture_output=True, text=True
    )
    assert done.stdout.splitlines() == ["can't start new thread", "1"], done.stderr


class Payload:
    """What an example may hold; a reference to it tells whether it is still there."""


@dataclass(frozen=True)
class Loaded(Item):
    payload: Payload = field(default_factory=Payload)


@pytest.mark.parametrize("rows", [1, 3])
def test_what_failed_is_freed_at_once(rows: int) -> None:
    """Without the collector of circles: what was sent may be large, and it may come late."""

    def refuse(items: Sequence[Item]) -> list[int]:
        raise InvalidInput("this cannot be computed")

    options = SchedulerOptions(max_batch_size=rows)
    gc.collect()
    gc.disable()
    scheduler = BatchScheduler[Item, int]([refuse], model="test", version="1", options=options)
    try:
        items = [Loaded(key) for key in range(rows)]
        payloads = [weakref.ref(item.payload) for item in items]
        futures = scheduler.submit_many(items)
        del items
        assert all(isinstance(f.exception(PATIENCE), InvalidInput) for f in futures)
        del futures
        assert scheduler.close(timeout=PATIENCE)
        assert [each() for each in payloads] == [None] * rows
    finally:
        gc.enable()
        scheduler.close(timeout=PATIENCE)


def test_a_batch_that_fails_is_logged_without_what_was_sent(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The text of an error may quote a client's values."""
    doubler = Doubler()
    with running(doubler, held=True) as scheduler:
        futures = scheduler.submit_many([Item(1), Item(2, bad=True), Item(3)])
        doubler.free.set()
        wait(futures, PATIENCE)
    logged = [each.msg for each in caplog.records if isinstance(each.msg, dict)]
    [failed] = [each for each in logged if each["event"] == "batch_failed"]
    assert failed["error"] == "ValueError"
    assert "bad row" not in str(failed)
