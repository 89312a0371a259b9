"""One request and its answer, as ASGI 3.0 has them. Knows HTTP's messages; no socket, no route."""

import asyncio
import re
import time
from typing import Any, Final, Protocol, TypeAlias

from app.http import answers
from app.http.dispatch import Dispatcher
from app.http.reader import Head
from app.telemetry.log import get_logger

Message: TypeAlias = Any  # a dict with a "type"

_FORBIDDEN: Final = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")  # in a header's name or value
_NO_BODY: Final = (204, 304)
_ASGI: Final = {"version": "3.0", "spec_version": "2.3"}
_log = get_logger(__name__)


class Channel(Protocol):
    """What an exchange needs of its connection. server_state is uvicorn's."""

    app: Any
    app_state: dict[str, Any]
    client: tuple[str, int] | None
    loop: asyncio.AbstractEventLoop
    server: tuple[str, int] | None
    server_state: Any
    transport: asyncio.Transport
    write_paused: bool

    async def drain(self) -> None:
        """Return when what is written has left."""

    def answered(self, exchange: "Exchange") -> None:
        """The answer is written. Told again when the rest of a request has come that had not."""

    def buffered(self, size: int) -> None:
        """So many bytes of a body wait to be read by the application."""

    def resume_reading(self) -> None:
        """The application wants more."""

    def abort(self) -> None:
        """Half an answer is out, and no more will come."""


class Exchange:
    """One request with its answer."""

    __slots__ = (
        *("_bodiless", "_body", "_chunked", "_complete", "_connection", "_delivered"),
        *("_disconnected", "_expecting", "_left", "_start", "_waiter"),
        *("arrived", "ended", "head_sent", "keep_alive", "scope"),
    )

    def __init__(self, connection: Channel, head: Head, body: bytes | None = None) -> None:
        """body: all of it, if it has come with its head."""
        path, raw_path, query = head.target
        self.scope: dict[str, Any] = {
            "type": "http",
            "asgi": _ASGI,
            "http_version": head.version,
            "method": head.method,
            "scheme": "http",
            "path": path,
            "raw_path": raw_path,
            "query_string": query,
            "root_path": "",
            "headers": head.headers.copy(),
            "client": connection.client,
            "server": connection.server,
            "state": connection.app_state.copy(),
        }
        self.keep_alive = head.keep_alive
        self.arrived = time.monotonic()
        self._connection = connection
        self._body: bytes | bytearray = body or b""  # what has come of it and was not read
        self.ended = body is not None  # all of the request is here
        self._delivered = False  # and the application has it
        self._expecting = head.expects_continue
        self._start: Message = None  # the head of the answer, until the first part of its body
        self.head_sent = False
        self._bodiless = self._chunked = False
        self._left: int | None = 0  # bytes of the answer still to come, if that is known
        self._complete = False  # the answer is written
        self._disconnected = False
        self._waiter: asyncio.Future[None] | None = None  # of `receive`

    def begin(self, refusal: bytes | None, dispatcher: Dispatcher) -> None:
        """Refuse the request, if there is a refusal, or have it started in its turn."""
        if refusal is None:
            dispatcher.submit(self)
        else:
            self.refuse(refusal)

    def run(self) -> None:
        """Hand the request to the application."""
        connection = self._connection
        if not (self._disconnected or self._complete):
            task = connection.loop.create_task(self._run())
            connection.server_state.tasks.add(task)
            task.add_done_callback(connection.server_state.tasks.discard)

    def refuse(self, answer: bytes) -> None:
        """Answer 429 without the application; `answer` follows the headers of every answer."""
        if self._expects_continue():
            self.keep_alive = False
        headers = self._connection.server_state.default_headers
        self.write_whole(answers.refused(answer, headers, self.scope["method"], self.keep_alive))

    def whole_body(self) -> bytes | None:
        """The body, for `respond`; None if it is not all here, or nobody waits for an answer."""
        plain = self.ended and self.keep_alive and not self._disconnected
        return bytes(self._body) if plain and not self._connection.write_paused else None

    def respond(self, answer: bytes) -> None:
        """Answer 200 without the application; `answer` follows the headers of every answer."""
        if self._disconnected:
            self._complete = True
        else:
            headers = self._connection.server_state.default_headers
            self.write_whole(answers.fine(answer, headers, self.keep_alive))

    def write_whole(self, answer: bytes) -> None:
        """Write a whole answer, head and all, instead of asking the application."""
        self.head_sent = True
        self._connection.transport.write(answer)
        self._finish()

    def receive_body(self, body: bytes) -> None:
        """A part of the body has come."""
        if self._complete:
            return  # it was answered without this
        if isinstance(self._body, bytearray):
            self._body += body
        else:  # most bodies come whole; of one that does not, no part is copied twice
            self._body = bytearray(self._body + body) if self._body else body
        self._connection.buffered(len(self._body))
        self._wake()

    def receive_end(self) -> None:
        """All of the request is here."""
        self.ended = True
        self._wake()
        if self._complete:
            self._connection.answered(self)

    def disconnect(self) -> None:
        """The client has left."""
        self._disconnected = True
        self._wake()

    async def receive(self) -> Message:
        """ASGI's `receive`: parts of the body, then `http.disconnect`."""
        connection = self._connection
        while not (self._disconnected or self._complete):
            if not self._delivered and (self._body or self.ended):
                body, self._body = self._body, b""
                self._delivered = self.ended
                connection.resume_reading()
                return {"type": "http.request", "body": bytes(body), "more_body": not self.ended}
            if not (self._delivered or self.head_sent) and self._expects_continue():
                self._expecting = False
                connection.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            if self._waiter is None or self._waiter.done():
                self._waiter = connection.loop.create_future()
            await self._waiter
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        """ASGI's `send`. An answer of one part leaves in one write."""
        connection = self._connection
        if connection.write_paused:
            await connection.drain()
        if self._disconnected:
            return
        if message["type"] == "http.response.start" and self._start is None and not self.head_sent:
            self._start = message
            return
        if message["type"] != "http.response.body" or self._complete:
            raise RuntimeError(f"unexpected {message['type']}")
        body, more = message.get("body", b""), message.get("more_body", False)
        head = b""
        if not self.head_sent:
            if self._start is None:
                raise RuntimeError("a body before its head")
            head = self._head(self._start, body, more)
        if self._bodiless:
            part = b""
        elif self._chunked:
            part = b"%x\r\n%b\r\n" % (len(body), body) if body else b""
            part += b"" if more else b"0\r\n\r\n"
        else:
            if self._left is not None:
                self._left -= len(body)
                if self._left < 0 or (self._left and not more):
                    raise RuntimeError("the body is not as long as its content-length says")
            part = body
        self.head_sent = True
        connection.transport.write(head + part)
        if not more:
            self._finish()
            if connection.write_paused:
                await connection.drain()  # until then it is not answered, and counts as in flight

    def _head(self, start: Message, body: bytes, more: bool) -> bytes:
        """Status line and headers; notes how the body is framed."""
        status, length, parts = start["status"], None, [answers.status_line(start["status"])]
        headers = (*self._connection.server_state.default_headers, *start.get("headers", ()))
        for name, value in headers:
            if name == b"content-length":
                length = int(value)
            elif name == b"connection":
                self.keep_alive = self.keep_alive and value.lower() != b"close"
                continue
            elif name == b"transfer-encoding":
                continue
            parts += (name, b": ", value, b"\r\n")
        if _FORBIDDEN.search(b"".join([part for part in parts if part != b"\r\n"][1:])):
            raise RuntimeError("a header of the answer has a control character")
        self._bodiless = status in _NO_BODY or self.scope["method"] == "HEAD"
        if length is None and not self._bodiless:
            if more and self.scope["http_version"] == "1.1":
                self._chunked = True
                parts.append(b"transfer-encoding: chunked\r\n")
            elif more:
                self.keep_alive = False  # the end of the connection ends it
            else:
                length = len(body)
                parts.append(b"content-length: %d\r\n" % length)
        self._left = length
        if self._expects_continue():
            self.keep_alive = False  # whether a body follows is the client's guess
        parts.append(b"\r\n" if self.keep_alive else b"connection: close\r\n\r\n")
        return b"".join(parts)

    async def _run(self) -> None:
        try:
            await self._connection.app(self.scope, self.receive, self.send)
        except Exception:
            _log.exception("application_failed")
        finally:
            if not self._complete:
                self._give_up()

    def _give_up(self) -> None:
        """The application has ended, or was cancelled, without a whole answer."""
        if self._disconnected:
            self._complete = True
        elif self.head_sent:
            self._connection.abort()
        else:
            self.keep_alive = False
            headers = self._connection.server_state.default_headers
            self.write_whole(answers.plain(500, "", headers))

    def _finish(self) -> None:
        self._complete = True
        self._body = b""
        self._wake()
        self._connection.answered(self)

    def _expects_continue(self) -> bool:
        return self._expecting and not (self.ended or self._body)

    def _wake(self) -> None:
        waiter, self._waiter = self._waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_result(None)


def address(found: Any) -> tuple[str, int] | None:
    """An end of a connection as ASGI has it, from what a socket says of it; None if it is none."""
    return (str(found[0]), int(found[1])) if isinstance(found, list | tuple) else None
