"""What leaves a connection, byte by byte: one write or several, in order, whoever asks how."""

import gc
import re
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.http.exchange import Exchange
from tests.api.doubles import write_version
from tests.api.service import Service, answers, running, send_in_two

BODY = b'{"series": [1, 2, 3], "horizon": 1}'


@pytest.fixture(name="service", scope="module")
def running_service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    root: Path = tmp_path_factory.mktemp("models")
    write_version(root)
    with running(root) as one:
        yield one


def post(name: str, *headers: str, body: bytes = BODY, path: str = "/forecast") -> bytes:
    lines = [
        f"POST {path} HTTP/1.1",
        "Host: test",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        f"X-Request-ID: {name}",
        *headers,
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def read(connection: socket.socket, count: int) -> list[tuple[int, str, bytes]]:
    """(status, request id, body) of so many answers."""
    found = answers(connection, count)
    return [(status, headers["x-request-id"], body) for status, headers, body in found]


def test_pipelined_requests_are_answered_in_order(service: Service) -> None:
    names = [f"r{number}" for number in range(20)]
    with service.connection() as connection:
        connection.sendall(b"".join(map(post, names)))
        found = read(connection, len(names))
    assert [name for _, name, _ in found] == names
    assert {status for status, _, _ in found} == {200}


def test_short_and_long_ways_mix(service: Service) -> None:
    get = b"GET /health/live HTTP/1.1\r\nHost: test\r\nX-Request-ID: b\r\n\r\n"
    wrong = post("c", body=b"{")
    with service.connection() as connection:
        connection.sendall(post("a") + get + wrong + post("d", path="/nothing") + post("e"))
        found = read(connection, 5)
    assert [name for _, name, _ in found] == ["a", "b", "c", "d", "e"]
    assert [status for status, _, _ in found] == [200, 200, 400, 404, 200]


@pytest.mark.parametrize("cut", [1, 40, 130, -1])
def test_a_request_in_two_parts(service: Service, cut: int) -> None:
    with service.connection() as connection:
        for _ in range(2):
            send_in_two(connection, post("parts"), cut)
            assert [status for status, _, _ in read(connection, 1)] == [200]


def test_a_chunked_body(service: Service) -> None:
    head = post("chunked").partition(b"\r\n\r\n")[0]
    head = re.sub(rb"Content-Length: \d+", b"Transfer-Encoding: chunked", head)
    with service.connection() as connection:
        connection.sendall(head + b"\r\n\r\n%x\r\n%s\r\n0\r\n\r\n" % (len(BODY), BODY))
        assert [status for status, _, _ in read(connection, 1)] == [200]


def test_who_asks_whether_to_go_on_is_told(service: Service) -> None:
    head, _, body = post("go", "Expect: 100-continue").partition(b"\r\n\r\n")
    with service.connection() as connection:
        connection.sendall(head + b"\r\n\r\n")
        assert connection.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(body)
        assert [status for status, _, _ in read(connection, 1)] == [200]


def test_a_connection_is_closed_when_asked(service: Service) -> None:
    with service.connection() as connection:
        connection.sendall(post("last", "Connection: close"))
        content = b""
        while part := connection.recv(65536):
            content += part
    assert content.startswith(b"HTTP/1.1 200 ")
    assert content.count(b"connection: close") == 1


def test_a_head_has_no_body(service: Service) -> None:
    with service.connection() as connection:
        connection.sendall(b"HEAD /health/live HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n")
        content = b""
        while part := connection.recv(65536):
            content += part
    head, _, body = content.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 ")
    assert body == b""


def test_a_target_is_read_as_it_was_meant(service: Service) -> None:
    for target, status in (("/forecast?x=1", 200), ("/%66orecast", 200), ("//forecast", 404)):
        with service.connection() as connection:
            connection.sendall(post("target", path=target))
            assert [found for found, _, _ in read(connection, 1)] == [status], target


def test_nonsense_is_refused(service: Service) -> None:
    with service.connection() as connection:
        connection.sendall(b"NONSENSE\r\n\r\n")
        assert connection.recv(1000).startswith(b"HTTP/1.1 400 ")
    assert service.forecast().status_code == 200


def test_nothing_of_an_answered_request_is_left_to_the_collector(service: Service) -> None:
    gc.collect()
    gc.disable()
    try:
        with service.connection() as connection:
            for number in range(20):
                connection.sendall(post(f"r{number}"))
                read(connection, 1)
            # by type, since isinstance asks each for its class: torch has one that warns at that
            left = [each for each in gc.get_objects() if type(each) is Exchange]
    finally:
        gc.enable()
    assert len(left) <= 3  # the connection's last one, and one that is just going
