"""Cheap inputs run in the thread that asks, in batches."""

import threading
import time
from collections.abc import Callable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import InferenceFailed, InvalidInput
from app.serving.scheduling.batch_scheduler import BatchScheduler
from app.serving.scheduling.costs import Costs
from app.serving.scheduling.entry import Outcome, Result
from app.serving.scheduling.inline import InlineRunner
from app.serving.scheduling.options import SchedulerOptions
from app.serving.scheduling.queue_metrics import QueueMetrics
from app.serving.task import Example
from tests.serving.scheduling.workers import PATIENCE, Doubler, Item

OPTIONS = SchedulerOptions(max_batch_size=4, max_batch_steps=1000)


class Fixed(Costs):
    """Costs that are given and never change."""

    def __init__(self, cheap: bool) -> None:
        super().__init__(4)
        super().note([Item(0, 5)], 1e-6 if cheap else 1e-3)

    def note(self, examples: Sequence[Example], seconds: float) -> None:
        pass


class Inline:
    """Doubles in the calling thread; raises `error` if there is one."""

    def __init__(self) -> None:
        self.threads: list[threading.Thread] = []
        self.error: Exception | None = None

    def __call__(self, items: Sequence[Item]) -> list[int]:
        self.threads.append(threading.current_thread())
        if self.error is not None:
            raise self.error
        return [2 * item.key for item in items]


def runner(worker: Callable[[Sequence[Item]], list[int]], costs: Costs) -> InlineRunner[Item, int]:
    metrics = QueueMetrics("test", "1", workers=1, queue_limit=1)
    return InlineRunner(worker, costs, metrics, model="test", options=OPTIONS)


def run(scheduler: BatchScheduler[Item, int], item: Item) -> Result[int]:
    """The result of one input."""
    [result] = scheduler.run_inline([item], [time.monotonic()])
    return result


def scheduler_with(
    inline: Inline | None, costs: Costs, worker: Doubler | Inline | None = None
) -> BatchScheduler[Item, int]:
    return BatchScheduler[Item, int](
        [worker or Inline()], model="test", version="1", costs=costs, inline=inline
    )


def test_what_is_known_to_be_cheap_runs_inline() -> None:
    inline = Inline()
    scheduler = scheduler_with(inline, costs=Fixed(cheap=True))
    item = Item(3, length=5)
    try:
        outcome = run(scheduler, item)
        assert isinstance(outcome, Outcome)
        assert (outcome.prediction, outcome.batch_size) == (6, 1)
        assert inline.threads == [threading.current_thread()]
        assert scheduler.runs_inline(None)
        assert run(scheduler, Item(3, length=5000)) is None, "much longer"
    finally:
        assert scheduler.close(timeout=PATIENCE)
    assert run(scheduler, item) is None, "it is closed"


def test_an_idle_service_computes_some_milliseconds_inline() -> None:
    scheduler = scheduler_with(Inline(), costs=Fixed(cheap=False))
    try:
        short, long = Item(3, length=5), Item(3, length=500_000)
        assert run(scheduler, short) is None
        [outcome] = scheduler.run_inline([short], [time.monotonic()], idle=True)
        assert isinstance(outcome, Outcome)
        assert outcome.prediction == 6
        assert scheduler.run_inline([long], [time.monotonic()], idle=True) == [None]
    finally:
        assert scheduler.close(timeout=PATIENCE)


def test_what_is_expensive_or_unknown_does_not() -> None:
    for costs in (Fixed(cheap=False), Costs(4)):
        scheduler = scheduler_with(Inline(), costs=costs)
        assert run(scheduler, Item(3, length=5)) is None
        assert scheduler.close(timeout=PATIENCE)


def test_inline_examples_do_not_wait_for_workers() -> None:
    worker, inline = Doubler(), Inline()
    scheduler = scheduler_with(inline, Fixed(cheap=True), worker)
    try:
        waiting = scheduler.submit(Item(7))
        assert worker.started.wait(PATIENCE)
        outcome = run(scheduler, Item(1, length=5))
        assert isinstance(outcome, Outcome)
        assert outcome.prediction == 2
        assert not waiting.done()
    finally:
        worker.free.set()
        assert scheduler.close(timeout=PATIENCE)


def test_without_an_inline_worker_nothing_is_computed_inline() -> None:
    scheduler = scheduler_with(None, Fixed(cheap=True))
    try:
        assert not scheduler.runs_inline(None)
        assert run(scheduler, Item(1, length=5)) is None
    finally:
        assert scheduler.close(timeout=PATIENCE)


@pytest.mark.parametrize(
    ("error", "kind"), [(ValueError("secret"), InferenceFailed), (InvalidInput("no"), InvalidInput)]
)
def test_failures_are_those_of_a_worker(error: Exception, kind: type[Exception]) -> None:
    inline = Inline()
    inline.error = error
    scheduler = scheduler_with(inline, costs=Fixed(cheap=True))
    try:
        result = run(scheduler, Item(3, length=5))
        assert isinstance(result, kind)
        assert "secret" not in str(result)
    finally:
        assert scheduler.close(timeout=PATIENCE)


@given(st.lists(st.integers(1, 40), max_size=30))
def test_each_gets_its_own_answer_and_batches_are_of_near_lengths(lengths: list[int]) -> None:
    batches: list[list[int]] = []

    def worker(items: Sequence[Item]) -> list[int]:
        batches.append([item.length for item in items])
        return [2 * item.key for item in items]

    items = [Item(key, length=length) for key, length in enumerate(lengths)]
    results = runner(worker, Fixed(cheap=True)).run(items, [0.0] * len(items))
    found = [each.prediction for each in results if isinstance(each, Outcome)]
    assert found == [2 * item.key for item in items]
    assert all(len(each) <= 4 for each in batches)
    computed = [length for batch in batches for length in batch]
    assert computed == sorted(lengths), "padding is to the next length at most"


def test_only_the_bad_one_fails() -> None:
    def worker(items: Sequence[Item]) -> list[int]:
        if any(item.key == 2 for item in items):
            raise InvalidInput("no")
        return [2 * item.key for item in items]

    items = [Item(key, length=5) for key in range(4)]
    results = runner(worker, Fixed(cheap=True)).run(items, [0.0] * 4)
    assert isinstance(results[2], InvalidInput)
    others = [each for each in results if isinstance(each, Outcome)]
    assert [each.prediction for each in others] == [0, 2, 6]
