"""One HTTP connection: uvicorn's, with less between the socket and the application.

Knows HTTP/1.1 and ASGI; no route. A request that arrives whole, as most do, is answered in the
callback that brought its last byte: no task, no event, one write, and where the answer is there at
once, no application. Everything else (bodies in parts, pipelining, answers in parts, errors of
HTTP) goes the way that it goes in uvicorn.
"""

import asyncio
import re
import time
from collections.abc import Sequence
from typing import Any, Final, Protocol, TypeAlias
from urllib.parse import unquote

import httptools
from uvicorn.protocols.http.httptools_impl import (
    STATUS_LINE,
    HttpToolsProtocol,
    RequestResponseCycle,
)

from app.begun import begin

Headers: TypeAlias = Sequence[tuple[bytes, bytes]]
Target: TypeAlias = tuple[str, bytes, bytes]  # path, the path as it was sent, query
Message: TypeAlias = Any  # uvicorn's own types of messages are private to it

# What `parse_url` would give back as it is: nothing to decode, no query, no host.
_PLAIN_PATH: Final = re.compile(rb"/[A-Za-z0-9_.~/-]*")
_FORBIDDEN: Final = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")  # in a header's name or value


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

    __slots__ = ("_connection", "arrived", "body", "common", "gone", "headers", "path", "target")

    def __init__(
        self, connection: "Connection", target: Target, headers: Headers, body: bytes
    ) -> None:
        self._connection = connection
        self.target = target
        self.path = target[0]
        self.headers = headers
        self.body = body
        self.common = connection.server_state.default_headers
        self.arrived = time.monotonic()
        self.gone = False

    def reply(self, answer: bytes) -> None:
        """Send the whole answer, the common headers among it."""
        self._connection.reply(answer)

    def decline(self) -> None:
        """Let the application answer."""
        self._connection.decline(self)


class Exchange(RequestResponseCycle):
    """One request and its answer, which leaves in one write if it has one part."""

    _start: Message | None = None

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


class Connection(HttpToolsProtocol):
    """Answers the requests of one client, in their order."""

    _whole: Exchange | None = None
    _held: Target | None = None  # of a request that may need no application; its body is to come
    _body: bytes = b""  # of that one
    _asked: Call | None = None  # one that is being answered without the application
    _ending = False  # once that is answered
    _begun = False  # a request has begun to come, and not all of it is here
    _at_once = False
    _refusal: bytes | None = None

    def __init__(self, gate: Gate, answers: Answers, **options: Any) -> None:
        """`gate` has the answer to a request that is not let in; `options` are uvicorn's."""
        super().__init__(**options)
        self._gate = gate
        self._answers = answers

    def data_received(self, data: bytes) -> None:
        if self._is_free() and not self._begun:
            refusal = self._gate.unread(data, self.server_state.default_headers)
            if refusal is not None:
                self.transport.write(refusal)
                self.on_response_complete()
                return
        self._at_once = True
        super().data_received(data)
        self._let_go()
        if self._whole is not None and not self.transport.is_closing():
            self._start_later()  # its body is still to come

    def connection_lost(self, error: Exception | None) -> None:
        if self._asked is not None:
            self._asked.gone = True
        super().connection_lost(error)

    def shutdown(self) -> None:
        if self._asked is not None:
            self._ending = True
        else:
            super().shutdown()

    def reply(self, answer: bytes) -> None:
        """The whole answer to what was asked."""
        self._asked = None
        if self.transport.is_closing():
            return
        self.transport.write(answer)
        if self._ending:
            self.transport.close()
        self.on_response_complete()

    def decline(self, call: Call) -> None:
        """The application answers what was asked."""
        self._asked = None
        if call.gone or self.transport.is_closing():
            return
        exchange = self._exchange(call.target, call.headers, "POST", "1.1", keep_alive=True)
        exchange.body, exchange.more_body = bytearray(call.body), False
        exchange.message_event.set()
        if self._ending:
            exchange.keep_alive = False
        if not self.pipeline:
            self.cycle = exchange
        self._start_asgi_task(exchange, self.app)

    def _is_free(self) -> bool:
        """Whether nothing is being answered."""
        return self._asked is None and (self.cycle is None or self.cycle.response_complete)

    def on_message_begin(self) -> None:
        self._begun = True
        self.url = b""
        self.expect_100_continue = False
        self.headers = []

    def on_headers_complete(self) -> None:
        target = self._target()
        free = self._is_free()
        if free and not self.expect_100_continue:
            common = self.server_state.default_headers
            self._refusal = self._gate(target[0], self.headers, common)
            if self._refusal is not None:
                return
        if free and self._at_once and self._is_plain_post() and self._answers.takes(target[0]):
            self._held, self._body = target, b""
        else:
            self._open(target, free=free)

    def on_body(self, body: bytes) -> None:
        if self._refusal is not None:
            return
        if self._held is not None:
            self._body = self._body + body if self._body else body
        else:
            super().on_body(body)

    def on_message_complete(self) -> None:
        self._begun = False
        if self._refusal is not None:
            self._turn_away(self._refusal)
            return
        if self._held is not None:
            call = Call(self, self._held, self.headers, self._body)
            if self._answers.ask(call):
                self._asked, self._held, self._at_once = call, None, False
                return
            self._let_go()
        super().on_message_complete()
        # One of those that came together: the others must not keep everybody else waiting.
        if self._whole is None or not self._at_once:
            return
        exchange, self._whole, self._at_once = self._whole, None, False
        task = begin(exchange.run_asgi(self.app), self.loop)
        if task is not None:
            self.tasks.add(task)
            task.add_done_callback(self.tasks.discard)

    def _is_plain_post(self) -> bool:
        """Whether an answer needs no more than its bytes to be written."""
        parser = self.parser
        return (
            parser.get_method() == b"POST"
            and not self.expect_100_continue
            and not self.flow.write_paused
            and not parser.should_upgrade()
            and parser.get_http_version() == "1.1"
            and parser.should_keep_alive()
        )

    def _let_go(self) -> None:
        """The application answers the request that was held, or will when all of it is there."""
        if self._held is None:
            return
        target, self._held = self._held, None
        self._open(target, free=True)
        if self._body:
            super().on_body(self._body)

    def _open(self, target: Target, *, free: bool) -> None:
        """Make what the application gets to see of a request; `free`: none is before it."""
        parser, version = self.parser, self.parser.get_http_version()
        exchange = self._exchange(
            target,
            self.headers,
            parser.get_method().decode("ascii"),
            version,
            keep_alive=version != "1.0" and parser.should_keep_alive(),
        )
        self.scope, self.cycle = exchange.scope, exchange
        if free:
            self._whole = exchange
            if not self._at_once:
                self._start_later()
        else:
            self.flow.pause_reading()
            self.pipeline.appendleft((exchange, self.app))

    def _exchange(
        self, target: Target, headers: Headers, method: str, version: str, *, keep_alive: bool
    ) -> Exchange:
        path, raw_path, query = target
        scope: Any = {
            "type": "http",
            "asgi": {"version": self.asgi_version, "spec_version": "2.3"},
            "http_version": version,
            "server": self.server,
            "client": self.client,
            "scheme": self.scheme,
            "root_path": "",
            "headers": headers,
            "state": {},
            "method": method,
            "path": path,
            "raw_path": raw_path,
            "query_string": query,
        }
        return Exchange(
            scope=scope,
            transport=self.transport,
            flow=self.flow,
            logger=self.logger,
            access_logger=self.access_logger,
            access_log=False,
            default_headers=self.server_state.default_headers,
            message_event=asyncio.Event(),
            expect_100_continue=self.expect_100_continue,
            keep_alive=keep_alive,
            on_response=self.on_response_complete,
        )

    def _turn_away(self, answer: bytes) -> None:
        """Once its body has gone by: a client that still sends might not read."""
        self._refusal = None
        self.transport.write(answer)
        if self.parser.get_http_version() == "1.0" or not self.parser.should_keep_alive():
            self.transport.close()
        self.on_response_complete()

    def _start_later(self) -> None:
        exchange, self._whole = self._whole, None
        assert exchange is not None
        self._start_asgi_task(exchange, self.app)

    def _target(self) -> Target:
        """(path, the path as it was sent, query) of the request."""
        url = self.url
        if _PLAIN_PATH.fullmatch(url):
            return url.decode("ascii"), url, b""
        parsed = httptools.parse_url(url)
        path = parsed.path.decode("ascii")
        return unquote(path) if "%" in path else path, parsed.path, parsed.query or b""
