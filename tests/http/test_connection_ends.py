"""What is broken, refused, crashed or left, and a server that stops: no answer out of its place."""

import asyncio
import gc
import socket
import threading
from typing import Any

import pytest

from app.http.exchange import Exchange
from tests.api.service import answers, until
from tests.http.serving import (
    Held,
    Wire,
    chunked,
    connect,
    echo,
    get,
    on_wire,
    post,
    serving,
    statuses,
)

LARGE = b"x" * 300_000


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


def test_a_client_that_is_refused_again_and_again_keeps_its_connection() -> None:
    """Of whole requests no exchange is made, but silence counts from the last refusal."""

    async def scenario(wire: Wire) -> None:
        for count in range(1, 11):
            wire.send(post("/a", b"body"))
            assert statuses(wire.transport.written) == [429] * count, "it is refused in the call"
            assert wire.state.total_requests == count
            await wire.later(4.0)
            assert not wire.transport.is_closing()
        wire.send(post("/free", b"body"))
        await wire.settle()
        assert statuses(wire.transport.written) == [*[429] * 10, 200]
        await wire.later(5.1)
        assert wire.transport.is_closing()

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
