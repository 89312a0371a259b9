"""What waits for a worker: admission, deadlines, cancellation. Knows entries; not how they run.

A queue is bounded. Every entry carries its own future; nothing is looked up by id. An entry whose
client has gone or whose deadline has passed is dropped at the latest when somebody comes to take
it, so that nothing is computed that nobody waits for.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Iterable, Sequence
from concurrent.futures import Future
from typing import Any, Final, Generic, TypeAlias

from app.errors import DeadlineExceeded, InvalidInput, NotReady, QueueFull
from app.serving.entry import Entry, Outcome, P
from app.serving.meter import Meter
from app.serving.task import E

# Which of the waiting entries, the oldest first, to take, by their places: at least one, unless
# whoever takes does not wait.
Choice: TypeAlias = Callable[[Sequence[Entry[Any, Any]]], Collection[int]]

# A full queue is searched for dead entries this seldom: refusing must stay cheap under overload.
_PURGE_SECONDS: Final = 0.1


class Queue(Generic[E, P]):
    """Entries in the order they came. Any thread may call anything.

    Whoever takes an entry sets its future; from then on the future cannot be cancelled. The
    callbacks of a future never run under the queue's lock.
    """

    def __init__(self, meter: Meter, *, max_entries: int, servers: int, look_ahead: int) -> None:
        """servers: how many may take at once, for the predicted wait. look_ahead: the most
        entries a choice is made among, so that a long queue costs no more than a short one."""
        self._meter = meter
        self._max_entries = max_entries
        self._servers = servers
        self._look_ahead = look_ahead
        self._waiting: deque[Entry[E, P]] = deque()
        self._changed = threading.Condition()
        self._closed = False
        self._next_purge = 0.0

    @property
    def waiting(self) -> int:
        """Entries that wait now."""
        return len(self._waiting)

    @property
    def closed(self) -> bool:
        """Whether nothing more is accepted."""
        return self._closed

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
            self.drop(dropped)
        return [entry.future for entry in entries]

    def take(self, choose: Choice, *, wait: bool = True) -> list[Entry[E, P]] | None:
        """Entries to be computed now, their futures running; at least one, unless told not to wait.

        With `wait`, None means that the queue is closed and nothing is left. Without, an empty
        list means that there is nothing to take at the moment.
        """
        while True:
            with self._changed:
                while not self._waiting:
                    if self._closed:
                        return None if wait else []
                    if not wait:
                        return []
                    self._changed.wait()
                taken, dropped = self._choose(choose, time.monotonic())
                self._meter.depth(len(self._waiting))
            self.drop(dropped)
            if taken or not wait:
                return taken

    def drop(self, entries: Iterable[Entry[E, P]]) -> None:
        """Resolve entries whose time is over; without the lock, as it runs callers' callbacks."""
        for entry in entries:
            if entry.future.running() or entry.future.set_running_or_notify_cancel():
                self._meter.rejected("deadline")
                entry.future.set_exception(
                    DeadlineExceeded("the deadline passed before the computation began")
                )
            else:
                self._meter.rejected("cancelled")

    def stop(self) -> None:
        """Accept nothing more; what was accepted can still be taken."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def abandon(self) -> None:
        """Fail everything that still waits with NotReady."""
        with self._changed:
            entries = list(self._waiting)
            self._waiting.clear()
            self._meter.depth(0)
        for entry in entries:
            if entry.future.set_running_or_notify_cancel():
                self._meter.rejected("not_ready")
                entry.future.set_exception(NotReady("the model was shut down before it ran"))

    def _admit(self, entries: list[Entry[E, P]], dropped: list[Entry[E, P]], now: float) -> None:
        """With the lock held: queue `entries` or raise; `dropped` gets what made room."""
        if self._closed:
            self._meter.rejected("not_ready", len(entries))
            raise NotReady("the model is shutting down")
        if len(entries) > self._max_entries:
            raise InvalidInput(
                f"{len(entries)} inputs in one request are too many",
                allowed=f"at most {self._max_entries} inputs",
            )
        if len(self._waiting) + len(entries) > self._max_entries:
            self._purge(dropped, now)
        if len(self._waiting) + len(entries) > self._max_entries:
            self._meter.rejected("queue_full", len(entries))
            raise QueueFull(
                f"{len(self._waiting)} inputs are waiting already",
                retry_after=self._meter.predicted_wait(len(self._waiting), self._servers),
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

    def _choose(self, choose: Choice, now: float) -> tuple[list[Entry[E, P]], list[Entry[E, P]]]:
        """With the lock held: (what was taken, what was dropped)."""
        window: list[Entry[E, P]] = []
        dropped: list[Entry[E, P]] = []
        while self._waiting and len(window) < self._look_ahead:
            entry = self._waiting.popleft()
            gone = entry.future.cancelled() or entry.expired(now)
            (dropped if gone else window).append(entry)
        if not window:
            return [], dropped
        chosen = choose(window)
        self._waiting.extendleft(
            window[index] for index in reversed(range(len(window))) if index not in chosen
        )
        taken = []
        for entry in (window[index] for index in sorted(chosen)):
            # From here on `cancel` is refused, so an answer always finds a future that takes it.
            if entry.future.set_running_or_notify_cancel():
                self._meter.waited(now - entry.arrived)
                taken.append(entry)
            else:
                self._meter.rejected("cancelled")
        return taken, dropped
