"""One cheap input at a time may run where it is."""

import threading
from collections.abc import Sequence

import pytest

from app.errors import InferenceFailed, InvalidInput
from app.serving.costs import Costs
from app.serving.scheduler import Scheduler
from tests.serving.workers import PATIENCE, Doubler, Item, running


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


def scheduler_with(inline: Inline, costs: Costs) -> Scheduler[Item, int]:
    return Scheduler[Item, int]([Inline()], model="test", version="1", costs=costs, inline=inline)


def test_what_is_known_to_be_cheap_runs_where_it_is() -> None:
    inline = Inline()
    scheduler = scheduler_with(inline, costs=Told(cheap=True))
    item = Item(3, length=5)
    try:
        outcome = scheduler.run_now(item)
        assert outcome is not None
        assert (outcome.prediction, outcome.batch_size, outcome.queue_seconds) == (6, 1, 0.0)
        assert inline.threads == [threading.current_thread()]
        assert scheduler.run_now(Item(3, length=5000)) is None, "much longer"
    finally:
        assert scheduler.close(timeout=PATIENCE)
    assert scheduler.run_now(item) is None, "it is closed"


def test_what_is_dear_or_unknown_does_not() -> None:
    for costs in (Told(cheap=False), Costs(4)):
        scheduler = scheduler_with(Inline(), costs=costs)
        assert scheduler.run_now(Item(3, length=5)) is None
        assert scheduler.close(timeout=PATIENCE)


def test_it_waits_for_nobody() -> None:
    worker, inline = Doubler(), Inline()
    with running(worker, held=True) as scheduler:
        scheduler._costs, scheduler._inline = Told(cheap=True), inline
        waiting = scheduler.submit(Item(7))
        outcome = scheduler.run_now(Item(1, length=5))
        assert outcome is not None
        assert outcome.prediction == 2
        assert not waiting.done()


def test_without_an_instance_for_it_nothing_is_computed_here() -> None:
    with running(Doubler()) as scheduler:
        scheduler._costs = Told(cheap=True)
        assert scheduler.run_now(Item(1, length=5)) is None


@pytest.mark.parametrize(
    ("error", "kind"), [(ValueError("secret"), InferenceFailed), (InvalidInput("no"), InvalidInput)]
)
def test_failures_are_those_of_a_worker(error: Exception, kind: type[Exception]) -> None:
    inline = Inline()
    inline.error = error
    scheduler = scheduler_with(inline, costs=Told(cheap=True))
    try:
        with pytest.raises(kind) as caught:
            scheduler.run_now(Item(3, length=5))
        assert "secret" not in str(caught.value)
    finally:
        assert scheduler.close(timeout=PATIENCE)
