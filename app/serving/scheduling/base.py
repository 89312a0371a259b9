"""What both schedulers share: the queue and the life of its threads. Knows no batch and no step."""

import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from concurrent.futures import Future
from typing import Generic

from app.serving.scheduling.cores import Cores
from app.serving.scheduling.costs import Costs
from app.serving.scheduling.entry import Entry, Outcome, P, Result, failure_of
from app.serving.scheduling.options import SchedulerOptions
from app.serving.scheduling.queue import Queue
from app.serving.scheduling.queue_metrics import QueueMetrics
from app.serving.task import E


class QueuedScheduler(ABC, Generic[E, P]):
    """One bounded queue and one thread per worker. Implements the `Scheduler` protocol.

    Subclasses implement `_live`, which takes entries from `_queue` and resolves their futures, and
    call `_start_all` at the end of their constructor. They may compute cheap examples inline.
    """

    def __init__(
        self,
        workers: int,
        *,
        model: str,
        version: str,
        options: SchedulerOptions,
        costs: Costs | None,
        cores: Cores | None,
        look_ahead: int,
        rows_per_take: int = 1,
    ) -> None:
        """`look_ahead` and `rows_per_take` are those of `Queue`.

        Raises:
            ValueError: there is no worker.
        """
        if workers < 1:
            raise ValueError("a scheduler needs at least 1 worker")
        self._model = model
        self._version = version
        self._options = options
        self._costs = costs or Costs(options.max_batch_size)
        self._cores = cores or Cores(workers)
        self._metrics = QueueMetrics(
            model, version, workers=workers, queue_limit=options.max_queue_size
        )
        self._queue = Queue[E, P](
            self._metrics,
            max_entries=options.max_queue_size,
            max_seconds=options.max_queue_seconds,
            workers=workers,
            look_ahead=look_ahead,
            batch_size=rows_per_take,
            work_of=self._costs.share,
        )
        self._workers = workers
        self._threads: dict[int, threading.Thread] = {}
        self._time_is_up = False  # `close` has stopped waiting for what runs

    @property
    def waiting(self) -> int:
        return self._queue.waiting

    def submit(self, example: E, *, deadline: float | None = None) -> Future[Outcome[P]]:
        return self.submit_many([example], deadline=deadline)[0]

    def submit_many(
        self, examples: Sequence[E], *, deadline: float | None = None
    ) -> list[Future[Outcome[P]]]:
        return self._queue.submit_many(examples, deadline=deadline)

    def is_full(self, seconds_left: float) -> bool:
        return self._queue.is_full(seconds_left)

    def runs_inline(self, graph: str | None) -> bool:
        return False

    def run_inline(
        self, examples: Sequence[E], since: Sequence[float], *, idle: bool = False
    ) -> list[Result[P]]:
        return [None] * len(examples)

    def stop(self) -> None:
        self._queue.stop()

    def close(self, *, drain: bool = True, timeout: float | None = None) -> bool:
        end = None if timeout is None else time.monotonic() + timeout
        self.stop()
        if not drain:
            self._queue.fail_waiting()
        for worker in range(self._workers):
            while (thread := self._threads[worker]).is_alive():  # a replacement may follow
                thread.join(None if end is None else max(0.0, end - time.monotonic()))
                if end is not None and time.monotonic() >= end:
                    break
        self._time_is_up = True
        self._queue.fail_waiting()
        return not any(thread.is_alive() for thread in self._threads.values())

    def _start_all(self) -> None:
        """Start the threads; if one cannot be started, stop the others.

        Raises:
            RuntimeError: the system has no more threads.
        """
        for worker in range(self._workers):
            try:
                self._start(worker)
            except RuntimeError:
                self.stop()
                raise

    def _start(self, worker: int) -> None:
        """Start the thread of a worker.

        Raises:
            RuntimeError: the system has no more threads.
        """
        name = f"{self._model}-{self._version}-{worker}"
        # A daemon, so that a batch that hangs cannot keep the process alive after `close`.
        thread = threading.Thread(None, self._live, name, (worker,), daemon=True)
        thread.start()
        self._threads[worker] = thread

    @abstractmethod
    def _live(self, worker: int) -> None:
        """What the thread of a worker does until the queue is closed and empty."""

    def _fail(self, entry: Entry[E, P], error: BaseException) -> None:
        """Resolve a future with an error, in the context of its request, for the log."""
        entry.future.set_exception(entry.context.run(failure_of, error, self._model))
