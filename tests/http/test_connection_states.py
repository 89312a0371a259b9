"""Time, flow control, broken requests and stopping: a connection whose transport is the test's."""

import asyncio
import gc
import re
import socket
import threading
from typing import Any

import pytest

from app.http.exchange import Exchange
from tests.api.service import answers, until
from tests.http.serving import (
    Wire,
    body_of,
    chunked,
    connect,
    echo,
    get,
    on_wire,
    post,
    respond,
    serving,
)

LARGE = b"x" * 300_000


def statuses(content: bytes) -> list[int]:
    return [int(each) for each in re.findall(rb"HTTP/1\.1 (\d{3}) ", content)]


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


def test_a_quiet_connection_is_closed() -> None:
    async def scenario(wire: Wire) -> None:
        await wire.later(4.9)
        assert not wire.transport.is_closing()
        for _ in range(10):  # silence counts from the last answer
            wire.send(get())
            await wire.settle()
            await wire.later(4.0)
            assert not wire.transport.is_closing()
        await wire.later(1.1)
        assert wire.transport.is_closing()
        assert wire.state.total_requests == 10

    on_wire(echo, scenario)


def test_a_connection_is_not_closed_while_it_is_answered() -> None:
    async def scenario(wire: Wire) -> None:
        wire.send(get("/a"))
        for _ in range(100):
            await wire.later(1.0)
        app.go.set()
        await wire.settle()
        assert statuses(wire.transport.written) == [200]
        await wire.later(4.9)
        assert not wire.transport.is_closing()
        await wire.later(0.2)
        assert wire.transport.is_closing()

    app = Held()
    on_wire(app, scenario)


def test_a_head_that_takes_too_long_is_refused() -> None:
    async def scenario(wire: Wire) -> None:
        wire.send(get("/a") + get("/b")[:-2])
        await wire.settle()
        assert statuses(wire.transport.written) == [200]
        for _ in range(29):
            wire.send(b"x")
            await wire.later(1.0)
        assert statuses(wire.transport.written) == [200]
        for _ in range(7):
            await wire.later(1.0)
        assert statuses(wire.transport.written) == [200, 408]
        assert wire.transport.ended
        wire.send(b"x" * 1000)
        for _ in range(40):
            await wire.later(1.0)
        assert wire.transport.is_closing(), "a client that does not close is not waited for"

    on_wire(echo, scenario)


def test_a_body_that_never_comes_is_not_waited_for_once_it_is_answered() -> None:
    async def scenario(wire: Wire) -> None:
        wire.send(post("/early", LARGE)[:-1])
        await wire.settle()
        assert statuses(wire.transport.written) == [413]
        assert wire.transport.reading
        for _ in range(40):
            await wire.later(1.0)
        assert wire.transport.is_closing()

    on_wire(echo, scenario)


def test_a_body_is_not_read_faster_than_the_application_takes_it() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await go.wait()
        await respond(send, b"%d" % len(await body_of(receive)))

    async def scenario(wire: Wire) -> None:
        request = post("/", LARGE)
        at = 0
        for at in range(0, 100_000, 10_000):
            if not wire.transport.reading:
                break
            wire.send(request[at : at + 10_000])
        assert at < 90_000, "it never stopped to read"
        go.set()
        while at < len(request):
            await wire.settle()
            assert wire.transport.reading
            wire.send(request[at : at + 10_000])
            at += 10_000
        await wire.settle()
        assert wire.transport.written.endswith(b"\r\n\r\n300000")

    go = asyncio.Event()
    on_wire(app, scenario)


def test_requests_that_wait_are_not_piled_up() -> None:
    async def scenario(wire: Wire) -> None:
        wire.send(get("/") * 50)
        for _ in range(49):
            assert not wire.transport.reading
            await wire.answered(wire.state.total_requests + 1)
        await wire.settle()
        assert wire.transport.reading
        assert statuses(wire.transport.written) == [200] * 50

    on_wire(echo, scenario)


def test_a_client_that_does_not_read_is_not_answered_without_end() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for _ in range(100):
            await send({"type": "http.response.body", "body": b"x" * 1000, "more_body": True})
        await send({"type": "http.response.body"})

    async def scenario(wire: Wire) -> None:
        wire.connection.pause_writing()
        wire.send(get() * 10)
        await wire.settle()
        assert len(wire.transport.written) < 5000
        assert not wire.transport.reading, "it may not ask for more, either"
        for _ in range(5):
            wire.connection.resume_writing()
            wire.connection.pause_writing()
            await wire.settle()
        assert len(wire.transport.written) < 5000
        wire.connection.resume_writing()
        for _ in range(50):
            await wire.settle()
        assert len(statuses(wire.transport.written)) == 10
        assert wire.transport.reading

    on_wire(app, scenario)


def test_a_client_that_leaves_is_noticed() -> None:
    async def scenario(wire: Wire) -> None:
        wire.send(get("/a") + get("/b"))
        await wire.settle()
        wire.connection.connection_lost(None)
        await wire.settle()
        assert app.started == app.left == ["/a"]
        assert not wire.state.tasks
        assert wire.transport.written == b""

    app = Held()
    on_wire(app, scenario)


@pytest.mark.parametrize("nonsense", [b"NONSENSE\r\n\r\n", post("nowhere:1", b"body"), b"\0"])
def test_nonsense_is_answered_behind_what_is_being_answered(nonsense: bytes) -> None:
    async def scenario(wire: Wire) -> None:
        wire.send(post("/a", b"12") + post("/b", b"345") + nonsense)
        wire.send(b"GET /c HTTP/1.1\r\n\r\n")
        await wire.settle()
        assert wire.transport.written == b""
        app.go.set()
        await wire.settle()
        assert statuses(wire.transport.written) == [200, 200, 400]
        assert b"/a 2HTTP" in wire.transport.written
        assert b"/b 3HTTP" in wire.transport.written
        assert app.started == ["/a", "/b"]

    app = Held()
    on_wire(app, scenario)


def test_a_broken_body_is_answered_in_its_turn() -> None:
    broken = chunked("/b", b"12")[:-5] + b"wrong\r\n"

    async def scenario(wire: Wire) -> None:
        wire.send(post("/a", b"") + broken)
        await wire.settle()
        assert wire.transport.written == b""
        app.go.set()
        await wire.settle()
        assert statuses(wire.transport.written) == [200, 400]
        assert app.started == ["/a"]

    async def alone(wire: Wire) -> None:
        wire.send(broken[:-7])
        await wire.settle()
        assert app.started == ["/b"]
        wire.send(broken[-7:])
        await wire.settle()
        assert statuses(wire.transport.written) == [400]
        assert app.left == ["/b"], "the application is told"

    app = Held()
    on_wire(app, scenario)
    app = Held()
    on_wire(app, alone)


def shed_all(path: str, headers: Any, load: Any) -> bytes | None:
    return None if path == "/free" else b"content-length: 4\r\n\r\nbusy"


def test_refusals_keep_their_places_however_many_there_are() -> None:
    async def scenario(wire: Wire) -> None:
        wire.send(
            get("/free") + post("/a", b"body") * 3000 + get("/free") + get("/", method="HEAD")
        )
        await wire.answered(3003)
        assert statuses(wire.transport.written) == [200, *[429] * 3000, 200, 429]
        assert wire.transport.written.endswith(b"content-length: 4\r\n\r\n"), "HEAD has no body"
        assert not wire.transport.is_closing()

    on_wire(echo, scenario, shed_all)


@pytest.mark.parametrize(
    "request_",
    [
        get("/", "Connection: close"),
        get("/", version="1.0"),
        post("/", b"x", "Expect: 100-continue"),
    ],
)
def test_a_refusal_says_that_it_closes(request_: bytes) -> None:
    async def scenario(wire: Wire) -> None:
        wire.send(request_)
        await wire.settle()
        assert b"connection: close\r\n" in wire.transport.written
        assert wire.transport.is_closing()

    on_wire(echo, scenario, shed_all)


def test_what_is_being_answered_is_finished_when_the_server_stops() -> None:
    async def scenario(wire: Wire) -> None:
        wire.send(get("/a") + get("/b"))
        await wire.settle()
        wire.connection.shutdown()
        assert not wire.transport.is_closing()
        app.go.set()
        await wire.settle()
        assert statuses(wire.transport.written) == [200]
        assert b"connection: close\r\n" in wire.transport.written
        assert wire.transport.is_closing()
        assert app.started == ["/a"]

    async def quiet(wire: Wire) -> None:
        wire.send(b"GET")
        wire.connection.shutdown()
        assert wire.transport.is_closing()

    app = Held()
    on_wire(app, scenario)
    on_wire(app, quiet)


def test_an_upgrade_is_ignored_however_often_it_is_asked_for() -> None:
    request = get("/x", "Connection: upgrade", "Upgrade: websocket")

    async def scenario(wire: Wire) -> None:
        wire.send(request * 3000)
        await wire.answered(3000)
        assert set(statuses(wire.transport.written)) == {200}

    on_wire(echo, scenario)


@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_a_stream_ends_without_an_error(version: str) -> None:
    ends: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await echo(scope, receive, send)
        ends.append("well")

    async def scenario(wire: Wire) -> None:
        wire.send(get("/stream", "Connection: close", version=version))
        await wire.settle()
        assert wire.transport.is_closing()

    on_wire(app, scenario)
    assert ends == ["well"]


def test_a_server_that_stops_answers_what_it_reads() -> None:
    entered, go = threading.Event(), threading.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        entered.set()
        await asyncio.to_thread(go.wait, 10)
        await echo(scope, receive, send)

    with serving(app) as (port, server), connect(port) as connection, connect(port) as idle:
        connection.sendall(get("/a"))
        assert entered.wait(10)
        server.should_exit = True
        idle.settimeout(10)
        assert idle.recv(1) == b""
        go.set()
        [(status, headers, _)] = answers(connection, 1)
        assert (status, headers["connection"]) == (200, "close")
        assert connection.recv(1) == b""


def test_clients_that_leave_in_the_middle_harm_nobody() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["path"] == "/endless":
            running.add(receive)
            try:
                await send({"type": "http.response.start", "status": 200, "headers": []})
                while (await asyncio.wait_for(receive(), None))["type"] != "http.disconnect":
                    await send({"type": "http.response.body", "body": LARGE, "more_body": True})
            finally:
                running.discard(receive)
        else:
            await echo(scope, receive, send)

    running: set[Any] = set()
    with serving(app) as (port, _):
        for _ in range(10):
            with connect(port) as connection:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                connection.sendall(get("/endless"))
                assert connection.recv(10)
        until(lambda: not running)
        with connect(port) as connection:
            connection.sendall(get("/x"))
            assert answers(connection, 1)[0][0] == 200


def test_nothing_of_an_answered_request_is_left_to_the_collector() -> None:
    gc.collect()
    gc.disable()
    try:
        with serving(echo) as (port, _), connect(port) as connection:
            for path in ("/x", "/early", "/stream", "/empty"):
                for _ in range(10):
                    connection.sendall(post(path, b"body"))
                    while not connection.recv(65536).endswith(b"\r\n\r\n"):
                        if path in ("/x", "/early"):
                            break
            # by type, since isinstance asks each for its class: torch has one that warns at that
            left = [each for each in gc.get_objects() if type(each) is Exchange]
    finally:
        gc.enable()
    assert len(left) <= 3  # the connection's last one, and one that is just going
