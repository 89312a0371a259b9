"""Queue, batch forming, deadlines, cancellation. Knows lengths; not what an example holds.

Work-conserving: a free worker takes what waits at once, and batches grow by themselves while all
workers are busy. A batch is the oldest entry and those of its group nearest its length, so nothing
starves. Every entry carries its own future; nothing is looked up by id.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Final, Generic, TypeAlias

from app import tracing
from app.errors import (
    DeadlineExceeded,
    InferenceFailed,
    InvalidInput,
    NotReady,
    QueueFull,
)
from app.log import get_logger
from app.serving.batches import batch_of
from app.serving.costs import Costs
from app.serving.entry import Entry, Outcome, P, failure_of
from app.serving.meter import Meter
from app.serving.task import E

Worker: TypeAlias = Callable[[Sequence[E]], Sequence[P]]

# Batch-mates are sought among this many batches' worth of the oldest entries, so that a long
# queue costs no more than a short one.
_LOOK_AHEAD: Final = 8
# A full queue is searched for dead entries this seldom: refusing must stay cheap under overload.
_PURGE_SECONDS: Final = 0.1

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
        self._max_queue_size = max_queue_size
        self._max_batch_steps = max_batch_steps
        self._look_ahead = _LOOK_AHEAD * max_batch_size
        self._waiting: deque[Entry[E, P]] = deque()
        self._changed = threading.Condition()
        self._closed = False
        self._next_purge = 0.0
        self._inline = inline
        self._costs = Costs()
        self._meter = Meter(model, version, workers=len(workers), queue_limit=max_queue_size)

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
        return len(self._waiting)

    def submit(self, example: E, *, deadline: float | None = None) -> Future[Outcome[P]]:
        """Queue one example; see `submit_many`."""
        return self.submit_many([example], deadline=deadline)[0]

    def submit_many(
        self, examples: Sequence[E], *, deadline: float | None = None
    ) -> list[Future[Outcome[P]]]:
        """Queue all of `examples` or, raising, none of them; one future each, in order.

        `deadline` is a `time.monotonic()` value: what has not started by then is dropped.
        Cancelling a future drops its entry too. A future may raise DeadlineExceeded,
        InferenceFailed, NotReady (closed meanwhile) or an UnrollError that the task raised.

        Raises QueueFull, NotReady, or InvalidInput for more than the queue could ever hold.
        """
        now = time.monotonic()
        entries = [Entry[E, P](example, deadline, now) for example in examples]
        dropped: list[Entry[E, P]] = []
        try:
            with self._changed:
                self._admit(entries, dropped, now)
        finally:
            self._drop(dropped)
        return [entry.future for entry in entries]

    def run_now(self, example: E) -> Outcome[P] | None:
        """Compute one example in this thread; None for one that should be submitted instead.

        Done only where it costs less than the way to a worker and back, as those of its kind did,
        and while nobody waits. Raises what a future would raise.
        """
        if self._inline is None or self._waiting or self._closed:
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
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def close(self, *, drain: bool = True, timeout: float | None = None) -> bool:
        """Stop, and wait until every worker is idle, `timeout` seconds at most.

        Without `drain`, or when the time is up, entries that still wait fail with NotReady.
        Returns whether all workers ended. May be called again.
        """
        end = None if timeout is None else time.monotonic() + timeout
        self.stop()
        if not drain:
            self._abandon()
        for thread in self._threads:
            thread.join(None if end is None else max(0.0, end - time.monotonic()))
        self._abandon()
        return not any(thread.is_alive() for thread in self._threads)

    def _admit(self, entries: list[Entry[E, P]], dropped: list[Entry[E, P]], now: float) -> None:
        """With the lock held: queue `entries` or raise; `dropped` gets what made room."""
        if self._closed:
            self._meter.rejected("not_ready", len(entries))
            raise NotReady("the model is shutting down")
        if len(entries) > self._max_queue_size:
            raise InvalidInput(
                f"{len(entries)} inputs in one request are too many",
                allowed=f"at most {self._max_queue_size} inputs",
            )
        if len(self._waiting) + len(entries) > self._max_queue_size:
            self._purge(dropped, now)
        if len(self._waiting) + len(entries) > self._max_queue_size:
            self._meter.rejected("queue_full", len(entries))
            raise QueueFull(
                f"{len(self._waiting)} inputs are waiting already",
                retry_after=self._meter.predicted_wait(len(self._waiting), len(self._threads)),
            )
        self._waiting.extend(entries)
        self._meter.depth(len(self._waiting))
        self._changed.notify(len(entries))

    def _purge(self, dropped: list[Entry[E, P]], now: float) -> None:
        """With the lock held: take out entries that nobody waits for any more."""
        if now < self._next_purge:
            return
        self._next_purge = now + _PURGE_SECONDS
        alive: deque[Entry[E, P]] = deque()
        for entry in self._waiting:
            gone = entry.future.cancelled() or entry.expired(now)
            (dropped if gone else alive).append(entry)
        self._waiting = alive
        self._meter.depth(len(alive))

    def _work(self, worker: Worker[E, P]) -> None:
        while (batch := self._take()) is not None:
            try:
                self._serve(worker, batch)
            except BaseException:
                # A thread that ends here would be missed until the queue is full.
                for entry in batch:
                    if not entry.future.done():
                        entry.future.set_exception(InferenceFailed("the worker failed"))
                _log.exception("worker_error", model=self._model)
            del batch  # frees the arrays while this thread waits

    def _take(self) -> list[Entry[E, P]] | None:
        """Wait for work; None when the scheduler is closed and nothing is left."""
        while True:
            with self._changed:
                while not self._waiting:
                    if self._closed:
                        return None
                    self._changed.wait()
                alive, dropped = self._form_batch(time.monotonic())
                self._meter.depth(len(self._waiting))
            self._drop(dropped)
            if alive:
                return alive

    def _form_batch(self, now: float) -> tuple[list[Entry[E, P]], list[Entry[E, P]]]:
        """With the lock held: (the batch, what was dropped). The batch's futures are running."""
        window: list[Entry[E, P]] = []
        dropped: list[Entry[E, P]] = []
        while self._waiting and len(window) < self._look_ahead:
            entry = self._waiting.popleft()
            gone = entry.future.cancelled() or entry.expired(now)
            (dropped if gone else window).append(entry)

        chosen = batch_of(window, self._max_batch_size, self._max_batch_steps)
        self._waiting.extendleft(
            window[index] for index in reversed(range(len(window))) if index not in chosen
        )
        batch = []
        for entry in (window[index] for index in sorted(chosen)):
            # From here on `cancel` is refused, so an answer always finds a future that takes it.
            if entry.future.set_running_or_notify_cancel():
                self._meter.waited(now - entry.arrived)
                batch.append(entry)
            else:
                self._meter.rejected("cancelled")
        return batch, dropped

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
                        self._drop([entry])
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

    def _drop(self, entries: list[Entry[E, P]]) -> None:
        """Resolve dropped entries; without the lock, since it runs the callers' callbacks."""
        for entry in entries:
            if entry.future.running() or entry.future.set_running_or_notify_cancel():
                self._meter.rejected("deadline")
                entry.future.set_exception(
                    DeadlineExceeded("the deadline passed before the computation began")
                )
            else:
                self._meter.rejected("cancelled")

    def _abandon(self) -> None:
        """Fail everything that still waits with NotReady."""
        with self._changed:
            entries = list(self._waiting)
            self._waiting.clear()
            self._meter.depth(0)
        for entry in entries:
            if entry.future.set_running_or_notify_cancel():
                self._meter.rejected("not_ready")
                entry.future.set_exception(NotReady("the model was shut down before it ran"))
