"""What leaves a connection for what comes in: over a real socket, under the real server."""

import socket
from collections.abc import Iterator

import pytest

from tests.api.service import answers
from tests.http.serving import (
    ask,
    chunked,
    connect,
    echo,
    get,
    post,
    serving,
    statuses,
    until_closed,
)

CLOSE = "Connection: close"
NONSENSE = b"NONSENSE\r\n\r\n"


@pytest.fixture(name="port", scope="module")
def served() -> Iterator[int]:
    with serving(echo) as (port, _):
        yield port


def bodies(connection: socket.socket, count: int) -> list[tuple[int, bytes]]:
    return [(status, body) for status, _, body in answers(connection, count)]


def test_pipelined_requests_are_answered_in_order(port: int) -> None:
    with connect(port) as connection:
        connection.sendall(b"".join([post(f"/{number}", b"x" * number) for number in range(200)]))
        expected = [(200, b"POST /%d? %b" % (number, b"x" * number)) for number in range(200)]
        assert bodies(connection, 200) == expected


def test_errors_among_pipelined_requests_keep_their_places(port: int) -> None:
    requests = [get("/a"), post("/early", b"x" * 100), chunked("/b", b"12", b"3"), get("/c")]
    with connect(port) as connection:
        connection.sendall(b"".join(requests))
        assert bodies(connection, 4) == [
            (200, b"GET /a? "),
            (413, b"too large"),
            (200, b"POST /b? 123"),
            (200, b"GET /c? "),
        ]


@pytest.mark.parametrize("request_", [post("/x", b"body"), chunked("/x", b"bo", b"dy")])
def test_a_request_may_be_cut_anywhere(port: int, request_: bytes) -> None:
    with connect(port) as connection:
        for cut in range(1, len(request_), 3):
            connection.sendall(request_[:cut])
            connection.sendall(request_[cut:])
            assert bodies(connection, 1) == [(200, b"POST /x? body")]
        for place in range(len(request_)):
            connection.sendall(request_[place : place + 1])
        assert bodies(connection, 1) == [(200, b"POST /x? body")]


def test_a_client_that_asks_whether_to_send_its_body_is_told(port: int) -> None:
    request = post("/x", b"body", "Expect: 100-Continue")
    with connect(port) as connection:
        connection.sendall(request[:-4])
        assert connection.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(request[-4:])
        assert bodies(connection, 1) == [(200, b"POST /x? body")]


def test_a_body_that_nobody_wants_is_refused_before_it_is_sent(port: int) -> None:
    content = ask(port, post("/early", b"body", "Expect: 100-continue")[:-4])
    assert statuses(content) == [413]
    assert b"connection: close\r\n" in content
    old = ask(port, get("/x", "Content-Length: 1", "Expect: 100-continue", version="1.0"), b"y")
    assert statuses(old) == [200], "HTTP/1.0 has no such thing"


@pytest.mark.parametrize("request_", [get("/x", CLOSE), get("/x", version="1.0")])
def test_a_connection_is_closed_when_asked(port: int, request_: bytes) -> None:
    content = ask(port, request_)
    assert content.endswith(b"\r\n\r\nGET /x? ")
    assert content.count(b"connection: close\r\n") == 1


def test_answers_without_a_body(port: int) -> None:
    with connect(port) as connection:
        connection.sendall(get("/x", method="HEAD") + get("/empty") + get("/stream", method="HEAD"))
        connection.sendall(get("/y", CLOSE))
        content = until_closed(connection)
    assert statuses(content) == [200, 204, 200, 200]
    heads = [head for head in content.split(b"\r\n\r\n") if head]
    assert len(heads) == 5
    assert b"content-length: 9" in heads[0]
    assert b"content-length" not in heads[1]
    assert heads[4] == b"GET /y? "


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("/a%20b%2Fc", b"GET /a b/c? "),
        ("/a?b=c%20&d", b"GET /a?b=c%20&d "),
        ("//a", b"GET //a? "),
        ("http://other:80/a?b", b"GET /a?b "),
        ("/caf%C3%A9", "GET /caf\u00e9? ".encode()),
    ],
)
def test_a_target_is_read_as_it_was_meant(port: int, target: str, said: bytes) -> None:
    assert ask(port, get(target, CLOSE)).endswith(b"\r\n\r\n" + said)


@pytest.mark.parametrize(
    ("nonsense", "status"),
    [
        (NONSENSE, 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
        (get("/x", "No colon"), 400),
        (get("/x", "Content-Length: 1", "Transfer-Encoding: chunked"), 400),
        (get("/x", "Content-Length: 1", "Content-Length: 2"), 400),
        (get("/x", version="0.9"), 505),
        (get("/x", version="2.0"), 505),
        (get("nowhere:80", method="CONNECT"), 501),
        (b"POST /x HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nwrong\r\n", 400),
    ],
)
def test_nonsense_is_refused(port: int, nonsense: bytes, status: int) -> None:
    found = statuses(ask(port, nonsense))
    assert len(found) == 1
    assert found[0] in (status, 400)
    behind = ask(port, get("/a") + post("/b", b"body") + nonsense)
    assert statuses(behind) == [200, 200, found[0]]
    assert b"GET /a? " in behind
    assert b"POST /b? body" in behind


@pytest.mark.parametrize(
    "head",
    [
        get("/x", "X-Huge: " + "x" * 2_000_000),
        get("/x", *[f"X-{number}: {'x' * 100}" for number in range(10_000)]),
        get("/" + "x" * 2_000_000),
        get("/x", "X-Large: " + "x" * 66_000),
    ],
)
def test_a_head_that_is_too_large_is_refused(port: int, head: bytes) -> None:
    content = ask(port, head)
    assert statuses(content) == [431]
    assert b"connection: close\r\n" in content


def test_what_comes_behind_large_bodies_is_no_large_head(port: int) -> None:
    body = b"x" * 200_000
    with connect(port) as connection:
        connection.sendall(post("/a", body) + get("/b")[:-1])
        [(status, found)] = bodies(connection, 1)
        assert (status, found) == (200, b"POST /a? " + body)
        connection.sendall(b"\n")
        assert bodies(connection, 1) == [(200, b"GET /b? ")]


@pytest.mark.parametrize("path", ["/early", "/crash"])
def test_an_answer_before_a_large_body_has_come_reaches_a_client_that_only_sends(
    port: int, path: str
) -> None:
    request = post(path, b"x" * 20_000_000)
    with connect(port) as connection:
        connection.sendall(request)
        assert bodies(connection, 1)[0][0] == {"/early": 413, "/crash": 500}[path]
        if path == "/early":
            connection.sendall(get("/next"))
            assert bodies(connection, 1) == [(200, b"GET /next? ")]
    with connect(port) as connection:
        connection.sendall(post(path, b"x" * 20_000_000, CLOSE))
        assert len(statuses(until_closed(connection))) == 1


def upgrading(request: bytes) -> bytes:
    """The request as Java's HttpClient sends it first: it would rather speak HTTP/2."""
    first, rest = request.split(b"\r\n", 1)
    lines = b"Connection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAEAAEAAAAIAAAAB\r\n"
    return first + b"\r\n" + lines + b"Upgrade: h2c\r\n" + rest


@pytest.mark.parametrize("request_", [post("/x", b"body"), chunked("/x", b"bo", b"dy")])
def test_a_wish_for_another_protocol_is_ignored(port: int, request_: bytes) -> None:
    whole = upgrading(request_) + get("/next") + upgrading(get("/last"))
    expected = [(200, b"POST /x? body"), (200, b"GET /next? "), (200, b"GET /last? ")]
    with connect(port) as connection:
        for cut in range(1, len(whole), 5):
            connection.sendall(whole[:cut])
            connection.sendall(whole[cut:])
            assert bodies(connection, 3) == expected
        connection.sendall(whole * 100)
        assert bodies(connection, 300) == expected * 100


def test_a_crash_closes_the_connection(port: int) -> None:
    assert statuses(ask(port, get("/crash") + get("/x"))) == [500]
    half = ask(port, get("/crash-late") + get("/x"))
    assert half.endswith(b"4\r\none \r\n"), "it was not marked as complete"


def test_an_answer_in_parts(port: int) -> None:
    content = ask(port, post("/stream", b"three") + get("/x", CLOSE))
    head, _, rest = content.partition(b"\r\n\r\n")
    assert b"transfer-encoding: chunked" in head
    assert rest.startswith(b"4\r\none \r\n4\r\ntwo \r\n5\r\nthree\r\n0\r\n\r\nHTTP/1.1 200 ")
    old = ask(port, get("/stream", version="1.0"))
    assert old.endswith(b"\r\n\r\none two ")
    assert b"chunked" not in old
