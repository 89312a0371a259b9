"""Turns requests away before anything is made of them. Knows paths, headers and bytes; no ASGI.

Refusing must cost a small part of answering, or else a service that is asked for twice as much as
it can answer spends its time on saying so.
"""

import re
from collections.abc import Callable
from functools import lru_cache
from http import HTTPStatus
from typing import Final, NamedTuple

from pydantic_core import to_json

from app.api.door import Door
from app.api.errors import ERRORS, MEDIA_TYPE, PROTOCOL
from app.api.lifecycle import Lifecycle
from app.api.limits import patience_of
from app.api.middleware import request_id_of
from app.errors import QueueFull
from app.http.call import CommonLines, Headers
from app.telemetry import metrics

_KIND: Final = ERRORS[QueueFull]
_STATUS: Final = f"HTTP/1.1 {_KIND.status} {HTTPStatus(_KIND.status).phrase}\r\n".encode()

# The first line of a request to a path with nothing to decode, and header fields.
_PLAIN_POST: Final = re.compile(rb"POST (/[A-Za-z0-9_.~/-]*) HTTP/1\.1(?=\r\n)")
_LENGTH: Final = re.compile(rb"\r\ncontent-length:[ \t]*([0-9]{1,9})(?=[ \t]*(?:\r\n|$))")
_ODD: Final = re.compile(
    rb"\r\n(?:transfer-encoding|expect|connection|upgrade|[ \t])|[^\r]\n|\r[^\n]|\0"
)
_TIMEOUT: Final = re.compile(rb"\r\nx-request-timeout-ms:[ \t]*([0-9]{1,15})(?=[ \t]*(?:\r\n|$))")
_HEADS: Final = 1000  # that are remembered
_SHORT: Final = 1000  # bytes; longer ones are not
_REQUEST_ID: Final = re.compile(rb"(?i:\r\nx-request-id:)[ \t]*([^\r\n]*)")


class _Head(NamedTuple):
    """What the head of a request says. patience: seconds; length: bytes of the body."""

    path: str
    task: str
    length: int
    patience: float
    request_id: bytes | None


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
        self._heads: dict[bytes, _Head] = {}
        self._lines = CommonLines(_STATUS)
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
        if end < 0:
            return None
        bytes_of_head = data[:end]
        head = self._heads.get(bytes_of_head)  # clients send the same ones again and again
        if head is None:
            head = self._read_head(bytes_of_head)
            if head is None:
                return None
        if head.length != len(data) - end - 4:
            return None
        why = self._why(head.task, head.patience)
        if not why:
            return None
        return self._refusal(head.path, head.task, head.request_id, why, common)

    def _read_head(self, head: bytes) -> _Head | None:
        """What it says, if it is the head of a plain POST that asks a network."""
        start = _PLAIN_POST.match(head + b"\r\n")
        if start is None:
            return None
        fields = head[start.end() :]
        lower = fields.lower()
        length = _LENGTH.findall(lower)
        if len(length) != 1 or _ODD.search(lower):
            return None
        path = start[1].decode("ascii")
        task = self._task_of(path)
        if not task:
            return None
        asked = _TIMEOUT.search(lower)
        headers = [] if asked is None else [(b"x-request-timeout-ms", asked[1])]
        name = _REQUEST_ID.search(fields)
        found = _Head(
            path,
            task,
            int(length[0]),
            patience_of(headers, self._longest),
            None if name is None else name[1],
        )
        if found.request_id is None and len(head) <= _SHORT:
            if len(self._heads) >= _HEADS:
                self._heads.clear()
            self._heads[head] = found
        return found

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
        kind, body = _body(path, request_id, why)
        head = (
            b"content-length: %d\r\ncontent-type: %b\r\nretry-after: 1\r\nx-request-id: %b\r\n\r\n"
        )
        return self._lines.of(common) + head % (len(body), kind, request_id.encode()) + body


def _body(path: str, request_id: str, why: str) -> tuple[bytes, bytes]:
    """Media type and bytes of a refusal; they are those of `app.api.errors`."""
    if path.startswith(PROTOCOL):
        return b"application/json", _error(why)
    problem = {
        "type": _KIND.type,
        "title": _KIND.title,
        "status": _KIND.status,
        "detail": why,
        "instance": path[:200],
        "request_id": request_id,
    }
    return MEDIA_TYPE.encode(), to_json(problem)


@lru_cache(maxsize=16)
def _error(why: str) -> bytes:
    return to_json({"error": why})
