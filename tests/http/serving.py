"""Small ASGI applications behind a real `Connection`: on a socket, or with a transport of a test.

Knows HTTP only.
"""

import asyncio
import re
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from types import SimpleNamespace
from typing import Any

import uvicorn

from app.http.connection import Connection
from app.http.dispatch import Dispatcher
from app.http.unsent import Unsent
from tests.api.service import until

LIMIT = 64 * 1024
LARGE = 1024 * LIMIT


def admit(*_: Any) -> None:
    """Sheds no load."""


async def body_of(receive: Any) -> bytes:
    """All of a request's body; what has come of it when the client left."""
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return body


async def respond(send: Any, body: bytes, status: int = 200, *headers: tuple[bytes, bytes]) -> None:
    length = (b"content-length", b"%d" % len(body))
    await send({"type": "http.response.start", "status": status, "headers": [length, *headers]})
    await send({"type": "http.response.body", "body": body})


async def echo(scope: Any, receive: Any, send: Any) -> None:
    """Answers method, path, query and body. /early answers 413 unread, /stream in parts, /empty
    without a body, /crash and /crash-late raise before and after their heads."""
    path = scope["path"]
    if path == "/early":
        await respond(send, b"too large", 413)
    elif path == "/empty":
        await body_of(receive)
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body"})
    elif path == "/crash":
        raise ZeroDivisionError
    elif path in ("/stream", "/crash-late"):
        body = await body_of(receive)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for part in (b"one ", b"two ", body):
            await send({"type": "http.response.body", "body": part, "more_body": True})
            if path == "/crash-late":
                raise ZeroDivisionError
            await asyncio.sleep(0)
        await send({"type": "http.response.body"})
    else:
        body = await body_of(receive)
        query = scope["query_string"]
        said = b"%b %b?%b %b" % (scope["method"].encode(), path.encode(), query, body)
        await respond(send, said)


class Held:
    """An application that answers when it is told to, and notes what it was sent."""

    def __init__(self) -> None:
        self.started: list[str] = []
        self.left: list[str] = []
        self.go = asyncio.Event()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.started.append(scope["path"])
        body = await body_of(receive)
        going, gone = (asyncio.ensure_future(each) for each in (self.go.wait(), receive()))
        await asyncio.wait((going, gone), return_when=asyncio.FIRST_COMPLETED)
        if gone.done():
            self.left.append(scope["path"])
        going.cancel()
        gone.cancel()
        await respond(send, b"%b %d" % (scope["path"].encode(), len(body)))


def statuses(content: bytes) -> list[int]:
    return [int(each) for each in re.findall(rb"HTTP/1\.1 (\d{3}) ", content)]


@contextmanager
def serving(
    app: Any,
    shed: Any = admit,
    http: Any = None,
    unsent: Unsent | None = None,
    **options: Any,
) -> Iterator[tuple[int, uvicorn.Server]]:
    """(port, server) of a real uvicorn that runs `app` in a thread. http: another protocol."""
    ours: Any = partial(Connection, Dispatcher(shed), unsent or Unsent(LARGE, 30), LIMIT)
    config = uvicorn.Config(
        app,
        host="127.0.0.1",
        port=0,
        http=http or ours,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        **options,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, name="http")
    thread.start()
    try:
        until(lambda: server.started)
        yield server.servers[0].sockets[0].getsockname()[1], server
    finally:
        server.should_exit = True
        thread.join(30)
        assert not thread.is_alive()


def connect(port: int) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", port), timeout=10)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def until_closed(connection: socket.socket) -> bytes:
    """All that comes before the server closes."""
    content = b""
    while part := connection.recv(65536):
        content += part
    return content


def ask(port: int, *parts: bytes) -> bytes:
    """What the server says to `parts`, until it closes."""
    with connect(port) as connection:
        for part in parts:
            connection.sendall(part)
        return until_closed(connection)


def get(path: str = "/", *headers: str, version: str = "1.1", method: str = "GET") -> bytes:
    lines = [f"{method} {path} HTTP/{version}", "Host: test", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n"


def post(path: str, body: bytes, *headers: str) -> bytes:
    return get(path, f"Content-Length: {len(body)}", *headers, method="POST") + body


def chunked(path: str, *chunks: bytes, headers: tuple[str, ...] = ()) -> bytes:
    head = get(path, "Transfer-Encoding: chunked", *headers, method="POST")
    return head + b"".join([b"%x\r\n%b\r\n" % (len(each), each) for each in (*chunks, b"")])


class Loop(asyncio.SelectorEventLoop):
    """A loop whose clock can be put forward."""

    ahead = 0.0

    def time(self) -> float:
        return super().time() + self.ahead


@dataclass(eq=False)
class Transport:
    """What a connection writes, and what it does to its socket."""

    written: bytes = b""
    closed: bool = False
    ended: bool = False
    reading: bool = True
    unsent: int = 0
    aborted: bool = False

    def write(self, data: bytes) -> None:
        assert not self.closed
        assert not self.ended
        self.written += data

    def set_write_buffer_limits(self, high: int) -> None:
        assert high == 0

    def get_write_buffer_size(self) -> int:
        return self.unsent

    def abort(self) -> None:
        self.closed = self.aborted = True

    def get_extra_info(self, name: str) -> Any:
        return self if name == "socket" else ("127.0.0.1", 1)

    def setsockopt(self, *_: Any) -> None:
        pass

    def is_closing(self) -> bool:
        return self.closed

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        self.ended = True

    def close(self) -> None:
        self.closed = True

    def pause_reading(self) -> None:
        assert self.reading
        self.reading = False

    def resume_reading(self) -> None:
        assert not self.reading
        self.reading = True


@dataclass
class Wire:
    """A connection on a transport of ours, inside a running loop."""

    connection: Any
    transport: Transport
    state: Any
    loop: Loop

    def is_reading(self) -> bool:
        """Whether the connection takes more from its socket now."""
        return self.transport.reading

    def send(self, data: bytes) -> None:
        """The client sends `data`."""
        self.connection.data_received(data)

    async def settle(self) -> None:
        """Let everything run that can."""
        for _ in range(30):
            await asyncio.sleep(0)

    async def answered(self, count: int) -> None:
        """Let things run until so many requests have been answered."""
        for _ in range(100_000):
            if self.state.total_requests >= count:
                return
            await asyncio.sleep(0)
        raise AssertionError("they never were")

    async def later(self, seconds: float) -> None:
        """Put the clock forward."""
        self.loop.ahead += seconds
        await self.settle()


def on_wire(app: Any, scenario: Callable[[Wire], Any], shed: Any = admit) -> Any:
    """What `scenario` returns, given a new connection to `app`."""

    async def run() -> Any:
        state = SimpleNamespace(
            connections=set(), tasks=set(), total_requests=0, default_headers=[]
        )
        config = SimpleNamespace(loaded_app=app, timeout_keep_alive=5)
        connection = Connection(
            Dispatcher(shed),
            Unsent(LARGE, 30),
            LIMIT,
            config=config,
            server_state=state,
            app_state={},
        )
        loop = asyncio.get_running_loop()
        assert isinstance(loop, Loop)
        wire = Wire(connection, Transport(), state, loop)
        connection.connection_made(wire.transport)  # type: ignore[arg-type]
        try:
            return await scenario(wire)
        finally:
            connection.connection_lost(None)
            await wire.settle()
            assert not state.connections
            assert not state.tasks

    with asyncio.Runner(loop_factory=Loop) as runner:
        return runner.run(run())
