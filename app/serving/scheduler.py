"""Worker threads and their batches. Knows lengths; not what an example holds, nor how it waits.

Work-conserving: a free worker takes what waits at once, and batches grow by themselves while all
workers are busy. A batch is the oldest entry and those of its group nearest its length, so nothing
starves.
"""

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Final, Generic, TypeAlias

from app import tracing
from app.errors import InferenceFailed
from app.log import get_logger
from app.serving.batches import batch_of
from app.serving.costs import Costs
from app.serving.entry import Entry, Outcome, P, failure_of
from app.serving.meter import Meter
from app.serving.queue import Queue
from app.serving.task import E

Worker: TypeAlias = Callable[[Sequence[E]], Sequence[P]]

# Batch-mates are sought among this many batches' worth of the oldest entries.
_LOOK_AHEAD: Final = 8

_log = get_logger(__name__)


class Scheduler(Generic[E, P]):
    """One bounded queue and one thread per worker callable.

    A callable is only ever called from its own thread, so it may own a session without a lock.
    `inline`, if there is one, is called by `run_now`, while the others may be at work.
    """

    def __init__(
        self,
        workers: Sequence[Worker[E, P]],
        *,
        model: str,
        version: str,
        max_batch_size: int = 8,
        max_queue_size: int = 4096,
        max_batch_steps: int = 20_000,
        inline: Worker[E, P] | None = None,
    ) -> None:
        if not workers or max_batch_size < 1 or max_queue_size < 1:
            raise ValueError("workers, max_batch_size and max_queue_size must be at least 1")
        self._model = model
        self._max_batch_size = max_batch_size
        self._max_batch_steps = max_batch_steps
        self._inline = inline
        self._costs = Costs()
        self._meter = Meter(model, version, workers=len(workers), queue_limit=max_queue_size)
        self._queue = Queue[E, P](
            self._meter,
            max_entries=max_queue_size,
            servers=len(workers),
            look_ahead=_LOOK_AHEAD * max_batch_size,
        )

        # Daemons, so that a batch that hangs cannot keep the process alive after `close`.
        self._threads = [
            threading.Thread(None, self._work, f"{model}-{version}-{i}", (worker,), daemon=True)
            for i, worker in enumerate(workers)
        ]
        for thread in self._threads:
            try:
                thread.start()
            except RuntimeError:  # no more threads are to be had; let go of those that run
                self.stop()
                raise

    @property
    def waiting(self) -> int:
        """Entries that wait now."""
        return self._queue.waiting

    def submit(self, example: E, *, deadline: float | None = None) -> Future[Outcome[P]]:
        """Queue one example; see `submit_many`."""
        return self.submit_many([example], deadline=deadline)[0]

    def submit_many(
        self, examples: Sequence[E], *, deadline: float | None = None
    ) -> list[Future[Outcome[P]]]:
        """Queue all of `examples` or, raising, none of them, as `Queue.submit_many` does."""
        return self._queue.submit_many(examples, deadline=deadline)

    def run_now(self, example: E) -> Outcome[P] | None:
        """Compute one example in this thread; None for one that should be submitted instead.

        Done only where it costs less than the way to a worker and back, as those of its kind did,
        and while nobody waits. Raises what a future would raise.
        """
        if self._inline is None or self._queue.waiting or self._queue.closed:
            return None
        if not self._costs.is_cheap(example):
            return None
        start = time.monotonic()
        try:
            [prediction] = self._inline([example])
        except Exception as error:
            raise failure_of(error, self._model) from None
        seconds = time.monotonic() - start
        self._costs.note(example, seconds)
        self._meter.waited(0.0)
        self._meter.computed([example.length], seconds)
        return Outcome(prediction, 0.0, seconds, 1, tracing.runs_since(start))

    def stop(self) -> None:
        """Accept nothing more; what was accepted still runs. Does not wait."""
        self._queue.stop()

    def close(self, *, drain: bool = True, timeout: float | None = None) -> bool:
        """Stop, and wait until every worker is idle, `timeout` seconds at most.

        Without `drain`, or when the time is up, entries that still wait fail with NotReady.
        Returns whether all workers ended. May be called again.
        """
        end = None if timeout is None else time.monotonic() + timeout
        self.stop()
        if not drain:
            self._queue.abandon()
        for thread in self._threads:
            thread.join(None if end is None else max(0.0, end - time.monotonic()))
        self._queue.abandon()
        return not any(thread.is_alive() for thread in self._threads)

    def _batch_of(self, window: Sequence[Entry[E, P]]) -> set[int]:
        return batch_of(window, self._max_batch_size, self._max_batch_steps)

    def _work(self, worker: Worker[E, P]) -> None:
        while (batch := self._queue.take(self._batch_of)) is not None:
            try:
                self._serve(worker, batch)
            except BaseException:
                # A thread that ends here would be missed until the queue is full.
                for entry in batch:
                    if not entry.future.done():
                        entry.future.set_exception(InferenceFailed("the worker failed"))
                _log.exception("worker_error", model=self._model)
            del batch  # frees the arrays while this thread waits

    def _serve(self, worker: Worker[E, P], batch: list[Entry[E, P]]) -> None:
        """Compute a batch; if it fails, its rows alone, so that only the bad one fails."""
        start = time.monotonic()
        try:
            predictions = worker([entry.example for entry in batch])
            if len(predictions) != len(batch):
                raise RuntimeError(f"{len(predictions)} predictions for {len(batch)} examples")
        except BaseException as error:
            if len(batch) == 1:
                self._fail(batch[0], error)
            else:
                _log.warning("batch_failed", model=self._model, rows=len(batch), error=repr(error))
                for entry in batch:
                    if entry.expired(time.monotonic()):
                        self._queue.drop([entry])
                    else:
                        self._serve(worker, [entry])
                del entry
            batch.clear()  # or the error would hold this frame, and the frame the error
            return
        seconds = time.monotonic() - start
        if len(batch) == 1:
            self._costs.note(batch[0].example, seconds)
        runs = tracing.runs_since(start)
        self._meter.computed([entry.length for entry in batch], seconds)
        for entry, prediction in zip(batch, predictions, strict=True):
            waited = start - entry.arrived
            entry.future.set_result(Outcome(prediction, waited, seconds, len(batch), runs))

    def _fail(self, entry: Entry[E, P], error: BaseException) -> None:
        entry.future.set_exception(entry.context.run(failure_of, error, self._model))
