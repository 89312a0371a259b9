"""Workers for the scheduler's tests: plain functions that double a key. Knows no network."""

import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field

from app.serving.scheduling.batch_scheduler import BatchScheduler
from app.serving.scheduling.costs import Costs
from app.serving.scheduling.entry import Outcome
from app.serving.scheduling.options import SchedulerOptions
from app.serving.task import Example, ExampleDefaults

PATIENCE = 60.0  # seconds; a limit for what hangs, not a measure


@dataclass(frozen=True)
class Item(ExampleDefaults):
    key: int
    length: int = 1
    bad: bool = False


@dataclass
class Doubler:
    """A worker that records what it computes, and waits before each batch until it is `free`."""

    batches: list[list[Item]] = field(default_factory=list)
    free: threading.Event = field(default_factory=threading.Event)
    started: threading.Event = field(default_factory=threading.Event)

    def __call__(self, items: Sequence[Item]) -> list[int]:
        self.started.set()
        assert self.free.wait(PATIENCE)
        self.batches.append(list(items))
        if any(item.bad for item in items):
            raise ValueError("a bad row")
        return [2 * item.key for item in items]

    @property
    def computed(self) -> Counter[int]:
        """How often each key was computed successfully."""
        return Counter(
            item.key
            for batch in self.batches
            if not any(item.bad for item in batch)
            for item in batch
        )


class Constant(Costs):
    """Never changes, so that batches do not depend on how fast this machine is."""

    def note(self, examples: Sequence[Example], seconds: float) -> None:
        pass


Futures = list[Future[Outcome[int]]]


@contextmanager
def running(
    *workers: Doubler, held: bool = False, batch: int = 4, queue: int = 1000
) -> Iterator[BatchScheduler[Item, int]]:
    """A scheduler; `held` keeps its one worker busy with key -1 until `free` is set."""
    scheduler = BatchScheduler[Item, int](
        workers,
        model="test",
        version="1",
        options=SchedulerOptions(max_batch_size=batch, max_queue_size=queue),
        costs=Constant(batch),
    )
    if held:
        scheduler.submit(Item(-1))
        assert workers[0].started.wait(PATIENCE)
    else:
        for worker in workers:
            worker.free.set()
    try:
        yield scheduler
    finally:
        for worker in workers:
            worker.free.set()
        assert scheduler.close(timeout=PATIENCE)
