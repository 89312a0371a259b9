"""Deadlines and body sizes, as headers and on the wire."""

import asyncio
import time
from typing import Any

import pytest
from starlette.requests import ClientDisconnect, Request
from starlette.types import Message

from app.api.bodies.buffered import Bodies
from app.api.context import RequestRecord
from app.api.errors import RequestRefused
from app.api.limits import deadline_of
from app.errors import DeadlineExceeded, InvalidInput, QueueFull
from tests.api.service import Service


def headers_with(value: str | None) -> dict[str, str]:
    return {} if value is None else {"x-request-timeout-ms": value}


@pytest.mark.parametrize(
    ("value", "deadline"), [(None, 130.0), ("1500", 101.5), ("1", 100.001), ("999999999", 130.0)]
)
def test_deadline(value: str | None, deadline: float) -> None:
    assert deadline_of(headers_with(value), 100.0, 30.0) == pytest.approx(deadline)


@pytest.mark.parametrize("value", ["0", "-5", "1.5", "soon", "", "1e3", "\xb2", "9" * 5000])
def test_wrong_deadline(value: str) -> None:
    with pytest.raises(InvalidInput, match="milliseconds") as caught:
        deadline_of(headers_with(value), 100.0, 30.0)
    assert caught.value.field == "X-Request-Timeout-Ms"


def test_a_body_that_trickles_in_is_given_up(service: Service) -> None:
    head = (
        b"POST /forecast HTTP/1.1\r\nHost: test\r\nContent-Type: application/json\r\n"
        b"Content-Length: 100\r\nX-Request-Timeout-Ms: 150\r\n\r\n"
    )
    with service.connection() as connection:
        start = time.monotonic()
        connection.sendall(head + b'{"series": [1')
        answer = connection.recv(65536)
        assert answer.startswith(b"HTTP/1.1 504")
        assert 0.1 < time.monotonic() - start < 2.0


def test_an_endless_body_is_not_read(narrow: Service) -> None:
    head = (
        b"POST /forecast HTTP/1.1\r\nHost: test\r\nContent-Type: application/json\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n"
    )
    with narrow.connection() as connection:
        connection.sendall(head + b"400\r\n" + b" " * 0x400 + b"\r\n")
        assert connection.recv(65536).startswith(b"HTTP/1.1 413")


def test_other_json_media_types(service: Service) -> None:
    body = b'{"series": [1], "horizon": 1}'
    for media_type in ("application/json; charset=utf-8", "Application/JSON", "application/x+json"):
        answer = service.http.post("/forecast", content=body, headers={"Content-Type": media_type})
        assert answer.status_code == 200


class Body:
    """A client's body, message by message; None is a moment's wait, and the end an endless one."""

    def __init__(self, *messages: dict[str, Any] | None) -> None:
        self._messages = list(messages)

    async def receive(self) -> Message:
        if not self._messages:
            await asyncio.Event().wait()
        message = self._messages.pop(0)
        if message is not None:
            return message
        await asyncio.sleep(0)
        return await self.receive()


def part(content: bytes, more: bool = False) -> dict[str, Any]:
    return {"type": "http.request", "body": content, "more_body": more}


GONE = {"type": "http.disconnect"}


def read(*messages: dict[str, Any] | None, seconds: float = 10.0) -> bytes:
    request = Request({"type": "http", "headers": []}, Body(*messages).receive)
    record = RequestRecord("id", "", deadline=time.monotonic() + seconds)
    return asyncio.run(Bodies(10, 100).read(request, record))


@pytest.mark.parametrize(
    "messages",
    [
        [part(b"0123456789")],
        [None, None, part(b"0123456789")],
        [part(b"01234", True), part(b"56789")],
        [None, part(b"0", True), None, part(b"", True), part(b"123456789")],
        [part(b"0123456789", True), {"type": "http.request"}],
    ],
)
def test_a_body_however_it_comes(messages: list[dict[str, Any] | None]) -> None:
    assert read(*messages) == b"0123456789"


@pytest.mark.parametrize(
    "messages", [[part(b"x" * 11)], [None, part(b"x" * 11)], [part(b"x" * 9, True), part(b"xx")]]
)
def test_a_body_that_is_too_large(messages: list[dict[str, Any] | None]) -> None:
    with pytest.raises(RequestRefused, match="larger than 10 bytes"):
        read(*messages)


@pytest.mark.parametrize("messages", [[GONE], [None, GONE], [part(b"x", True), GONE]])
def test_a_client_that_leaves(messages: list[dict[str, Any] | None]) -> None:
    with pytest.raises(ClientDisconnect):
        read(*messages)


def test_a_body_that_never_comes() -> None:
    for messages in ([], [None], [part(b"x", True)]):
        with pytest.raises(DeadlineExceeded):
            read(*messages, seconds=0.05)


def test_all_bodies_together_are_bounded() -> None:
    size = 100_000
    bodies = Bodies(size, 2 * size)
    records = [RequestRecord("id", "") for _ in range(3)]

    async def one(record: RequestRecord, content: bytes) -> bytes:
        halves = (part(content[: len(content) // 2], more=True), part(content[len(content) // 2 :]))
        return await bodies.read(Request({"type": "http"}, Body(*halves).receive), record)

    for record in records[:2]:
        assert len(asyncio.run(one(record, b"x" * size))) == size
    with pytest.raises(QueueFull, match="large bodies"):
        asyncio.run(one(records[2], b"x" * size))
    assert asyncio.run(one(RequestRecord("id", ""), b"x" * 60_000)) == b"x" * 60_000
    records[0].finish()
    records[2].finish()
    assert len(asyncio.run(one(records[2], b"x" * size))) == size
