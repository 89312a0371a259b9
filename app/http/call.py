"""What passes between a connection and those who answer without an application.

Knows requests as bytes and fields; neither sockets nor what is asked.
"""

import time
from collections.abc import Sequence
from typing import Final, Protocol, TypeAlias

Headers: TypeAlias = Sequence[tuple[bytes, bytes]]
Target: TypeAlias = tuple[str, bytes, bytes]  # path, the path as it was sent, query

# Among the extensions of an ASGI scope: takes a function to call once when the client has left.
DEPARTURE: Final = "unroll.departure"
# The same: when the request had arrived, a `time.monotonic()` value; absent if just now.
ARRIVAL: Final = "unroll.arrival"


class CommonLines:
    """A status line and the headers of every answer, as bytes."""

    def __init__(self, status: bytes) -> None:
        self._status = status
        self._common: Headers = ()
        self._lines = b""

    def of(self, common: Headers) -> bytes:
        """Those with these headers, which are the same object for a second or so."""
        if common is not self._common:
            self._common = common
            self._lines = self._status + b"".join(b"%b: %b\r\n" % header for header in common)
        return self._lines


class Caller(Protocol):
    """Where a call comes from, and its answer goes."""

    def reply(self, answer: bytes) -> None:
        """Send the whole answer."""

    def decline(self, call: "Call") -> None:
        """Let the application answer."""


class Gate(Protocol):
    """Has the answer to requests that are not let in, the headers of every answer among it."""

    def __call__(self, path: str, headers: Headers, common: Headers) -> bytes | None:
        """That to one with this path and these headers, or None to let it in."""

    def unread(self, data: bytes, common: Headers) -> bytes | None:
        """That to bytes that came between requests, if they are one, or None to read them."""


class Answers(Protocol):
    """Has the answers to some requests, and needs no application for them."""

    def takes(self, path: str) -> bool:
        """Whether it may have the answer to a POST to `path`."""

    def ask(self, call: "Call") -> bool:
        """Whether the call is taken; then it will be answered or declined."""


class Call:
    """A POST that is kept alive, all of it, and what becomes of it.

    common: the headers of every answer. gone: the client has left. arrived: a `time.monotonic()`
    value.
    """

    __slots__ = ("_caller", "arrived", "body", "common", "gone", "headers", "path", "target")

    def __init__(
        self, caller: Caller, target: Target, headers: Headers, body: bytes, common: Headers
    ) -> None:
        self._caller = caller
        self.target = target
        self.path = target[0]
        self.headers = headers
        self.body = body
        self.common = common
        self.arrived = time.monotonic()
        self.gone = False

    def reply(self, answer: bytes) -> None:
        """Send the whole answer, the common headers among it."""
        self._caller.reply(answer)

    def decline(self) -> None:
        """Let the application answer."""
        self._caller.decline(self)
