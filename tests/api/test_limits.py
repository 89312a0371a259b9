"""Deadlines and body sizes, as headers and on the wire."""

import time

import pytest
from starlette.requests import Request

from app.api.limits import deadline_of
from app.errors import InvalidInput
from tests.api.service import Service


def request_with(value: str | None) -> Request:
    headers = [] if value is None else [(b"x-request-timeout-ms", value.encode("latin-1"))]
    return Request({"type": "http", "headers": headers})


@pytest.mark.parametrize(
    ("value", "deadline"), [(None, 130.0), ("1500", 101.5), ("1", 100.001), ("999999999", 130.0)]
)
def test_deadline(value: str | None, deadline: float) -> None:
    assert deadline_of(request_with(value), 100.0, 30.0) == pytest.approx(deadline)


@pytest.mark.parametrize("value", ["0", "-5", "1.5", "soon", "", "1e3", "\xb2", "9" * 5000])
def test_wrong_deadline(value: str) -> None:
    with pytest.raises(InvalidInput, match="milliseconds") as caught:
        deadline_of(request_with(value), 100.0, 30.0)
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
