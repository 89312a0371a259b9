"""Clients that do not read: what is kept for them, how long, and what they may ask meanwhile."""

import socket
import time
from typing import Any

import pytest

from app.http.unsent import Unsent
from tests.api.service import until
from tests.http.serving import (
    Transport,
    Wire,
    connect,
    get,
    on_wire,
    post,
    respond,
    serving,
    statuses,
    until_closed,
)

LARGE = b"x" * 20_000_000


class Counting:
    """Answers with much, and counts the requests that are not answered yet."""

    def __init__(self) -> None:
        self.in_flight = 0
        self.paths: list[str] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.in_flight += 1
        self.paths.append(scope["path"])
        try:
            await respond(send, LARGE)
        finally:
            self.in_flight -= 1


@pytest.mark.parametrize("header", ["Connection: close", "Connection: keep-alive"])
def test_an_answer_is_in_flight_until_it_is_read(header: str) -> None:
    app = Counting()
    with serving(app) as (port, _), connect(port) as connection:
        connection.sendall(get("/a", header) + get("/b", "Connection: close"))
        assert connection.recv(10) == b"HTTP/1.1 2"
        until(lambda: app.in_flight == 1)
        assert app.paths == ["/a"]
        content = until_closed(connection)
        until(lambda: app.in_flight == 0)
    count = 1 if "close" in header else 2
    assert app.paths == ["/a", "/b"][:count]
    assert len(content) > count * len(LARGE), "all of it comes to who reads"


def test_who_does_not_read_is_given_up() -> None:
    app = Counting()
    with serving(app, unsent=Unsent(10**9, 0.5)) as (port, server), connect(port) as connection:
        connection.sendall(get("/a"))
        until(lambda: app.in_flight == 1)
        until(lambda: app.in_flight == 0)
        assert not server.server_state.connections
        with pytest.raises(ConnectionError):
            until_closed(connection)


def test_whoever_reads_slowly_is_not_given_up() -> None:
    app = Counting()
    with serving(app, unsent=Unsent(10**9, 2.0)) as (port, _), connect(port) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)
        connection.sendall(get("/a", "Connection: close"))
        size = 0
        while part := connection.recv(1 << 20):
            size += len(part)
            time.sleep(0.01)
        assert size > len(LARGE)


def test_the_bytes_of_all_clients_are_bounded() -> None:
    """Who has read nothing for the longest time is given up first."""
    app = Counting()
    with serving(app, unsent=Unsent(2 * len(LARGE), 60)) as (port, server):
        connections = []
        for number in range(5):
            connections.append(connect(port))
            connections[-1].sendall(get(f"/{number}"))
            until(lambda number=number: len(app.paths) == number + 1)
        until(lambda: app.in_flight <= 2)
        assert len(server.server_state.connections) <= 2
        with connections[-1] as last:
            last.shutdown(socket.SHUT_WR)
            assert len(until_closed(last)) > len(LARGE)
        for connection in connections[:3]:
            with connection, pytest.raises(ConnectionError):
                until_closed(connection)
        connections[3].close()


def test_one_answer_may_be_larger_than_the_bound() -> None:
    with serving(Counting(), unsent=Unsent(1, 60)) as (port, _), connect(port) as connection:
        connection.sendall(get("/a", "Connection: close"))
        assert len(until_closed(connection)) > len(LARGE)


def test_requests_wait_while_their_client_does_not_read() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        started.append(scope["path"])
        await respond(send, b"x")

    async def scenario(wire: Wire) -> None:
        wire.send(get("/a") + post("/b", b"body") + get("/c"))
        wire.connection.pause_writing()
        await wire.settle()
        assert started == ["/a"]
        wire.connection.resume_writing()
        await wire.settle()
        assert started == ["/a", "/b", "/c"]
        assert statuses(wire.transport.written) == [200] * 3

    started: list[str] = []
    on_wire(app, scenario)


def test_progress_counts_from_the_last_byte() -> None:
    async def scenario(wire: Wire) -> None:
        unsent, slow, still = Unsent(100, 10), Transport(unsent=50), Transport(unsent=50)
        for transport in (slow, still):
            unsent.add(transport)  # type: ignore[arg-type]
        for _ in range(12):
            slow.unsent -= 1
            await wire.later(1.0)
        assert (slow.aborted, still.aborted) == (False, True)
        more = Transport(unsent=90)
        unsent.add(more)  # type: ignore[arg-type]
        assert (slow.aborted, more.aborted) == (True, False), "the newest one is kept"

    on_wire(None, scenario)
