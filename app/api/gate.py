"""Turns requests away before anything is made of them. Knows paths, headers and bytes; no ASGI.

Refusing must cost a small part of answering, or else a service that is asked for twice as much as
it can answer spends its time on saying so.
"""

from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import Final

from pydantic_core import to_json

from app import metrics
from app.api.door import Door
from app.api.errors import ERRORS, MEDIA_TYPE, PROTOCOL
from app.api.lifecycle import Lifecycle
from app.api.limits import patience_of
from app.api.middleware import request_id_of
from app.errors import QueueFull

Headers = Sequence[tuple[bytes, bytes]]

_KIND: Final = ERRORS[QueueFull]
_STATUS: Final = f"HTTP/1.1 {_KIND.status} {HTTPStatus(_KIND.status).phrase}\r\n".encode()


class Gate:
    """Answers for those that the `door` does not let in; only what asks a network goes through it.

    `task_of` tells the task of a path, "" for one that asks no network. A request may take
    `longest` seconds. Nothing is logged: there may be a great many.
    """

    def __init__(
        self, door: Door, lifecycle: Lifecycle, task_of: Callable[[str], str], longest: float
    ) -> None:
        self._door = door
        self._lifecycle = lifecycle
        self._task_of = task_of
        self._longest = longest

    def __call__(self, path: str, headers: Headers, common: Headers) -> bytes | None:
        """The whole answer to a request that is turned away, `common` headers and all, or None."""
        task = self._task_of(path)
        if not task:
            return None
        why = self._door.refuses(
            self._lifecycle.in_flight, lambda: patience_of(headers, self._longest)
        )
        if not why:
            return None
        metrics.REJECTIONS.labels("", "overload").inc()
        metrics.REQUESTS.labels(task, "", "", str(_KIND.status)).inc()
        sent = next((value for name, value in headers if name == b"x-request-id"), None)
        request_id = request_id_of(None if sent is None else sent.decode("latin-1"))
        return _answer(path, request_id, why, common)


def _answer(path: str, request_id: str, why: str, common: Headers) -> bytes:
    """The bytes of a response; the bodies are those of `app.api.errors`."""
    if path.startswith(PROTOCOL):
        kind, body = "application/json", to_json({"error": why})
    else:
        kind = MEDIA_TYPE
        body = to_json(
            {
                "type": _KIND.type,
                "title": _KIND.title,
                "status": _KIND.status,
                "detail": why,
                "instance": path[:200],
                "request_id": request_id,
            }
        )
    lines = b"".join(b"%b: %b\r\n" % header for header in common)
    head = (
        f"content-length: {len(body)}\r\ncontent-type: {kind}\r\nretry-after: 1\r\n"
        f"x-request-id: {request_id}\r\n\r\n"
    )
    return _STATUS + lines + head.encode() + body
