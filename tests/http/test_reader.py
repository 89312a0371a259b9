"""Requests are read alike, whether their heads were read before or not."""

from app.http.reader import Head, RequestReader


class Found:
    """Notes what a reader finds, bodies put together."""

    reading = True

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


def test_a_refused_head_is_not_taken_for_the_one_before_it() -> None:
    good = b"GET /a HTTP/1.1\r\nHost: x\r\nX-Eighth: 1\r\n\r\n"
    bad = b"GET /b HTTP/1.1\r\nHost: x\r\nHost: y\r\nX-Eighth: 1\r\n\r\n"
    for _ in range(3):
        found = read(good, bad)
        assert [head.target[0] for head, _ in found.requests] == ["/a"]
        assert found.refused == [400]
        assert read(bad).refused == [400]


def test_what_stands_around_chunks_is_bounded_by_what_stands_in_them() -> None:
    head = b"POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    small, large = b"1\r\nx\r\n", b"8000\r\n" + b"x" * 0x8000 + b"\r\n"
    extended, trailer = b"1;a=" + b"b" * 995 + b"\r\nx\r\n", b"X-Trailer: " + b"x" * 487 + b"\r\n"
    end = b"0\r\n\r\n"
    for good in (small * 10_000, large * 100, extended * 60, large * 4 + small * 50_000):
        found = read(head, good, end)
        assert (found.refused, found.ended) == ([], 1), len(good)
    assert read(head, small, end[:-2], trailer * 120, b"\r\n").ended == 1
    for bad in (small * 50_000, extended * 70, end[:-2] + trailer * 150, b"1;" + b"x" * 70_000):
        found = read(head, *[bad[at : at + 1000] for at in range(0, len(bad), 1000)])
        assert (found.refused, found.ended) == ([431], 0)
        assert found.requests[0][0].headers[-1] == (b"transfer-encoding", b"chunked")


def test_no_more_is_read_than_the_receiver_wants() -> None:
    request = b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n"
    found = Found()
    reader = RequestReader(found, 64 * 1024)
    found.reading = False
    reader.feed(request * 5000)
    assert (found.ended, reader.has_rest) == (0, True)
    found.reading = True
    reader.feed(request)
    assert (found.ended, reader.has_rest) == (5001, False)


def test_a_request_for_which_there_is_no_memory_is_refused_as_such() -> None:
    class Full(Found):
        def receive_head(self, head: Head, body: bytes | None = None) -> None:
            raise MemoryError

    found = Full()
    RequestReader(found, 64 * 1024).feed(b"GET /a HTTP/1.1\r\nHost: x\r\nX-Ninth: 1\r\n\r\n")
    assert found.refused == [503]
