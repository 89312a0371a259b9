"""Refuses requests before anything is made of them (load shedding). Knows paths and headers.

Refusing must cost a small part of answering, or else a service that is asked for twice as much as
it can answer spends its time on saying so. So this runs when the head of a request is there, before
there is an ASGI call, and nothing is logged. What asks no network is never refused.
"""

from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Final, Protocol

from pydantic_core import to_json

from app.api.errors import ERRORS, MEDIA_TYPE
from app.api.lifecycle import Lifecycle
from app.api.limits import patience_of
from app.api.middleware import request_id_of
from app.api.paths import is_protocol
from app.errors import QueueFull
from app.telemetry import metrics
from app.telemetry.deferred import defer

_KIND: Final = ERRORS[QueueFull]
_BEFORE_ID: Final = b"content-length: %d\r\ncontent-type: %b\r\nretry-after: 1\r\nx-request-id: "
_AFTER_ID: Final = b"\r\nserver-timing: total;dur=0\r\n\r\n"


class Load(Protocol):
    """What lies before a request that comes now."""

    @property
    def waiting(self) -> int:
        """Requests that were read and have not started."""
        ...

    def is_too_long(self, patience: float) -> bool:
        """Whether a request that has so many seconds would wait for too long."""
        ...


class LoadShedder:
    """Decides by a request's path and headers, and by the load, whether it is let in."""

    def __init__(
        self,
        lifecycle: Lifecycle,
        task_of: Callable[[str], str],
        is_full: Callable[[str, float], bool],
        *,
        max_in_flight: int,
        request_seconds: float,
    ) -> None:
        """task_of: the task of a path, "" for one that asks no network. is_full: whether those who
        compute for a task have too much to do for a request that has so many seconds.
        request_seconds: what a request may take at most."""
        self._lifecycle = lifecycle
        self._task_of = task_of
        self._is_full = is_full
        self._max_in_flight = max_in_flight
        self._request_seconds = request_seconds
        self._refused: dict[str, int] = {}  # requests of a task so far, on the event loop's thread
        self._counted: dict[str, int] = {}  # of these, in the metrics
        self._counting = False  # soon

    def __call__(
        self, path: str, headers: Iterable[tuple[bytes, bytes]], load: Load
    ) -> bytes | None:
        """The rest of an answer 429, behind the headers of every answer; None to let it in."""
        task = self._task_of(path)
        if not task:
            return None
        why = self._why(task, patience_of(headers, self._request_seconds), load)
        if not why:
            return None
        self._refused[task] = self._refused.get(task, 0) + 1
        if not self._counting:
            self._counting = True
            defer(self._count)
        sent = None
        for name, value in headers:
            if name == b"x-request-id":
                sent = value.decode("latin-1")
                break
        request_id = request_id_of(sent).encode()
        return request_id.join(_parts(path, why, len(request_id)))

    def _count(self) -> None:
        """Count many at once: what is counted costs as much as the refusal."""
        self._counting = False  # first: one that comes meanwhile is counted now or the next time
        for task, so_far in self._refused.copy().items():
            count = so_far - self._counted.get(task, 0)
            self._counted[task] = so_far
            metrics.REJECTIONS.labels("", "overload").inc(count)
            metrics.requests(task, "", "", str(_KIND.status)).inc(count)

    def _why(self, task: str, patience: float, load: Load) -> str:
        """Why a request is refused that has so many seconds, empty if it is not."""
        in_flight = self._lifecycle.in_flight + load.waiting
        if in_flight >= self._max_in_flight:
            return f"{in_flight} requests are being answered already"
        if load.is_too_long(patience):
            return "more requests come than can be answered in time"
        if in_flight and self._is_full(task, patience):  # else no queue holds anything
            return "inputs are waiting that take too long to compute"
        return ""


@lru_cache(maxsize=64)
def _parts(path: str, why: str, id_length: int) -> tuple[bytes, ...]:
    """A refusal, but for the id of its request between the parts.

    The bodies are those of `app.api.errors`.
    """
    if is_protocol(path):
        body = to_json({"error": why})
        return _BEFORE_ID % (len(body), b"application/json"), _AFTER_ID + body
    problem = {
        "type": _KIND.type,
        "title": _KIND.title,
        "status": _KIND.status,
        "detail": why,
        "instance": path[:200],
        "request_id": "",
    }
    body = to_json(problem)
    head = _BEFORE_ID % (len(body) + id_length, MEDIA_TYPE.encode())
    return head, _AFTER_ID + body.removesuffix(b'"}'), b'"}'
