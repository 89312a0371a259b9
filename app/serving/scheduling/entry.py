"""What waits in a queue, and what comes of it. Knows futures and times; not what is computed."""

import contextvars
from collections.abc import Hashable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Generic, TypeVar

from app.errors import InferenceFailed, UnrollError
from app.serving.task import E
from app.telemetry.log import get_logger

P = TypeVar("P")
_log = get_logger(__name__)


@dataclass(slots=True)  # not frozen: making one would take four times as long
class Outcome(Generic[P]):
    """One answer, and where its time went."""

    prediction: P
    queue_seconds: float
    inference_seconds: float
    batch_size: int
    runs: tuple[tuple[float, float], ...] = ()  # of the network, if tracing is on


class Answer(Future[P]):
    """A future that remembers that nobody waits for it any more, also when it is too late.

    One that runs cannot be cancelled, but whoever computes it in steps may ask in between.
    """

    unwanted = False

    def cancel(self) -> bool:
        self.unwanted = True
        return super().cancel()


@dataclass(slots=True)
class Turn:
    """What still waits of one request: entries, and seconds of work."""

    waiting: int = 0
    work: float = 0.0

    @property
    def head(self) -> float:
        """The work of one of its entries."""
        return self.work / self.waiting


class Entry(Generic[E, P]):
    """One example on its way: whose it is, since when and until when it may wait.

    seconds: what it is expected to take of a worker. turn, due: its request and its place in the
    order of the queue, which sets them.
    """

    __slots__ = (
        *("arrived", "context", "deadline", "due", "example"),
        *("future", "group", "length", "seconds", "turn"),
    )

    def __init__(
        self, example: E, deadline: float | None, arrived: float, seconds: float = 0.0
    ) -> None:
        self.example = example
        self.seconds = seconds
        self.due = 0.0
        self.turn = Turn()
        self.length = example.length  # read here, where the caller gets what it may raise
        self.group: Hashable = getattr(example, "group", None)
        self.deadline = deadline
        self.arrived = arrived
        self.context = contextvars.copy_context()  # whose request it is, for the log
        self.future: Answer[Outcome[P]] = Answer()

    def expired(self, now: float) -> bool:
        return self.deadline is not None and now >= self.deadline

    def gone(self, now: float) -> bool:
        """Whether nobody waits for it any more."""
        return self.future.cancelled() or self.expired(now)


def failure_of(error: BaseException, model: str) -> UnrollError:
    """What the caller gets to know of an error; the log gets to know the rest."""
    if isinstance(error, UnrollError):
        return error
    _log.error("inference_failed", model=model, exc_info=error)
    failure = InferenceFailed("the network failed on this input")
    failure.__cause__ = error
    return failure
