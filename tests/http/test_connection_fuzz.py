"""Random pipelines, cuts and bytes: never a hang, never a swapped answer; answers are uvicorn's.

What is well-formed is answered as by uvicorn's own httptools connection. Of what is not, all
requests before it are answered in their order, then comes at most one refusal.
"""

import random
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.http.serving import chunked, connect, echo, get, post, serving, until_closed

SEEDS = 300
HEADERS = (
    *("Expect: 100-continue", "X-Long: " + "x" * 5000, "Accept: */*", "Cookie: a=b", "X-Empty:"),
    *("Connection: keep-alive", "TE: trailers", "X-Tab: a\tb", "content-type: text/plain"),
)
PATHS = ("/", "/a", "/a%20b", "/a?b=c", "/early", "/empty", "/stream", "//a", "/a/../b")


@pytest.fixture(name="ports", scope="module")
def both() -> Iterator[tuple[int, int]]:
    """Ours, and uvicorn's own."""
    with serving(echo) as (ours, _), serving(echo, http="httptools") as (stock, _):
        yield ours, stock


def request(chance: random.Random, path: str) -> bytes:
    headers = chance.sample(HEADERS[1:], chance.randrange(3))
    kind = chance.randrange(4)
    if kind == 0:
        return get(path, *headers, method=chance.choice(("GET", "HEAD", "DELETE", "OPTIONS")))
    if kind == 1:
        pieces = [b"y" * chance.choice((1, 7, 3000)) for _ in range(chance.randrange(4))]
        return chunked(path, *pieces, headers=tuple(headers))
    body = bytes(chance.randrange(256) for _ in range(chance.choice((0, 1, 50))))
    return post(path, body * chance.choice((1, 1, 1, 2000)), *headers)


def pipeline(chance: random.Random) -> bytes:
    requests = [request(chance, chance.choice(PATHS)) for _ in range(chance.randrange(1, 8))]
    last = get("/last", "Connection: close")
    return b"".join([*requests, last])


def exchanged(port: int, content: bytes, seed: int) -> bytes:
    """What comes back for `content`, sent in random parts."""
    chance = random.Random(seed)
    cuts = sorted(chance.randrange(len(content)) for _ in range(chance.randrange(6)))
    with connect(port) as connection:
        for start, end in zip([0, *cuts], [*cuts, len(content)], strict=True):
            connection.sendall(content[start:end])
        return until_closed(connection)


def parsed(content: bytes, methods: list[str]) -> list[tuple[int, bytes]]:
    """Status and body of each answer; `methods` tells which have no body."""
    found: list[tuple[int, bytes]] = []
    while content:
        head, _, content = content.partition(b"\r\n\r\n")
        status = int(head[9:12])
        length = re.search(rb"content-length: (\d+)", head)
        method = methods[len(found)] if len(found) < len(methods) else "GET"
        if method == "HEAD" or status == 204:
            found.append((status, b""))
        elif length:
            found.append((status, content[: int(length[1])]))
            content = content[int(length[1]) :]
        else:
            assert b"transfer-encoding: chunked" in head
            body = b""
            while True:
                size, _, content = content.partition(b"\r\n")
                body += content[: int(size, 16)]
                content = content[int(size, 16) + 2 :]
                if size == b"0":
                    break
            found.append((status, body))
    return found


def test_what_is_well_formed_is_answered_as_by_uvicorn(ports: tuple[int, int]) -> None:
    def check(seed: int) -> None:
        content = pipeline(random.Random(seed))
        methods = re.findall(r"(GET|HEAD|DELETE|OPTIONS|POST) /\S* HTTP", content.decode("latin-1"))
        ours, stock = (parsed(exchanged(port, content, seed), methods) for port in ports)
        assert ours == stock, f"seed {seed}"
        assert len(ours) == len(methods), f"seed {seed}"
        assert ours[-1] == (200, b"GET /last? "), f"seed {seed}"

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(check, range(SEEDS)))


def damaged(content: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(len(content))
    junk = bytes(chance.randrange(256) for _ in range(chance.randrange(1, 5)))
    kind = chance.randrange(4)
    if kind == 0:
        return content[:at] + junk + content[at:]
    if kind == 1:
        return content[:at] + junk + content[at + len(junk) :]
    if kind == 2:
        return content[:at] + content[at + chance.randrange(1, 20) :]
    return junk * chance.randrange(1, 100)


def test_damage_harms_nothing_before_it_and_never_hangs(ports: tuple[int, int]) -> None:
    def check(seed: int) -> None:
        chance = random.Random(seed)
        count = chance.randrange(1, 6)
        good = b"".join(post(f"/{number}", b"x" * number) for number in range(count))
        bad = damaged(request(chance, "/damaged") + get("/last", "Connection: close"), chance)
        with connect(ports[0]) as connection:
            connection.sendall(good + bad)
            content = b""
            try:
                while part := connection.recv(65536):
                    content += part
                    if content.count(b"HTTP/1.1 200 OK") >= count:
                        connection.settimeout(0.2)
            except TimeoutError:  # it waits for the rest
                pass
        first = b"".join([b"POST /%d? %b" % (each, b"x" * each) for each in range(count)])
        said = re.sub(rb"HTTP/1\.1 200 OK\r\n(?:[^\r\n]+\r\n)*\r\n", b"", content)
        assert said.startswith(first), f"seed {seed}"
        statuses = re.findall(rb"HTTP/1\.1 (\d{3}) [A-Z]", content)
        assert statuses[:count] == [b"200"] * count, f"seed {seed}"
        assert sum(status[:1] != b"2" for status in statuses) <= 1, f"seed {seed}"

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(check, range(SEEDS)))
    assert exchanged(ports[0], get("/x", "Connection: close"), 0).endswith(b"GET /x? ")
