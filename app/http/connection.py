"""One HTTP/1.1 connection: bytes in, ASGI requests out, answers back. Knows no route.

    +---------+  first byte   +---------+  its head is complete  +-----------+
    | WAITING | ------------> | READING | ---------------------> | ANSWERING |
    +---------+               +---------+                        +-----------+
      |     ^                      |                               |    |  |
      |     +----- answered, and the client keeps the connection --+    |  |
      |     ^                      |                                    |  |
      |     | all of it has come   | not HTTP, too large, slow          |  |
      |     |                      v                                    |  |
      |     |               +------------+  answered before its body    |  |
      |     +---------------| DISCARDING | <----------------------------+  |
      |                     +------------+    has come                     |
      |                            | for too long                          |
      | quiet for too long         v                                       |
      |                       +---------+  answered, connection: close     |
      +---------------------> | CLOSING | <--------------------------------+
                              +---------+

WAITING: nothing of the next request is here. READING: a part of its head is. ANSWERING: a request
is with the application or in the queue before it; its body may still come, and the heads of
further ones, which wait (HTTP pipelining). DISCARDING: the answer is out, and the client still
sends what it does not depend on; were the connection closed then, the network would take the answer
back (TCP reset). CLOSING: what is written leaves, nothing more is read.

uvicorn calls `Connection` like its own protocol classes (`uvicorn.Config(http=...)`), by `config`,
`server_state` and `app_state`; it expects that one puts itself into `server_state.connections`, its
tasks into `server_state.tasks`, counts `total_requests`, writes `default_headers`, has `shutdown`.
"""

import asyncio
from collections import deque
from enum import Enum
from typing import Any, Final, cast

from app.http import answers
from app.http.dispatch import Dispatcher
from app.http.exchange import Exchange, address
from app.http.reader import Head, RequestReader
from app.http.unsent import Unsent

_MAX_BUFFERED: Final = 64 * 1024  # bytes of a body that nobody has read, before reading stops
_READING_SECONDS: Final = 30.0  # that a head may take, or the rest of what is answered already


class State(Enum):
    """What a connection is doing; drawn above."""

    WAITING = 1
    READING = 2
    ANSWERING = 3
    DISCARDING = 4
    CLOSING = 5


class Connection(asyncio.Protocol):
    """Answers the requests of one client, in their order."""

    def __init__(
        self,
        dispatcher: Dispatcher,
        unsent: Unsent,
        max_head_bytes: int,
        *,
        config: Any,
        server_state: Any,
        app_state: dict[str, Any],
        **_: Any,
    ) -> None:
        """`dispatcher` starts requests or refuses them, `unsent` gives up clients that do not read;
        the arguments by name are uvicorn's."""
        self.app = config.loaded_app
        self.server_state = server_state
        self.app_state = app_state
        self.loop = asyncio.get_running_loop()
        self.write_paused = False  # not all that was written could be sent
        self.reading = True
        self.client: tuple[str, int] | None = None
        self.server: tuple[str, int] | None = None
        self._dispatcher = dispatcher
        self._unsent = unsent
        self._reader = RequestReader(self, max_head_bytes)
        self._idle_seconds: float = config.timeout_keep_alive
        self._state = State.WAITING
        self._since = self.loop.time()  # of the state
        self._timer: asyncio.TimerHandle | None = None
        self._exchanges: deque[Exchange] = deque()  # in the order of their heads
        self._receiving: Exchange | None = None  # whose body comes now
        self._refusal = b""  # the last answer: what came behind the exchanges is no request
        self._drained: asyncio.Future[None] | None = None
        self._socket_paused = False
        self._next_waits = False  # the first exchange was not submitted yet

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.transport.set_write_buffer_limits(high=0)
        self.server_state.connections.add(self)
        self.client = address(transport.get_extra_info("peername"))
        self.server = address(transport.get_extra_info("sockname"))
        self._look_at_time()

    def connection_lost(self, error: Exception | None) -> None:
        self.server_state.connections.discard(self)
        if self._timer is not None:
            self._timer.cancel()
        self.resume_writing()
        self._disconnect()

    def pause_writing(self) -> None:
        self.write_paused = True
        self._unsent.add(self.transport)
        self._pause_reading()  # who does not read answers may not ask for more

    def resume_writing(self) -> None:
        self.write_paused = False
        self._unsent.remove(self.transport)
        self.resume_reading()
        if self._next_waits:
            self.loop.call_soon(self._submit_next)
        drained, self._drained = self._drained, None
        if drained is not None and not drained.done():
            drained.set_result(None)

    async def drain(self) -> None:
        """Return when what is written has left."""
        if self.write_paused:
            if self._drained is None:
                self._drained = self.loop.create_future()
            await asyncio.shield(self._drained)

    def shutdown(self) -> None:
        """Answer what is being answered, and close. uvicorn calls it when it stops."""
        if not self._exchanges or self._state is State.DISCARDING:
            self._close()
        for exchange in self._exchanges:
            exchange.keep_alive = False

    def data_received(self, data: bytes) -> None:
        self._reader.feed(data)

    # What the reader finds.

    def begin_head(self) -> None:
        if self._state is State.WAITING:
            self._enter(State.READING)

    def receive_head(self, head: Head, body: bytes | None = None) -> None:
        first = not self._exchanges
        refusal = self._dispatcher.refusal(head.target[0], head.headers) if first else None
        if refusal is not None and body is not None and head.keep_alive:  # all of it has come
            common = self.server_state.default_headers
            self.transport.write(answers.refused(refusal, common, head.method))
            self.server_state.total_requests += 1
            self._enter(State.WAITING)
            return
        exchange = Exchange(self, head, body)
        self._exchanges.append(exchange)
        self._receiving = None if exchange.ended else exchange
        if first:
            self._enter(State.ANSWERING)
            exchange.begin(refusal, self._dispatcher)
        else:
            self._pause_reading()

    def receive_body(self, body: bytes) -> None:
        if self._receiving is not None:
            self._receiving.receive_body(body)

    def receive_end(self) -> None:
        exchange, self._receiving = self._receiving, None
        if exchange is not None:
            exchange.receive_end()

    def refuse(self, status: int, why: str) -> None:
        """Answer what is no request, once those before it are answered, and close."""
        self._refusal = answers.plain(status, why, self.server_state.default_headers)
        broken, self._receiving = self._receiving, None
        if broken is not None:  # its head was good, and its body is not
            if broken.head_sent:
                self._close()
                return
            self._exchanges.pop()
            broken.disconnect()
        if not self._exchanges:
            self._write_refusal()

    # What exchanges report.

    def answered(self, exchange: Exchange) -> None:
        """The answer to the first exchange is written; perhaps not all of its request is here."""
        if self._state is State.CLOSING:
            return
        if not exchange.ended:
            self._enter(State.DISCARDING)
            if not exchange.keep_alive:
                self._end_writing()
            self.resume_reading()
            return
        self.server_state.total_requests += 1
        self._exchanges.popleft()
        if not exchange.keep_alive:
            self._close()
        elif self._exchanges:
            self._enter(State.ANSWERING)
            self._next_waits = True  # for as long as the client does not read
            self.loop.call_soon(self._submit_next)
        elif self._refusal:
            self._write_refusal()
        else:
            self._enter(State.READING if self._reader.head_open else State.WAITING)
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
        wanted = len(self._exchanges) < 2 and not self.write_paused
        if wanted and not self.reading and not self.transport.is_closing():
            self.reading = True
            if self._reader.has_rest:
                self.loop.call_soon(self._read_on)
            else:
                self._resume_socket()

    def _read_on(self) -> None:
        if self.reading and self._reader.read_on() and self.reading:
            self._resume_socket()

    def _resume_socket(self) -> None:
        if self._socket_paused and not self.transport.is_closing():
            self._socket_paused = False
            self.transport.resume_reading()

    def _pause_reading(self) -> None:
        self.reading = False
        if not self._socket_paused and not self.transport.is_closing():
            self._socket_paused = True
            self.transport.pause_reading()

    def _enter(self, state: State) -> None:
        self._state = state
        self._since = self.loop.time()

    def _submit_next(self) -> None:
        if self._next_waits and self._exchanges and not self.write_paused:
            self._next_waits = False
            exchange = self._exchanges[0]
            path, headers = exchange.scope["path"], exchange.scope["headers"]
            exchange.begin(self._dispatcher.refusal(path, headers), self._dispatcher)

    def _close(self) -> None:
        self._disconnect()
        self.transport.close()

    def _disconnect(self) -> None:
        """Nothing more is read, and nothing that is not answered yet will be."""
        self._state = State.CLOSING
        self._reader.close()
        self._receiving = None
        for exchange in self._exchanges:
            exchange.disconnect()
        self._exchanges.clear()

    def _write_refusal(self) -> None:
        self.transport.write(self._refusal)
        self._enter(State.DISCARDING)
        self._end_writing()
        self.resume_reading()

    def _end_writing(self) -> None:
        """Tell the client that this was the last answer, and let it close."""
        if self.transport.can_write_eof():
            self.transport.write_eof()

    def _look_at_time(self) -> None:
        """Close what has been quiet, or in the middle of a request, for too long.

        One timer looks now and then; one for every request would cost a part of the shortest ones.
        """
        quiet = self.loop.time() - self._since
        limit = self._idle_seconds if self._state is State.WAITING else _READING_SECONDS
        if self._state is not State.ANSWERING and quiet >= limit:
            if self._state is not State.READING:
                self._close()
                return
            self._reader.close()
            self.refuse(408, "the head of the request took too long")
            quiet = 0.0
        left = limit - quiet if self._state is not State.ANSWERING else limit
        # No later than a connection that is idle from now on has to be closed.
        seconds = max(0.1, min(left, self._idle_seconds))
        self._timer = self.loop.call_later(seconds, self._look_at_time)
