"""A queue for workers: admission control, deadlines, cancellation. Knows entries; not their work.

A queue is bounded, in entries and in seconds of work. A request that could not be answered in time
is refused at once (load shedding). Every entry has its own future; nothing is looked up by id. An
entry that was cancelled or whose deadline has passed is dropped before a worker computes it.
"""

import threading
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from concurrent.futures import Future
from typing import Any, Final, Generic, TypeAlias

from app.errors import DeadlineExceeded, InvalidInput, NotReady, QueueFull
from app.serving.scheduling.entry import Entry, Outcome, P
from app.serving.scheduling.fair_queue import FairQueue
from app.serving.scheduling.queue_metrics import QueueMetrics
from app.serving.scheduling.wait_estimate import WaitEstimate
from app.serving.task import E

# From the next entries, in order, to the places of those to take: at least one, unless the worker
# has something else to do.
Choice: TypeAlias = Callable[[Sequence[Entry[Any, Any]]], Collection[int]]

# A full queue is searched for stale entries this seldom: refusing must be cheap under overload.
_PURGE_SECONDS: Final = 0.1
# Parts of a request's time that it may wait in the queue, and that queue and batch may take
# together; the rest is for errors of the estimates and for the way of the answer. A queue this
# short costs no throughput. The first part does not depend on the request's own work: otherwise
# under overload only short requests would be admitted.
_WAITING_PART: Final = 0.6
_TOTAL_PART: Final = 0.95
_MIN_RETRY_SECONDS: Final = 0.1  # for a queue that is full while nothing is known of its speed


class Queue(Generic[E, P]):
    """Entries in the order of a `FairQueue`. Thread-safe.

    A worker that takes an entry sets its future; once taken, the future cannot be cancelled. The
    callbacks of a future never run under the queue's lock.
    """

    def __init__(
        self,
        metrics: QueueMetrics,
        *,
        max_entries: int,
        workers: int,
        look_ahead: int,
        work_of: Callable[[E], float],
        max_seconds: float | None = None,
        batch_size: int = 1,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Bounded by `max_entries`, and by `max_seconds` of work for each of the `workers`.

        look_ahead: entries that a choice is made among, at most, so that the choice takes no
        longer when the queue is long. batch_size: entries that a worker takes at a time, at most.
        work_of: what an example takes of a worker's time, in seconds.
        """
        self._metrics = metrics
        self._max_entries = max_entries
        self._max_work = None if max_seconds is None else max_seconds * workers
        self._look_ahead = look_ahead
        self._batch_size = batch_size
        self._work_of = work_of
        self._clock = clock
        self._waiting = FairQueue[E, P]()
        self._changed = threading.Condition()
        self._estimate = WaitEstimate(workers, clock)
        self._closed = False
        self._next_purge = 0.0

    @property
    def waiting(self) -> int:
        """Entries in the queue."""
        return len(self._waiting)

    @property
    def closed(self) -> bool:
        """Whether nothing more is accepted."""
        return self._closed

    def submit_many(
        self, examples: Sequence[E], *, deadline: float | None = None
    ) -> list[Future[Outcome[P]]]:
        """As `Scheduler.submit_many`."""
        now = self._clock()
        entries = [
            Entry[E, P](example, deadline, now, self._work_of(example)) for example in examples
        ]
        dropped: list[Entry[E, P]] = []
        if entries:
            try:
                with self._changed:
                    self._admit(entries, deadline, dropped, now)
            finally:
                self.drop(dropped)
        return [entry.future for entry in entries]

    def is_full(self, seconds_left: float) -> bool:
        """As `Scheduler.is_full`."""
        dropped: list[Entry[E, P]] = []
        with self._changed:
            full = self._refuses_all(seconds_left)
            if full and self._purge(dropped, self._clock()):
                full = self._refuses_all(seconds_left)
        self.drop(dropped)
        return full

    def _refuses_all(self, seconds_left: float) -> bool:
        """With the lock held: whether even an example without any work would be refused."""
        if len(self._waiting) >= self._max_entries:
            return True
        return self._estimate.until(self._waiting.ahead_of(1)) > _WAITING_PART * seconds_left

    def wait(self) -> bool:
        """Wait until there is something to take; False if the queue is closed and empty."""
        with self._changed:
            while not self._waiting:
                if self._closed:
                    return False
                self._changed.wait()
            return True

    def take(
        self, choose: Choice, *, wait: bool = True, worker: int = 0
    ) -> list[Entry[E, P]] | None:
        """Entries to be computed now by this worker; their futures are running.

        With `wait` at least one, or None if the queue is closed and empty. Without `wait` an empty
        list means that there is nothing to take at the moment.
        """
        while not wait or self.wait():
            with self._changed:
                taken, dropped = self._take(choose, self._clock())
                self._metrics.depth(len(self._waiting))
                if taken:
                    self._estimate.began(worker, sum(entry.seconds for entry in taken))
            self.drop(dropped)
            if taken or not wait:
                return taken
        return None

    def done(self, worker: int, work: float = 0.0, seconds: float = 0.0) -> None:
        """A worker has done what it took: so much work, which kept it busy for so long.

        Both are 0 where the time says nothing about the cost.
        """
        with self._changed:
            self._estimate.ended(worker)
        self.observe(work, seconds)

    def observe(self, work: float, seconds: float) -> None:
        """So much work kept a worker busy for so long; counts only while entries are queued."""
        with self._changed:
            if self._waiting:
                self._estimate.note(work, seconds)

    def drop(self, entries: Iterable[Entry[E, P]]) -> None:
        """Resolve stale entries. Call it without the lock, as it runs the callers' callbacks."""
        for entry in entries:
            if entry.future.running() or entry.future.set_running_or_notify_cancel():
                self._metrics.rejected("deadline")
                entry.future.set_exception(
                    DeadlineExceeded("the deadline passed before the computation began")
                )
            else:
                self._metrics.rejected("cancelled")

    def stop(self) -> None:
        """Accept nothing more; what was accepted can still be taken."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def fail_waiting(self) -> None:
        """Fail all entries in the queue with NotReady."""
        with self._changed:
            entries = self._waiting.remove(range(len(self._waiting)))
            self._metrics.depth(0)
            self._changed.notify_all()
        for entry in entries:
            if entry.future.set_running_or_notify_cancel():
                self._metrics.rejected("not_ready")
                entry.future.set_exception(NotReady("the model was shut down before it ran"))

    def _admit(
        self,
        entries: list[Entry[E, P]],
        deadline: float | None,
        dropped: list[Entry[E, P]],
        now: float,
    ) -> None:
        """With the lock held: queue `entries` or raise. Stale entries are moved to `dropped`."""
        if self._closed:
            self._metrics.rejected("not_ready", len(entries))
            raise NotReady("the model is shutting down")
        if len(entries) > self._max_entries:
            raise InvalidInput(
                f"{len(entries)} inputs in one request are too many",
                allowed=f"at most {self._max_entries} inputs",
            )
        refusal = self._refusal(entries, deadline, now)
        if refusal is not None and self._purge(dropped, now):
            refusal = self._refusal(entries, deadline, now)
        if refusal is not None:
            self._metrics.rejected("queue_full", len(entries))
            raise refusal
        self._waiting.add(entries)
        self._metrics.depth(len(self._waiting))
        self._changed.notify(len(entries))

    def _refusal(
        self, entries: list[Entry[E, P]], deadline: float | None, now: float
    ) -> QueueFull | None:
        """With the lock held: why these cannot be accepted now, or None if they can."""
        waiting, work = len(self._waiting), self._waiting.work
        if waiting + len(entries) > self._max_entries:
            wait = max(self._estimate.until(work), _MIN_RETRY_SECONDS)
            return QueueFull(f"{waiting} inputs are waiting already", retry_after=wait)
        ahead = self._waiting.ahead_of(len(entries))
        wait = self._estimate.until(ahead)
        if not wait:
            return None
        own = sum(entry.seconds for entry in entries)
        if self._max_work is not None and work + own > self._max_work:
            over = work + own - self._max_work
            return QueueFull(
                f"inputs are waiting that take {work:.1f} s to compute",
                retry_after=self._estimate.until(over),
            )
        if deadline is None or deadline <= now:  # a passed deadline is found when it is taken
            return None
        # An entry is answered together with its whole batch.
        longest = max(entry.seconds for entry in entries)
        batch = longest * self._batch_size * self._estimate.slowdown
        end = max(self._estimate.until(ahead + own), wait + batch)
        left = deadline - now
        over = max(wait - _WAITING_PART * left, end - _TOTAL_PART * left)
        if over <= 0:
            return None
        return QueueFull(
            f"the answer would take {end:.2f} s, too long for the {left:.2f} s it has",
            retry_after=over,
        )

    def _purge(self, dropped: list[Entry[E, P]], now: float) -> bool:
        """With the lock held: move stale entries to `dropped`. False if it is too early again."""
        if now < self._next_purge:
            return False
        self._next_purge = now + _PURGE_SECONDS
        stale = [place for place, entry in enumerate(self._waiting.all()) if entry.is_stale(now)]
        if stale:
            dropped += self._waiting.remove(stale)
        self._metrics.depth(len(self._waiting))
        return True

    def _take(self, choose: Choice, now: float) -> tuple[list[Entry[E, P]], list[Entry[E, P]]]:
        """With the lock held: (what was taken, what was dropped)."""
        dropped: list[Entry[E, P]] = []
        while True:
            window = self._waiting.first(self._look_ahead)
            stale = [place for place, entry in enumerate(window) if entry.is_stale(now)]
            if not stale:
                break
            dropped += self._waiting.remove(stale)
        if not window:
            return [], dropped
        taken = []
        for entry in self._waiting.take(choose(window)):
            # From here on `cancel` is refused, so an answer always finds a future that takes it.
            if entry.future.set_running_or_notify_cancel():
                self._metrics.waited(now - entry.arrived)
                taken.append(entry)
            else:
                self._metrics.rejected("cancelled")
        return taken, dropped
