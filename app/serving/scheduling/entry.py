"""An example in a queue, and its outcome. Knows futures and times; not what is computed."""

import contextvars
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Generic, TypeAlias, TypeVar

from app.errors import InferenceFailed, UnrollError
from app.serving.task import E
from app.telemetry.log import get_logger

P = TypeVar("P")
_log = get_logger(__name__)


@dataclass(slots=True)  # not frozen: creating one would take four times as long
class Outcome(Generic[P]):
    """One answer, and where its time went.

    batch_size: examples that were computed together. runs: begin and end of each run of the
    network, in `time.monotonic()` values; empty unless tracing is on.
    """

    prediction: P
    queue_seconds: float
    inference_seconds: float
    batch_size: int
    runs: tuple[tuple[float, float], ...] = ()


# What `run_inline` gives for an example; None: it was not computed.
Result: TypeAlias = Outcome[P] | UnrollError | None


class CancellableFuture(Future[P]):
    """A future that remembers a call of `cancel` that came too late.

    What runs cannot be cancelled, but a scheduler that computes in steps can stop between them.
    """

    cancel_requested = False

    def cancel(self) -> bool:
        self.cancel_requested = True
        return super().cancel()


@dataclass(slots=True)
class QueuedRequest:
    """The entries of one request that are in the queue, and their work in seconds."""

    waiting: int = 0
    work: float = 0.0

    @property
    def entry_work(self) -> float:
        """The mean work of its entries."""
        return self.work / self.waiting


class Entry(Generic[E, P]):
    """One example in a queue, with its future and its deadline.

    seconds: what it is expected to take of a worker. request, start_tag: its request and its place
    in the fair queue, which sets them.
    """

    __slots__ = (
        *("arrived", "context", "deadline", "example", "future"),
        *("group", "length", "request", "seconds", "start_tag"),
    )

    def __init__(
        self, example: E, deadline: float | None, arrived: float, seconds: float = 0.0
    ) -> None:
        self.example = example
        self.seconds = seconds
        self.start_tag = 0.0
        self.request = QueuedRequest()
        # Read here, in the caller's thread, which gets the error if this raises.
        self.length = example.length
        self.group = example.group
        self.deadline = deadline
        self.arrived = arrived
        self.context = contextvars.copy_context()  # the request's id and trace, for the log
        self.future: CancellableFuture[Outcome[P]] = CancellableFuture()

    def expired(self, now: float) -> bool:
        """Whether its deadline has passed."""
        return self.deadline is not None and now >= self.deadline

    def is_stale(self, now: float) -> bool:
        """Whether it need not be computed: it was cancelled or has expired."""
        return self.future.cancelled() or self.expired(now)


def failure_of(error: BaseException, model: str) -> UnrollError:
    """The error for the caller. Any other than an UnrollError is logged, and its text withheld."""
    if isinstance(error, UnrollError):
        return error
    _log.error("inference_failed", model=model, exc_info=error)
    failure = InferenceFailed("the network failed on this input")
    failure.__cause__ = error
    return failure
