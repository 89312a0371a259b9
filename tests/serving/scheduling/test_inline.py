"""Cheap inputs may run where they are, together."""

import threading
import time
from collections.abc import Callable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import InferenceFailed, InvalidInput
from app.serving.scheduling.costs import Costs
from app.serving.scheduling.entry import Outcome
from app.serving.scheduling.inline import Inline as Computing
from app.serving.scheduling.inline import Result
from app.serving.scheduling.meter import Meter
from app.serving.scheduling.scheduler import Scheduler
from tests.serving.scheduling.workers import PATIENCE, Doubler, Item, running


class Told(Costs):
    """Knows what it was told before it served, and learns nothing."""

    def __init__(self, cheap: bool) -> None:
        super().__init__(4)
        super().note([Item(0, 5)], 1e-6 if cheap else 1e-3)

    def note(self, examples: Sequence[Item], seconds: float) -> None:
        pass


class Inline:
    """Doubles where it is called; raises what it is told to."""

    def __init__(self) -> None:
        self.threads: list[threading.Thread] = []
        self.error: Exception | None = None

    def __call__(self, items: Sequence[Item]) -> list[int]:
        self.threads.append(threading.current_thread())
        if self.error is not None:
            raise self.error
        return [2 * item.key for item in items]


def computing(worker: Callable[[Sequence[Item]], list[int]], costs: Costs) -> Computing[Item, int]:
    meter = Meter("test", "1", workers=1, queue_limit=1)
    return Computing(worker, costs, meter, model="test", max_batch_size=4, max_batch_steps=1000)


def run(scheduler: Scheduler[Item, int], item: Item) -> Result[int]:
    """What comes of one input."""
    [result] = scheduler.run_now([item], [time.monotonic()])
    return result


def scheduler_with(inline: Inline, costs: Costs) -> Scheduler[Item, int]:
    return Scheduler[Item, int]([Inline()], model="test", version="1", costs=costs, inline=inline)


def test_what_is_known_to_be_cheap_runs_where_it_is() -> None:
    inline = Inline()
    scheduler = scheduler_with(inline, costs=Told(cheap=True))
    item = Item(3, length=5)
    try:
        outcome = run(scheduler, item)
        assert isinstance(outcome, Outcome)
        assert (outcome.prediction, outcome.batch_size) == (6, 1)
        assert inline.threads == [threading.current_thread()]
        assert run(scheduler, Item(3, length=5000)) is None, "much longer"
    finally:
        assert scheduler.close(timeout=PATIENCE)
    assert run(scheduler, item) is None, "it is closed"


def test_what_is_dear_or_unknown_does_not() -> None:
    for costs in (Told(cheap=False), Costs(4)):
        scheduler = scheduler_with(Inline(), costs=costs)
        assert run(scheduler, Item(3, length=5)) is None
        assert scheduler.close(timeout=PATIENCE)


def test_it_waits_for_nobody() -> None:
    worker, inline = Doubler(), Inline()
    with running(worker, held=True) as scheduler:
        scheduler._inline = computing(inline, Told(cheap=True))
        waiting = scheduler.submit(Item(7))
        outcome = run(scheduler, Item(1, length=5))
        assert isinstance(outcome, Outcome)
        assert outcome.prediction == 2
        assert not waiting.done()


def test_without_an_instance_for_it_nothing_is_computed_here() -> None:
    with running(Doubler()) as scheduler:
        scheduler._costs = Told(cheap=True)
        assert run(scheduler, Item(1, length=5)) is None


@pytest.mark.parametrize(
    ("error", "kind"), [(ValueError("secret"), InferenceFailed), (InvalidInput("no"), InvalidInput)]
)
def test_failures_are_those_of_a_worker(error: Exception, kind: type[Exception]) -> None:
    inline = Inline()
    inline.error = error
    scheduler = scheduler_with(inline, costs=Told(cheap=True))
    try:
        result = run(scheduler, Item(3, length=5))
        assert isinstance(result, kind)
        assert "secret" not in str(result)
    finally:
        assert scheduler.close(timeout=PATIENCE)


@given(st.lists(st.integers(1, 40), max_size=30))
def test_each_gets_its_own_and_batches_are_of_near_lengths(lengths: list[int]) -> None:
    batches: list[list[int]] = []

    def worker(items: Sequence[Item]) -> list[int]:
        batches.append([item.length for item in items])
        return [2 * item.key for item in items]

    items = [Item(key, length=length) for key, length in enumerate(lengths)]
    results = computing(worker, Told(cheap=True)).run(items, [0.0] * len(items))
    found = [each.prediction for each in results if isinstance(each, Outcome)]
    assert found == [2 * item.key for item in items]
    assert all(len(each) <= 4 for each in batches)
    computed = [length for batch in batches for length in batch]
    assert computed == sorted(lengths), "nobody is padded by more than a neighbour"


def test_only_the_bad_one_fails() -> None:
    def worker(items: Sequence[Item]) -> list[int]:
        if any(item.key == 2 for item in items):
            raise InvalidInput("no")
        return [2 * item.key for item in items]

    items = [Item(key, length=5) for key in range(4)]
    results = computing(worker, Told(cheap=True)).run(items, [0.0] * 4)
    assert isinstance(results[2], InvalidInput)
    others = [each for each in results if isinstance(each, Outcome)]
    assert [each.prediction for each in others] == [0, 2, 6]
