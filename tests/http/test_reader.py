"""Requests are read alike, whether their heads were read before or not."""

from app.http.reader import Head, RequestReader


class Found:
    """Notes what a reader finds, bodies put together."""

    def __init__(self) -> None:
        self.requests: list[tuple[Head, bytes]] = []
        self.ended = 0
        self.refused: list[int] = []

    def begin_head(self) -> None:
        pass

    def receive_head(self, head: Head, body: bytes | None = None) -> None:
        self.requests.append((head, body or b""))
        self.ended += body is not None

    def receive_body(self, body: bytes) -> None:
        head, before = self.requests[-1]
        self.requests[-1] = head, before + bytes(body)

    def receive_end(self) -> None:
        self.ended += 1

    def refuse(self, status: int, why: str) -> None:
        self.refused.append(status)


def read(*parts: bytes) -> Found:
    found = Found()
    reader = RequestReader(found, 64 * 1024)
    for part in parts:
        reader.feed(part)
    return found


def post(body: bytes, *headers: str) -> bytes:
    lines = ["POST /a HTTP/1.1", "Host: x", *headers, f"Content-Length: {len(body)}"]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def test_a_head_that_was_read_before_means_the_same() -> None:
    request = post(b"one", "X-First: 1")
    found = read(*[request] * 3)
    assert found.requests == [found.requests[0]] * 3
    assert found.requests[0][1] == b"one"
    assert found.ended == 3
    assert read(request).requests == found.requests[:1], "on another connection, too"


def test_its_body_is_as_long_as_it_says() -> None:
    request = post(b"four", "X-Second: 1")
    read(request)
    for parts in ((request[:-2], request[-2:]), (request + request,), (request[:30], request[30:])):
        found = read(*parts)
        assert {body for _, body in found.requests} == {b"four"}
        assert found.ended == len(found.requests)


def test_a_known_head_inside_a_body_is_a_body() -> None:
    inner = post(b"x", "X-Third: 1")
    read(inner)
    outer = post(inner, "X-Fourth: 1")
    head, body = outer[: -len(inner)], outer[-len(inner) :]
    for _ in range(2):
        found = read(head, body)
        assert [body for _, body in found.requests] == [inner]
        assert found.ended == 1


def test_nothing_is_found_behind_what_was_refused() -> None:
    request = post(b"x", "X-Fifth: 1")
    read(request)
    found = read(b"NONSENSE\r\n\r\n", request)
    assert (found.requests, found.refused) == ([], [400])


def test_nothing_is_found_behind_a_last_request() -> None:
    request = post(b"x", "X-Sixth: 1")
    read(request)
    found = read(post(b"y", "Connection: close"), request)
    assert [body for _, body in found.requests[:1]] == [b"y"]
    assert not found.requests[0][0].keep_alive


def test_heads_of_another_kind_are_not_remembered() -> None:
    chunked = b"POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    upgrade = b"GET /a HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n"
    for _ in range(3):
        found = read(chunked + b"3\r\nabc\r\n0\r\n\r\n", upgrade, upgrade)
        assert [body for _, body in found.requests] == [b"abc", b"", b""]
        assert found.ended == 3


def test_every_request_has_headers_of_its_own() -> None:
    request = post(b"x", "X-Seventh: 1")
    first, second = (read(request).requests[0][0] for _ in range(2))
    assert (
        first.headers
        == second.headers
        == [
            (b"host", b"x"),
            (b"x-seventh", b"1"),
            (b"content-length", b"1"),
        ]
    )
