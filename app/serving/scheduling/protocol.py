"""What a model offers for computing examples. Knows futures and times; both schedulers have it."""

from collections.abc import Sequence
from concurrent.futures import Future
from typing import Protocol, TypeVar

from app.serving.scheduling.entry import Outcome, P, Result
from app.serving.task import Example

E_contra = TypeVar("E_contra", bound=Example, contravariant=True)


class Scheduler(Protocol[E_contra, P]):
    """A bounded queue and the threads that compute what is in it. Any thread may call it."""

    @property
    def waiting(self) -> int:
        """Entries in the queue."""
        ...

    def submit(self, example: E_contra, *, deadline: float | None = None) -> Future[Outcome[P]]:
        """Queue one example; see `submit_many`."""
        ...

    def submit_many(
        self, examples: Sequence[E_contra], *, deadline: float | None = None
    ) -> list[Future[Outcome[P]]]:
        """Queue all of `examples` or none; one future each, in order.

        They are one request, and share its part of the workers. `deadline` is a `time.monotonic()`
        value: an entry that has not started by then is dropped. Cancelling a future drops its
        entry, too. A future may raise DeadlineExceeded, InferenceFailed, NotReady (the scheduler
        was closed meanwhile) or an UnrollError that the task raised.

        Raises:
            QueueFull: there is no room, or they would not be done in time. Never raised while a
                worker is free and nothing is queued.
            NotReady: the scheduler is closed.
            InvalidInput: they are more than the queue could ever hold.
        """
        ...

    def is_full(self, seconds_left: float) -> bool:
        """Whether one more example, however short, would be refused if it has so many seconds."""
        ...

    def runs_inline(self, graph: str | None) -> bool:
        """Whether `run_inline` computes examples of this graph, at least the shortest ones."""
        ...

    def run_inline(
        self, examples: Sequence[E_contra], since: Sequence[float], *, idle: bool = False
    ) -> list[Result[P]]:
        """Compute the cheap ones of `examples` in the calling thread, in batches.

        For each an outcome, the error that its future would raise, or None for one that should be
        submitted instead. `since`: when each request arrived, in `time.monotonic()` values. `idle`:
        no other request waits, so some milliseconds count as cheap. To be called from one thread
        only.
        """
        ...

    def stop(self) -> None:
        """Accept nothing more; what was accepted still runs. Does not wait."""
        ...

    def close(self, *, drain: bool = True, timeout: float | None = None) -> bool:
        """Stop, and wait until every worker is idle, `timeout` seconds at most.

        Entries in the queue fail with NotReady: at once without `drain`, otherwise when the time
        is up. Returns whether all workers ended. May be called again.
        """
        ...
