"""Reads HTTP/1.1 requests from bytes, with httptools. Knows no socket, no answer and no route.

Clients send the same heads again and again. What httptools found in a head is remembered by the
bytes of that head, so that a request which comes alone and whole need not be read a second time.
"""

import re
from typing import Final, NamedTuple, Protocol, TypeAlias
from urllib.parse import unquote

import httptools

Headers: TypeAlias = list[tuple[bytes, bytes]]
Target: TypeAlias = tuple[str, bytes, bytes]  # path, the path as it was sent, query

# What `parse_url` would give back as it is: nothing to decode, no query, no host.
_PLAIN_PATH: Final = re.compile(rb"/[A-Za-z0-9_.~/-]*")
_VERSIONS: Final = ("1.1", "1.0")
_REMEMBERED: Final = 1000  # heads
_SHORT: Final = 1000  # bytes of a head that is remembered
_UPGRADE: Final = (b"upgrade", b"http2-settings")


class Head(NamedTuple):
    """What a head says. headers: their names in lower case."""

    method: str
    version: str
    target: Target
    headers: Headers
    keep_alive: bool


class Receiver(Protocol):
    """Is told what is read, in its order."""

    def begin_head(self) -> None:
        """The first byte of a request has come."""

    def receive_head(self, head: Head, body: bytes | None = None) -> None:
        """A head is complete. body: all of its body, if it has come with it; then this is all."""

    def receive_body(self, body: bytes) -> None:
        """A part of the body of the last head has come."""

    def receive_end(self) -> None:
        """The request of the last head is complete."""

    def refuse(self, status: int, why: str) -> None:
        """What has come is no request; nothing more will be read."""


class RequestReader:
    """Takes the bytes of one connection apart."""

    def __init__(self, receiver: Receiver, max_head_bytes: int) -> None:
        self.head_open = False  # a head has begun and is not complete
        self._receiver: Receiver | None = receiver  # None once something was refused
        self._max_head_bytes = max_head_bytes
        self._head: Head | None = None  # the last one
        self._new_parser()

    def feed(self, data: bytes) -> None:
        """Read on."""
        if self._receiver is None:
            return
        end, known = 0, None
        if self._between:
            end = data.find(b"\r\n\r\n") + 4
            known = _heads.get(data[:end])
            if known is not None and known[1] == len(data) - end:
                self._receiver.begin_head()
                self._receiver.receive_head(known[0], data[end:])
                return
        heads = self._heads
        try:
            self._parser.feed_data(data)
            if known is None and 4 < end <= _SHORT and self._between and self._heads == heads + 1:
                self._remember(data, end)
        except httptools.HttpParserUpgrade as upgrade:
            self._ignore_upgrades(memoryview(data)[upgrade.args[0] :])
        except httptools.HttpParserError:
            self._refuse(400, "this is not HTTP/1.1")
        if self.head_open and self._heads == heads:  # all of `data` is a part of one head
            self._head_bytes += len(data)
            if self._head_bytes > self._max_head_bytes:
                self._refuse_large()

    def close(self) -> None:
        """Read nothing more."""
        self._receiver, self.head_open = None, False

    # What the parser finds.

    def on_message_begin(self) -> None:
        self._between = False
        self._heads += 1
        self._head_bytes = 0
        self._url = b""
        self._headers: Headers = []
        if self._receiver is not None:
            self.head_open = True
            self._receiver.begin_head()

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        parser, receiver = self._parser, self._receiver
        if parser.should_upgrade() or receiver is None:
            return  # see `_ignore_upgrades`
        version, target = parser.get_http_version(), target_of(self._url)
        size = len(self._url) + sum([len(name) + len(value) for name, value in self._headers])
        if version not in _VERSIONS:
            self._refuse(505, "this is not HTTP/1.1")
        elif target is None:
            self._refuse(400, "the path is malformed")
        elif size > self._max_head_bytes:
            self._refuse_large()
        else:
            self.head_open = False
            method = parser.get_method().decode("ascii")
            keep_alive = version == "1.1" and parser.should_keep_alive()
            self._head = Head(method, version, target, self._headers, keep_alive)
            receiver.receive_head(self._head)

    def on_body(self, body: bytes) -> None:
        if self._receiver is not None:
            self._receiver.receive_body(body)

    def on_message_complete(self) -> None:
        self._between = self._parser.should_keep_alive() and not self._parser.should_upgrade()
        if self._receiver is not None and not self.head_open:
            self._receiver.receive_end()

    def _new_parser(self) -> None:
        self._parser = httptools.HttpRequestParser(self)
        self._heads = 0  # that have begun
        self._between = True  # nothing of the next request is here
        self._head_bytes = 0  # of the one that is open, without those that came before its first

    def _remember(self, data: bytes, end: int) -> None:
        """`data` was one request, the first `end` bytes of it its head."""
        head = self._head
        sizes = [] if head is None else [each for each in head.headers if each[0] in _FRAMING]
        body = b"%d" % (len(data) - end)
        if head is not None and (sizes == [(b"content-length", body)] or not (sizes or data[end:])):
            if len(_heads) >= _REMEMBERED:
                _heads.clear()
            _heads[data[:end]] = head, len(data) - end

    def _ignore_upgrades(self, rest: memoryview) -> None:
        """No other protocol is spoken here, so a request is read as if it had not asked for one.

        The parser stops at the end of such a head; another one gets the head without what it stops
        at, then the `rest` of what has come.
        """
        while self._receiver is not None:
            method, version = self._parser.get_method(), self._parser.get_http_version().encode()
            if method == b"CONNECT":
                self._refuse(501, "this is no proxy")
                return
            kept = [each for each in self._headers if each[0] not in _UPGRADE]
            lines = b"".join([b"%b: %b\r\n" % each for each in kept])
            head = b"%b %b HTTP/%b\r\n%b\r\n" % (method, self._url, version, lines)
            self._new_parser()
            try:
                self._parser.feed_data(head)
                self._parser.feed_data(rest)
                return
            except httptools.HttpParserUpgrade as upgrade:
                rest = rest[upgrade.args[0] :]
            except httptools.HttpParserError:
                self._refuse(400, "this is not HTTP/1.1")

    def _refuse_large(self) -> None:
        self._refuse(431, f"the head of a request may have {self._max_head_bytes} bytes")

    def _refuse(self, status: int, why: str) -> None:
        receiver = self._receiver
        self.close()
        if receiver is not None:
            receiver.refuse(status, why)


# By the bytes of a head: what it says, and how long its body is. For all connections.
_heads: Final[dict[bytes, tuple[Head, int]]] = {}
_FRAMING: Final = (b"content-length", b"transfer-encoding", *_UPGRADE)


def target_of(url: bytes) -> Target | None:
    """What a request's first line asks for; None if that is nothing."""
    if _PLAIN_PATH.fullmatch(url):
        return url.decode("ascii"), url, b""
    try:
        parsed = httptools.parse_url(url)
        path = parsed.path.decode("ascii")
    except (httptools.HttpParserError, AttributeError, UnicodeDecodeError):
        return None
    return unquote(path) if "%" in path else path, parsed.path, parsed.query or b""
