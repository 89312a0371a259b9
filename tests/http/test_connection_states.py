"""Time and flow control: a connection whose transport and clock are the test's."""

import asyncio
from typing import Any

from tests.http.serving import Held, Wire, body_of, echo, get, on_wire, post, respond, statuses

LARGE = b"x" * 300_000


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
        while wire.is_reading() and at < 100_000:
            wire.send(request[at : at + 10_000])
            at += 10_000
        assert at < 100_000
        go.set()
        while at < len(request):
            await wire.settle()
            assert wire.is_reading()
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
