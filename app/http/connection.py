"""One HTTP/1.1 connection: bytes in, ASGI requests out, answers back. Knows no route.

    +---------+  first byte   +---------+  its head is complete  +-----------+
    | WAITING | ------------> | READING | ---------------------> | ANSWERING |
    +---------+               +---------+                        +-----------+
      |     ^                      |                               |       |
      |     |                      | not HTTP, too large, slow     |       |
      |     +----- answered, and the client keeps the connection --+       |
      |                            v                                       |
      |  quiet for too long   +---------+  answered, connection: close     |
      +---------------------> | CLOSING | <--------------------------------+
                              +---------+

WAITING: nothing of the next request is here. READING: a part of its head is. ANSWERING: a request
is with the application or in the queue before it; its body may still come, and the heads of
further ones, which wait (HTTP pipelining). CLOSING: what is written leaves, nothing more is read.

uvicorn calls `Connection` as it calls its own protocol classes (`uvicorn.Config(http=...)`): with
`config`, `server_state` and `app_state`; it expects that a connection puts itself into
`server_state.connections`, its tasks into `server_state.tasks`, counts `total_requests`, writes
`default_headers`, and has `shutdown`.
"""

import asyncio
from collections import deque
from enum import Enum
from http import HTTPStatus
from typing import Any, Final, cast

import httptools

from app.http.dispatch import Dispatcher
from app.http.exchange import Exchange, target_of

_MAX_BUFFERED: Final = 64 * 1024  # bytes of a body that nobody has read, before reading stops
_READING_SECONDS: Final = 30.0  # that a head may take
_VERSIONS: Final = ("1.1", "1.0")


class State(Enum):
    """What a connection is doing; drawn above."""

    WAITING = 1
    READING = 2
    ANSWERING = 3
    CLOSING = 4


class Connection(asyncio.Protocol):
    """Answers the requests of one client, in their order."""

    def __init__(
        self,
        dispatcher: Dispatcher,
        max_head_bytes: int,
        *,
        config: Any,
        server_state: Any,
        app_state: dict[str, Any],
        **_: Any,
    ) -> None:
        """`dispatcher` starts requests or refuses them; the other arguments are uvicorn's."""
        self.app = config.loaded_app
        self.server_state = server_state
        self.app_state = app_state
        self.loop = asyncio.get_running_loop()
        self.write_paused = False
        self.client: tuple[str, int] | None = None
        self.server: tuple[str, int] | None = None
        self._dispatcher = dispatcher
        self._max_head_bytes = max_head_bytes
        self._idle_seconds: float = config.timeout_keep_alive
        self._state = State.WAITING
        self._since = self.loop.time()  # of the state
        self._timer: asyncio.TimerHandle | None = None
        self._exchanges: deque[Exchange] = deque()  # in the order of their heads
        self._drained: asyncio.Future[None] | None = None
        self._reading_paused = False
        self._new_parser()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.server_state.connections.add(self)
        self.client = _address(transport.get_extra_info("peername"))
        self.server = _address(transport.get_extra_info("sockname"))
        self._look_at_time()

    def connection_lost(self, error: Exception | None) -> None:
        self._state = State.CLOSING
        self.server_state.connections.discard(self)
        if self._timer is not None:
            self._timer.cancel()
        self.resume_writing()
        for exchange in self._exchanges:
            exchange.disconnect()
        self._exchanges.clear()

    def pause_writing(self) -> None:
        self.write_paused = True

    def resume_writing(self) -> None:
        self.write_paused = False
        drained, self._drained = self._drained, None
        if drained is not None and not drained.done():
            drained.set_result(None)

    async def drain(self) -> None:
        """Return when what is written has left, or nearly."""
        if self.write_paused:
            if self._drained is None:
                self._drained = self.loop.create_future()
            await asyncio.shield(self._drained)

    def shutdown(self) -> None:
        """Answer what is being answered, and close. uvicorn calls it when it stops."""
        if not self._exchanges:
            self._close()
        for exchange in self._exchanges:
            exchange.keep_alive = False

    def data_received(self, data: bytes) -> None:
        if self._state is State.CLOSING:
            return
        if self._state is State.WAITING:
            self._enter(State.READING)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._ignore_upgrade(data[upgrade.args[0] :])
        except httptools.HttpParserError:
            self._refuse(400, "this is not HTTP/1.1")
        if self._head_open:
            self._head_bytes += len(data)
            if self._head_bytes > self._max_head_bytes:
                self._refuse_large()

    # What the parser finds.

    def on_message_begin(self) -> None:
        self._head_open = True
        self._head_bytes = 0
        self._url = b""
        self._headers: list[tuple[bytes, bytes]] = []

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        parser = self._parser
        if parser.should_upgrade() or self._state is State.CLOSING:
            return  # see `_ignore_upgrade`
        self._head_open = False
        version = parser.get_http_version()
        target = target_of(self._url)
        if version not in _VERSIONS:
            self._refuse(505, "this is not HTTP/1.1")
            return
        if target is None:
            self._refuse(400, "the path is malformed")
            return
        if len(self._url) + sum(len(name) + len(value) for name, value in self._headers) > (
            self._max_head_bytes
        ):
            self._refuse_large()
            return
        exchange = Exchange(
            self,
            parser.get_method().decode("ascii"),
            version,
            target,
            self._headers,
            keep_alive=version == "1.1" and parser.should_keep_alive(),
        )
        self._exchanges.append(exchange)
        if len(self._exchanges) == 1:
            self._enter(State.ANSWERING)
            self._dispatcher.submit(exchange)
        else:
            self._pause_reading()

    def on_body(self, body: bytes) -> None:
        if not self._head_open and self._exchanges:
            self._exchanges[-1].receive_body(body)

    def on_message_complete(self) -> None:
        if not self._head_open and self._exchanges:
            self._exchanges[-1].receive_end()

    # What exchanges report.

    def answered(self, exchange: Exchange) -> None:
        """The answer to the first exchange is written, and all of its request is here."""
        self.server_state.total_requests += 1
        if self._exchanges and self._exchanges[0] is exchange:
            self._exchanges.popleft()
        if self._state is State.CLOSING:
            return
        if not exchange.keep_alive:
            self._close()
        elif self._exchanges:
            self._dispatcher.submit(self._exchanges[0])
        else:
            self._enter(State.READING if self._head_open else State.WAITING)
        self.resume_reading()

    def buffered(self, size: int) -> None:
        """So many bytes of a body wait to be read by the application."""
        if size > _MAX_BUFFERED:
            self._pause_reading()

    def abort(self) -> None:
        """Half an answer is out and no more will come: only closing is honest."""
        self._close()

    def resume_reading(self) -> None:
        """The application wants more, or the next request may come."""
        if self._reading_paused and not self.transport.is_closing():
            self._reading_paused = False
            self.transport.resume_reading()

    def _pause_reading(self) -> None:
        if not self._reading_paused and not self.transport.is_closing():
            self._reading_paused = True
            self.transport.pause_reading()

    def _enter(self, state: State) -> None:
        self._state = state
        self._since = self.loop.time()

    def _close(self) -> None:
        self._state = State.CLOSING
        self.transport.close()

    def _new_parser(self) -> None:
        self._parser = httptools.HttpRequestParser(self)
        self._head_open = False
        self._head_bytes = 0

    def _ignore_upgrade(self, rest: bytes) -> None:
        """No other protocol is spoken here, so the request is read as if it had not asked for one.

        The parser stops at the end of such a head; it gets the head again without what it stops at.
        """
        method, version = self._parser.get_method(), self._parser.get_http_version()
        if method == b"CONNECT" or self._state is State.CLOSING:
            self._refuse(501, "this is no proxy")
            return
        kept = [each for each in self._headers if each[0] not in (b"upgrade", b"http2-settings")]
        lines = [b"%b: %b\r\n" % each for each in kept]
        head = b"%b %b HTTP/%b\r\n%b\r\n" % (method, self._url, version.encode(), b"".join(lines))
        self._new_parser()
        self.data_received(head + rest)

    def _refuse_large(self) -> None:
        self._refuse(431, f"the head of a request may have {self._max_head_bytes} bytes")

    def _refuse(self, status: int, why: str) -> None:
        """Answer what is no request, once those before it are answered, and close."""
        if self._state is State.CLOSING:
            return
        self._head_open = False
        answer = (
            f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n"
            "content-type: text/plain; charset=utf-8"
            f"\r\ncontent-length: {len(why)}\r\nconnection: close\r\n\r\n{why}"
        ).encode()
        if not self._exchanges:
            self.transport.write(answer)
            self._close()
            return
        last = self._exchanges[-1]
        last.keep_alive = False
        last.spoil(answer)
        self._pause_reading()

    def _look_at_time(self) -> None:
        """Close what has been quiet, or in the middle of a head, for too long.

        One timer looks now and then: setting one for every request would be a part of the cost of
        the shortest ones.
        """
        quiet = self.loop.time() - self._since
        if self._state is State.WAITING and quiet >= self._idle_seconds:
            self._close()
        elif self._state is State.READING and quiet >= _READING_SECONDS:
            self._refuse(408, "the head of the request took too long")
        else:
            limit = self._idle_seconds if self._state is State.WAITING else _READING_SECONDS
            left = max(0.1, limit - quiet) if self._state is not State.ANSWERING else limit
            self._timer = self.loop.call_later(left, self._look_at_time)


def _address(found: Any) -> tuple[str, int] | None:
    return (str(found[0]), int(found[1])) if isinstance(found, list | tuple) else None
