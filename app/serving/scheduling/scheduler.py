"""Worker threads and their batches. Knows lengths and costs; not what an example holds.

Work-conserving: a free worker takes what waits at once, and batches grow by themselves while all
workers are busy. A batch is the next entry and, of its group, as many of those nearest its length
as make a useful step the cheapest, so nothing starves and nobody pays for a long batch-mate.
"""

import threading
import time
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import Future
from typing import Final, Generic, TypeAlias

from app.errors import InferenceFailed
from app.serving.runtime.threads import step_back
from app.serving.scheduling.batches import batch_of
from app.serving.scheduling.cores import Cores
from app.serving.scheduling.costs import Costs, timed
from app.serving.scheduling.entry import Entry, Outcome, P, failure_of
from app.serving.scheduling.inline import Inline, Result
from app.serving.scheduling.meter import Meter
from app.serving.scheduling.queue import Queue
from app.serving.task import E
from app.telemetry import tracing
from app.telemetry.log import get_logger

Worker: TypeAlias = Callable[[Sequence[E]], Sequence[P]]

# Batch-mates are sought among this many batches' worth of the next entries.
_LOOK_AHEAD: Final = 8

_log = get_logger(__name__)


class Scheduler(Generic[E, P]):
    """One bounded queue and one thread per worker callable.

    A callable is only ever called from its own thread, so it may hold what no other may see.
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
        max_queue_seconds: float | None = None,
        max_batch_steps: int = 20_000,
        costs: Costs | None = None,
        cores: Cores | None = None,
        inline: Worker[E, P] | None = None,
    ) -> None:
        """`costs` may know already what batches take; `cores` are shared with other models."""
        if not workers or max_batch_size < 1 or max_queue_size < 1:
            raise ValueError("workers, max_batch_size and max_queue_size must be at least 1")
        self._name = (model, version)
        self._max_batch_size = max_batch_size
        self._max_batch_steps = max_batch_steps
        self._costs = costs or Costs(max_batch_size)
        self._cores = cores or Cores(len(workers))
        self._workers = list(workers)
        self._meter = Meter(model, version, workers=len(workers), queue_limit=max_queue_size)
        self._inline = inline and Inline(
            inline,
            self._costs,
            self._meter,
            model=model,
            max_batch_size=max_batch_size,
            max_batch_steps=max_batch_steps,
        )
        self._queue = Queue[E, P](
            self._meter,
            max_entries=max_queue_size,
            max_seconds=max_queue_seconds,
            servers=len(workers),
            look_ahead=_LOOK_AHEAD * max_batch_size,
            batch_size=max_batch_size,
            work_of=self._costs.share,
        )
        self._threads: dict[int, threading.Thread] = {}
        for server in range(len(workers)):
            try:
                self._start(server)
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

    def is_full(self, patience: float) -> bool:
        """Whether whatever comes now, and has so many seconds, would be refused."""
        return self._queue.is_full(patience)

    def runs_here(self, kind: Hashable) -> bool:
        """Whether `run_now` computes examples of this kind, the shortest of them at least."""
        return self._inline is not None and self._inline.takes(kind)

    def run_now(self, examples: Sequence[E], since: Sequence[float]) -> list[Result[P]]:
        """Compute the cheap ones of `examples` in this thread, together.

        For each an outcome, what its future would raise, or None for one that should be submitted
        instead. since: when each began to wait. Called by one thread only.
        """
        if self._inline is None or self._queue.closed:
            return [None] * len(examples)
        return self._inline.run(examples, since)

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
        for server in range(len(self._workers)):
            while (thread := self._threads[server]).is_alive():  # a replacement may follow
                thread.join(None if end is None else max(0.0, end - time.monotonic()))
                if end is not None and time.monotonic() >= end:
                    break
        self._queue.abandon()
        return not any(thread.is_alive() for thread in self._threads.values())

    def _start(self, server: int) -> None:
        """Give a worker a thread."""
        name = "-".join((*self._name, str(server)))
        # A daemon, so that a batch that hangs cannot keep the process alive after `close`.
        thread = threading.Thread(None, self._live, name, (server,), daemon=True)
        thread.start()
        self._threads[server] = thread

    def _live(self, server: int) -> None:
        """The life of a worker's thread. If something ends it, another one takes its place."""
        step_back()
        while True:
            try:
                return self._work(server)
            except BaseException:
                _log.exception("worker_died", model=self._name[0], version=self._name[1])
                self._meter.replaced()
                try:
                    return self._start(server)
                except RuntimeError:  # no more threads are to be had; this one goes on instead
                    continue

    def _work(self, server: int) -> None:
        worker = self._workers[server]
        while self._queue.wait():
            looked = time.monotonic()
            with self._cores.permit(self):
                batch = self._queue.take(self._batch_of, wait=False, server=server)
                if not batch:
                    continue
                work = sum(entry.seconds for entry in batch)
                try:
                    self._serve(worker, batch)
                except BaseException:
                    for entry in batch:
                        if not entry.future.done():
                            entry.future.set_exception(InferenceFailed("the worker failed"))
                    self._queue.done(server)
                    raise
                self._queue.done(server, work, time.monotonic() - looked)
                del batch  # frees the arrays while this thread waits

    def _batch_of(self, window: Sequence[Entry[E, P]]) -> list[int]:
        cost = self._costs.table(window[0].example).seconds
        return batch_of(window, cost, self._max_batch_size, self._max_batch_steps)

    def _serve(self, worker: Worker[E, P], batch: list[Entry[E, P]]) -> None:
        """Compute a batch; if it fails, its rows alone, so that only the bad one fails."""
        start = time.monotonic()
        examples = [entry.example for entry in batch]
        try:
            predictions, seconds, cost = timed(lambda: worker(examples))
            if len(predictions) != len(batch):
                raise RuntimeError(f"{len(predictions)} predictions for {len(batch)} examples")
        except BaseException as error:
            del examples
            if len(batch) == 1:
                self._fail(batch[0], error)
            else:
                model = self._name[0]
                _log.warning("batch_failed", model=model, rows=len(batch), error=repr(error))
                for entry in batch:
                    if entry.expired(time.monotonic()):
                        self._queue.drop([entry])
                    else:
                        self._serve(worker, [entry])
                del entry
            batch.clear()  # or the error would hold this frame, and the frame the error
            return
        self._costs.note(examples, cost)
        runs = tracing.runs_since(start)
        self._meter.computed([entry.length for entry in batch], seconds)
        for entry, prediction in zip(batch, predictions, strict=True):
            waited = start - entry.arrived
            entry.future.set_result(Outcome(prediction, waited, seconds, len(batch), runs))

    def _fail(self, entry: Entry[E, P], error: BaseException) -> None:
        entry.future.set_exception(entry.context.run(failure_of, error, self._name[0]))
