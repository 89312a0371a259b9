"""A task of steps for the step scheduler's tests: it counts. Knows no network."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from app.serving.scheduling.options import SchedulerOptions
from app.serving.scheduling.step_runs import Stepper
from app.serving.scheduling.step_scheduler import StepScheduler
from app.serving.task import ExampleDefaults
from tests.serving.scheduling.workers import PATIENCE


@dataclass(frozen=True)
class Count(ExampleDefaults):
    """Takes `length` steps of `rows` rows; raises in step `bad`, where 0 is its beginning."""

    key: int
    length: int = 1
    rows: int = 1
    bad: int | None = None


@dataclass(frozen=True)
class Tensor(ExampleDefaults):
    """An example of a graph."""

    key: int
    graph: str = "graph.onnx"
    group: str = "graph"
    length: int = 1


@dataclass
class CountRun:
    example: Count
    taken: int = 0

    @property
    def rows(self) -> int:
        return self.example.rows

    @property
    def finished(self) -> bool:
        return self.taken == self.example.length

    def prediction(self) -> Any:
        if self.example.key < 0:
            raise ValueError("no answer")
        return 2 * self.example.key


@dataclass
class Counter:
    """Records which runs begin and step together; while `held`, it waits before each step."""

    begun: list[list[int]] = field(default_factory=list)
    steps: list[list[tuple[int, int]]] = field(default_factory=list)  # keys and rows
    free: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    arrived: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    held: bool = False

    def begin(self, examples: Sequence[Count]) -> list[CountRun]:
        self.begun.append([each.key for each in examples])
        if any(each.bad == 0 for each in examples):
            raise ValueError("a bad beginning")
        return [CountRun(each) for each in examples]

    def step(self, runs: Sequence[CountRun]) -> None:
        self.arrived.release()
        if self.held:
            assert self.free.acquire(timeout=PATIENCE)
        assert not any(run.finished for run in runs)
        self.steps.append([(run.example.key, run.rows) for run in runs])
        if any(run.example.bad == run.taken + 1 for run in runs):
            raise ValueError("a bad step")
        for run in runs:
            run.taken += 1

    def next_step(self) -> None:
        """Wait until a step is about to be taken."""
        assert self.arrived.acquire(timeout=PATIENCE)

    def release(self) -> None:
        """Never wait again."""
        self.held = False
        self.free.release()

    def predict(self, examples: Sequence[Tensor]) -> list[Any]:
        self.begun.append([each.key for each in examples])
        if any(each.key < 0 for each in examples):
            raise ValueError("a bad tensor")
        return [3 * each.key for each in examples]

    def encode(self, *_: Any, **__: Any) -> Any:
        raise NotImplementedError


@contextmanager
def stepping(
    *counters: Counter, rows: int = 8, batch: int = 4, queue: int = 1000
) -> Iterator[StepScheduler[Any, Any]]:
    """A scheduler over `counters`."""
    scheduler = StepScheduler[Any, Any](
        [Stepper(each, {"graph.onnx": each}) for each in counters],  # type: ignore[dict-item]
        model="test",
        version="1",
        options=SchedulerOptions(max_batch_size=batch, max_step_rows=rows, max_queue_size=queue),
    )
    try:
        yield scheduler
    finally:
        for each in counters:
            each.release()
        assert scheduler.close(timeout=PATIENCE)
