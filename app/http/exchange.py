"""One request to the application and its answer, uvicorn's, in one write where it has one part.

Knows ASGI's messages and HTTP/1.1's heads; not who asks.
"""

import re
import weakref
from collections.abc import Callable
from typing import Any, Final, TypeAlias

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

Message: TypeAlias = Any  # uvicorn's own types of messages are private to it

_FORBIDDEN: Final = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")  # in a header's name or value


class Exchange(RequestResponseCycle):
    """One request and its answer, which leaves in one write if it has one part."""

    _start: Message | None = None
    _at_departure: Callable[[], None] | None = None

    def departure(self) -> Callable[[Callable[[], None]], None]:
        """Takes what to call when the client has left, at once if it has; one such call at a time.

        It is a part of what the exchange holds, and so must not hold the exchange: a circle for
        every request would have the collector look at all that is under way, again and again.
        """
        weak = weakref.ref(self)

        def at_departure(call: Callable[[], None]) -> None:
            exchange = weak()
            if exchange is None:
                return
            exchange._at_departure = call
            if exchange.disconnected:
                exchange.depart()

        return at_departure

    def depart(self) -> None:
        """The client has left."""
        call, self._at_departure = self._at_departure, None
        if call is not None:
            call()

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start" and not self.response_started:
            self._start = message
            return
        start, self._start = self._start, None
        if start is None:
            await super().send(message)
            return
        head = self._head(start, message)
        if head is None:
            await super().send(start)
            await super().send(message)
            return
        self.response_started = True
        if self.disconnected:
            return
        self.transport.write(head + message["body"])
        self.response_complete = True
        self.message_event.set()
        if not self.keep_alive:
            self.transport.close()
        self.on_response()

    def _head(self, start: Message, message: Message) -> bytes | None:
        """Status line and headers before a body; None if something needs a closer look."""
        body, status = message.get("body"), start["status"]
        if not body or message.get("more_body") or self.flow.write_paused:
            return None
        if self.scope["method"] == "HEAD" or status in (204, 304):
            return None
        parts = [STATUS_LINE[status]]
        lines: list[bytes] = []
        sized = False
        for name, value in (*self.default_headers, *start.get("headers", ())):
            if name == b"content-length":
                sized = value == b"%d" % len(body)
            elif name in (b"transfer-encoding", b"connection"):
                return None
            lines += (name, value)
            parts += (name, b": ", value, b"\r\n")
        if not sized or _FORBIDDEN.search(b"".join(lines)):
            return None
        parts.append(b"\r\n" if self.keep_alive else b"connection: close\r\n\r\n")
        return b"".join(parts)
