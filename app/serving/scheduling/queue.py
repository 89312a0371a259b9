"""What waits for a worker: admission, deadlines, cancellation. Knows entries; not how they run.

A queue is bounded, in entries and in seconds of work. What could not be answered in time is
refused at once. Every entry carries its own future; nothing is looked up by id. An entry whose
client has gone or whose deadline has passed is dropped at the latest when somebody comes to take
it, so that nothing is computed that nobody waits for.
"""

import threading
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from concurrent.futures import Future
from typing import Any, Final, Generic, TypeAlias

from app.errors import DeadlineExceeded, InvalidInput, NotReady, QueueFull
from app.serving.scheduling.entry import Entry, Outcome, P
from app.serving.scheduling.meter import Meter
from app.serving.scheduling.order import Order
from app.serving.scheduling.waits import Waits
from app.serving.task import E

# Which of the waiting entries, the next one first, to take, by their places: at least one, unless
# whoever takes does not wait.
Choice: TypeAlias = Callable[[Sequence[Entry[Any, Any]]], Collection[int]]

# A full queue is searched for dead entries this seldom: refusing must stay cheap under overload.
_PURGE_SECONDS: Final = 0.1
# Estimates err, and the answer has a way to go: so much of its time may an entry wait, and so much
# may all of it take. A shorter queue costs no throughput as long as there is one. The first one is
# the same for all inputs: else only the short ones would get in while too much is asked.
_WAITING: Final = 0.6
_IN_ALL: Final = 0.95
_SHORTEST: Final = 0.1  # seconds after which to come back to a queue whose pace is not known


def no_work(_: Any) -> float:
    """For a queue that is bounded in entries only."""
    return 0.0


class Queue(Generic[E, P]):
    """Entries in the order of `Order`. Any thread may call anything.

    Whoever takes an entry sets its future; from then on the future cannot be cancelled. The
    callbacks of a future never run under the queue's lock.
    """

    def __init__(
        self,
        meter: Meter,
        *,
        max_entries: int,
        servers: int,
        look_ahead: int,
        max_seconds: float | None = None,
        batch_size: int = 1,
        work_of: Callable[[E], float] = no_work,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Bounded by `max_entries`, and by `max_seconds` of work for each of the `servers`.

        servers: how many take and compute at once. look_ahead: the most entries a choice is made
        among, so that a long queue costs no more than a short one. batch_size: how many are taken
        at once, at most. work_of: what an example takes of one server's time, in seconds.
        """
        self._meter = meter
        self._max_entries = max_entries
        self._max_work = None if max_seconds is None else max_seconds * servers
        self._look_ahead = look_ahead
        self._batch_size = batch_size
        self._work_of = work_of
        self._clock = clock
        self._waiting = Order[E, P]()
        self._changed = threading.Condition()
        self._waits = Waits(servers, clock)
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

        They are one request: they share its turn with other requests. `deadline` is a
        `time.monotonic()` value: what has not started by then is dropped. Cancelling a future
        drops its entry too. A future may raise DeadlineExceeded, InferenceFailed, NotReady
        (closed meanwhile) or an UnrollError that the task raised.

        Raises QueueFull if there is no room or they would not be done in time, NotReady, or
        InvalidInput for more than the queue could ever hold. While nobody is busy and nothing
        waits, no time is too short.
        """
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

    def is_full(self, patience: float) -> bool:
        """Whether one more entry would be refused, however short, that has so many seconds."""
        dropped: list[Entry[E, P]] = []
        with self._changed:
            full = self._lets_nobody_in(patience)
            if full and self._purge(dropped, self._clock()):
                full = self._lets_nobody_in(patience)
        self.drop(dropped)
        return full

    def _lets_nobody_in(self, patience: float) -> bool:
        if len(self._waiting) >= self._max_entries:
            return True
        return self._waits.until(self._waiting.ahead_of(1)) > _WAITING * patience

    def wait(self) -> bool:
        """Wait until there is something to take; False when it is closed and nothing is left."""
        with self._changed:
            while not self._waiting:
                if self._closed:
                    return False
                self._changed.wait()
            return True

    def take(
        self, choose: Choice, *, wait: bool = True, server: int = 0
    ) -> list[Entry[E, P]] | None:
        """Entries to be computed now by this server, their futures running.

        At least one with `wait`, or None when the queue is closed and nothing is left. Without, an
        empty list means that there is nothing to take at the moment.
        """
        while not wait or self.wait():
            with self._changed:
                taken, dropped = self._choose(choose, self._clock())
                self._meter.depth(len(self._waiting))
                if taken:
                    self._waits.began(server, sum(entry.seconds for entry in taken))
            self.drop(dropped)
            if taken or not wait:
                return taken
        return None

    def done(self, server: int, work: float = 0.0, seconds: float = 0.0) -> None:
        """A server has done what it took: so much work, which occupied it for so long.

        Both are 0 for what says nothing about the pace.
        """
        with self._changed:
            self._waits.ended(server)
        self.learn(work, seconds)

    def learn(self, work: float, seconds: float) -> None:
        """So much work has occupied a server for so long; counts while others wait."""
        with self._changed:
            if self._waiting:
                self._waits.note(work, seconds)

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
            entries = self._waiting.remove(range(len(self._waiting)))
            self._meter.depth(0)
            self._changed.notify_all()
        for entry in entries:
            if entry.future.set_running_or_notify_cancel():
                self._meter.rejected("not_ready")
                entry.future.set_exception(NotReady("the model was shut down before it ran"))

    def _admit(
        self,
        entries: list[Entry[E, P]],
        deadline: float | None,
        dropped: list[Entry[E, P]],
        now: float,
    ) -> None:
        """With the lock held: queue `entries` or raise; `dropped` gets what made room."""
        if self._closed:
            self._meter.rejected("not_ready", len(entries))
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
            self._meter.rejected("queue_full", len(entries))
            raise refusal
        self._waiting.add(entries)
        self._meter.depth(len(self._waiting))
        self._changed.notify(len(entries))

    def _refusal(
        self, entries: list[Entry[E, P]], deadline: float | None, now: float
    ) -> QueueFull | None:
        """With the lock held: why these cannot be accepted now, or None if they can."""
        waiting, work = len(self._waiting), self._waiting.work
        if waiting + len(entries) > self._max_entries:
            wait = max(self._waits.until(work), _SHORTEST)
            return QueueFull(f"{waiting} inputs are waiting already", retry_after=wait)
        ahead = self._waiting.ahead_of(len(entries))
        wait = self._waits.until(ahead)
        if not wait:
            return None
        own = sum(entry.seconds for entry in entries)
        if self._max_work is not None and work + own > self._max_work:
            over = work + own - self._max_work
            return QueueFull(
                f"inputs are waiting that take {work:.1f} s to compute",
                retry_after=self._waits.until(over),
            )
        if deadline is None or deadline <= now:  # for the latter it is too late already
            return None
        # An entry is answered with its whole batch.
        batch = max(entry.seconds for entry in entries) * self._batch_size * self._waits.pace
        end = max(self._waits.until(ahead + own), wait + batch)
        left = deadline - now
        over = max(wait - _WAITING * left, end - _IN_ALL * left)
        if over <= 0:
            return None
        return QueueFull(
            f"the answer would take {end:.2f} s, too long for the {left:.2f} s it has",
            retry_after=over,
        )

    def _purge(self, dropped: list[Entry[E, P]], now: float) -> bool:
        """With the lock held: take out entries that nobody waits for any more, if it is time."""
        if now < self._next_purge:
            return False
        self._next_purge = now + _PURGE_SECONDS
        gone = [place for place, entry in enumerate(self._waiting.all()) if entry.gone(now)]
        if gone:
            dropped += self._waiting.remove(gone)
        self._meter.depth(len(self._waiting))
        return True

    def _choose(self, choose: Choice, now: float) -> tuple[list[Entry[E, P]], list[Entry[E, P]]]:
        """With the lock held: (what was taken, what was dropped)."""
        dropped: list[Entry[E, P]] = []
        while True:
            window = self._waiting.first(self._look_ahead)
            gone = [place for place, entry in enumerate(window) if entry.gone(now)]
            if not gone:
                break
            dropped += self._waiting.remove(gone)
        if not window:
            return [], dropped
        taken = []
        for entry in self._waiting.take(choose(window)):
            # From here on `cancel` is refused, so an answer always finds a future that takes it.
            if entry.future.set_running_or_notify_cancel():
                self._meter.waited(now - entry.arrived)
                taken.append(entry)
            else:
                self._meter.rejected("cancelled")
        return taken, dropped
