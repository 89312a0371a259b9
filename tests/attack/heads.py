"""Attacks by what stands around bodies: lines, headers, chunks, and how many of them."""

import itertools
from collections.abc import Callable, Iterable
from functools import partial

from tests.attack.attack import JSON, Attack, Target, head, post

_MEGABYTE = 1024 * 1024
_FIRST = b"POST /forecast HTTP/1.1\r\nHost: attacked\r\nContent-Type: application/json\r\n"
_CHUNKED = head("POST", "/forecast", JSON, "Transfer-Encoding: chunked")
_H2C = ("Connection: Upgrade, HTTP2-Settings", "HTTP2-Settings: AAMAAABk", "Upgrade: h2c")
Run = Callable[[Target], Iterable[int]]


def _endless(first: bytes, again: bytes, megabytes: int = 200) -> Run:
    """Sends `first`, then `again` until so much is sent."""
    block = again * max(1, _MEGABYTE // len(again))

    def run(target: Target) -> list[int]:
        return target.send_all(itertools.chain((first,), itertools.repeat(block, megabytes)))

    return run


def _many_names(count: int, target: Target) -> list[int]:
    """So many names of headers, the first one twice: the values of one name are joined."""
    names = [f"a{number:x}" for number in range(count - 1)]
    return target.send(
        head("GET", "/models", "Connection: close", *(f"{n}:" for n in names), "a0:")
    )


def _drip(content: bytes, count: int, target: Target) -> list[int]:
    """The content, a byte at a time, on so many connections side by side."""
    connections = [target.connect() for _ in range(count)]
    for at in range(len(content)):
        for connection in connections:
            connection.sendall(content[at : at + 1])
    return target.ends(connections)


def _hidden(target: Target) -> list[int]:
    """A request inside the body of one that asks for another protocol: one answer, not two."""
    inner = head("GET", "/models", "Connection: close")
    found = []
    for cut in (0, 1, 10, len(inner)):
        outer = post("/forecast", b" " * 10 + inner, *_H2C)
        sizes = b"%x\r\n" % len(inner)
        chunked = head("POST", "/forecast", JSON, "Transfer-Encoding: chunked", *_H2C) + sizes
        last = head("GET", "/health/live", "Connection: close")
        for request in (outer, chunked + inner + b"\r\n0\r\n\r\n"):
            at = len(request) - cut
            answers = target.send(request[:at], request[at:] + last)
            assert answers[-1:] == [200]
            assert len(answers) == 2, "what stands in a body is no request"
            found += answers[:-1]
    return found


def _nonsense(target: Target) -> list[int]:
    found = []
    for lines in _NONSENSE:
        request = b"\r\n".join((*lines, b"Connection: close", b"", b""))
        answers = target.send(request + b"5\r\nhello\r\n0\r\n\r\n")
        assert len(answers) == 1, lines
        found += answers
    return found


_POST = b"POST /forecast HTTP/1.1"
_GET = b"GET /health/live HTTP/1.1"
_HOST = b"Host: a"
_NONSENSE: list[tuple[bytes, ...]] = [
    (_GET,),
    (_GET, _HOST, _HOST),
    (_GET, _HOST, b"Host: b"),
    (_GET, b"Host: a, b"),
    (_GET, b"Host: a b"),
    (_GET, b"Host: a@b/c"),
    (b"GET /health/live",),
    (b"GET /health/live HTTP/0.9", _HOST),
    (b"GET /health/live HTTP/2.0", _HOST),
    (b"GET /health/live HTTP/1.10", _HOST),
    (b"GET /health/live\tHTTP/1.1", _HOST),
    (b"GET /health/\x01live HTTP/1.1", _HOST),
    (b"GET /health/\x1b[31mlive HTTP/1.1", _HOST),
    (_GET, _HOST, b"X-A: a\x00b"),
    (_GET, _HOST, b"X-A: a\x1b[31mb"),
    (_GET, _HOST, b"X-A: a\x7fb"),
    (_GET, _HOST, b"X-A: a\rb"),
    (_GET, _HOST, b"X-A: a\nX-B: b"),
    (_GET, _HOST, b"X\x01A: a"),
    (_GET, _HOST, b"X A: a"),
    (_GET, _HOST, b": a"),
    (_GET, _HOST, b"X-A: a", b" b"),
    (_GET, _HOST, b"X-A: a", b"\tb"),
    (_POST, _HOST, b"Transfer-Encoding: gzip, chunked"),
    (_POST, _HOST, b"Transfer-Encoding: chunked, gzip"),
    (_POST, _HOST, b"Transfer-Encoding: gzip", b"Transfer-Encoding: chunked"),
    (_POST, _HOST, b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked"),
    (_POST, _HOST, b"Transfer-Encoding: xchunked"),
    (_POST, _HOST, b"Transfer-Encoding: identity"),
    (_POST, _HOST, b"Transfer-Encoding:", b" chunked"),
    (_POST, _HOST, b"Transfer-Encoding : chunked"),
    (b"POST /forecast HTTP/1.0", _HOST, b"Transfer-Encoding: chunked"),
    (_POST, _HOST, b"Content-Length : 6"),
    (_POST, _HOST, b"Content-Length: 6", b"Transfer-Encoding: chunked"),
    (_POST, _HOST, b"Transfer-Encoding: chunked", b"Content-Length: 6"),
    (_POST, _HOST, b"Content-Length: 6", b"Content-Length: 7"),
    (_POST, _HOST, b"Content-Length: 6, 6"),
    (_POST, _HOST, b"Content-Length: +6"),
    (_POST, _HOST, b"Content-Length: 0x6"),
    (_POST, _HOST, b"Content-Length: -6"),
    (_POST, _HOST, b"Content-Length:"),
    (_POST, _HOST, b"Content-Length: 99999999999999999999"),
]

_KEYED = {"UNROLL_API_KEYS": "a-key-that-nobody-guesses"}


def _without_a_key(target: Target) -> list[int]:
    """A large body of unknown fields: it is not looked at."""
    body = b"{" + b",".join([b'"%d":0' % number for number in range(2_000_000)]) + b"}"
    return target.send(post("/forecast", body, "Connection: close"))


_DRIPPED = post("/forecast", b'{"series": [1, 2], "horizon": 1}', "Connection: close")
_UPGRADES = head("GET", "/health/live", *_H2C) * 1000 + head("GET", "/", "Connection: close")

ATTACKS = [
    Attack("a header of 200 MiB", _endless(_FIRST + b"X-Long: ", b"x"), [431]),
    Attack("the name of a header of 200 MiB", _endless(_FIRST, b"x"), [431]),
    Attack("200 MiB of short headers", _endless(_FIRST, b"a:b\r\n"), [431]),
    Attack("200 MiB of one header", _endless(_FIRST, b"Cookie: a\r\n"), [431]),
    Attack("a URL of 100 MiB", _endless(b"GET /", b"x", 100), [431]),
    Attack("a query of 100 MiB", _endless(b"GET /?", b"%20", 100), [431]),
    Attack("a method of 100 MiB", _endless(b"G", b"x", 100), [400]),
    Attack("200 MiB of lines before a request", _endless(b"", b"\r\n"), [], long=True),
    Attack("a chunk with an extension of 200 MiB", _endless(_CHUNKED + b"1;", b"x"), [431]),
    Attack("chunks with long extensions", _endless(_CHUNKED, b"1;a=bcdefgh\r\n \r\n"), [431]),
    Attack("chunks of one byte", _endless(_CHUNKED, b"1\r\n \r\n"), [431]),
    Attack("trailers of 200 MiB", _endless(_CHUNKED + b"0\r\n", b"a:b\r\n"), [431]),
    Attack("a trailer of 200 MiB", _endless(_CHUNKED + b"0\r\na:", b"b"), [431]),
    Attack(
        "a chunk without an end",
        _endless(_CHUNKED + b"fffffffffffffff\r\n", b" "),
        [413],
        long=True,
    ),
    Attack(
        "200 MiB of short headers without a key",
        _endless(_FIRST, b"a:b\r\n"),
        [431],
        settings=_KEYED,
    ),
    Attack("a large body without a key", _without_a_key, [401], settings=_KEYED),
    Attack("10,000 headers", partial(_many_names, 10_000), [431]),
    Attack("250 headers, one of them twice", partial(_many_names, 250), [200]),
    Attack("requests byte by byte", partial(_drip, _DRIPPED, 16), [200]),
    Attack("requests hidden behind Upgrade", _hidden, [400, 422]),
    Attack("heads that others may read otherwise", _nonsense, [400, 501, 505]),
    Attack("an upgrade again and again", lambda target: target.send(_UPGRADES), [200, 404]),
]
