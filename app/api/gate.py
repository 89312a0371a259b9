"""Turns requests away before anything is made of them. Knows paths, headers and bytes; no ASGI.

Refusing must cost a small part of answering, or else a service that is asked for twice as much as
it can answer spends its time on saying so.
"""

import re
from collections.abc import Callable
from http import HTTPStatus
from typing import Final

from pydantic_core import to_json

from app import metrics
from app.api.door import Door
from app.api.errors import ERRORS, MEDIA_TYPE, PROTOCOL
from app.api.lifecycle import Lifecycle
from app.api.limits import patience_of
from app.api.middleware import request_id_of
from app.call import Headers
from app.errors import QueueFull

_KIND: Final = ERRORS[QueueFull]
_STATUS: Final = f"HTTP/1.1 {_KIND.status} {HTTPStatus(_KIND.status).phrase}\r\n".encode()

# The first line of a request to a path with nothing to decode, and header fields.
_PLAIN_POST: Final = re.compile(rb"POST (/[A-Za-z0-9_.~/-]*) HTTP/1\.1(?=\r\n)")
_LENGTH: Final = re.compile(rb"\r\ncontent-length:[ \t]*([0-9]{1,9})(?=[ \t]*(?:\r\n|$))")
_ODD: Final = re.compile(
    rb"\r\n(?:transfer-encoding|expect|connection|upgrade|[ \t])|[^\r]\n|\r[^\n]|\0"
)
_TIMEOUT: Final = re.compile(rb"\r\nx-request-timeout-ms:[ \t]*([0-9]{1,15})(?=[ \t]*(?:\r\n|$))")
_REQUEST_ID: Final = re.compile(rb"(?i:\r\nx-request-id:)[ \t]*([^\r\n]*)")


class Gate:
    """Answers for those that the `door` does not let in; only what asks a network goes through it.

    `task_of` tells the task of a path, "" for one that asks no network. `is_full` tells whether
    those who compute for a task have too much to do for so many seconds. A request may take
    `longest` seconds. Nothing is logged: there may be a great many.
    """

    def __init__(
        self,
        door: Door,
        lifecycle: Lifecycle,
        task_of: Callable[[str], str],
        longest: float,
        is_full: Callable[[str, float], bool] = lambda task, seconds: False,
    ) -> None:
        self._door = door
        self._lifecycle = lifecycle
        self._task_of = task_of
        self._longest = longest
        self._is_full = is_full
        self._refusing = False  # the last one that came was refused

    def __call__(self, path: str, headers: Headers, common: Headers) -> bytes | None:
        """The whole answer to a request that is turned away, `common` headers and all, or None."""
        task = self._task_of(path)
        if not task:
            return None
        why = self._why(task, patience_of(headers, self._longest))
        if not why:
            return None
        sent = next((value for name, value in headers if name == b"x-request-id"), None)
        return self._refusal(path, task, sent, why, common)

    def unread(self, data: bytes, common: Headers) -> bytes | None:
        """The same for bytes that come between two requests, before anybody reads them as HTTP.

        Only if they are one whole POST that is kept alive, beyond any doubt, and others were
        refused just before; None otherwise.
        """
        if not self._refusing:
            return None
        end = data.find(b"\r\n\r\n")
        start = _PLAIN_POST.match(data)
        if start is None or end < 0:
            return None
        head = data[start.end() : end].lower()
        length = _LENGTH.findall(head)
        if len(length) != 1 or int(length[0]) != len(data) - end - 4 or _ODD.search(head):
            return None
        path = start[1].decode("ascii")
        task = self._task_of(path)
        if not task:
            return None
        asked = _TIMEOUT.search(head)
        headers = [] if asked is None else [(b"x-request-timeout-ms", asked[1])]
        why = self._why(task, patience_of(headers, self._longest))
        if not why:
            return None
        name = _REQUEST_ID.search(data, start.end(), end)
        return self._refusal(path, task, None if name is None else name[1], why, common)

    def _why(self, task: str, patience: float) -> str:
        """Why a request for this task is refused that has so many seconds, empty if it is not."""
        why = self._door.refuses(self._lifecycle.in_flight, patience)
        if not why and self._is_full(task, patience):
            why = "inputs are waiting that take too long to compute"
        self._refusing = bool(why)
        return why

    def _refusal(
        self, path: str, task: str, sent: bytes | None, why: str, common: Headers
    ) -> bytes:
        metrics.REJECTIONS.labels("", "overload").inc()
        metrics.REQUESTS.labels(task, "", "", str(_KIND.status)).inc()
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
