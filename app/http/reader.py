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
_CONTINUE: Final = b"100-continue"
_MOST_HEADERS: Final = 256
# What a `Host` may hold (RFC 9110, section 7.2); no comma, so that two hosts are not one.
_HOST: Final = re.compile(rb"[A-Za-z0-9._~!$&'()*+;=%:\[\]-]*")
_PIECE: Final = 4096  # bytes that are parsed at a time, where it is not known what they are


class Head(NamedTuple):
    """What a head says. headers: their names in lower case."""

    method: str
    version: str
    target: Target
    headers: Headers
    keep_alive: bool
    expects_continue: bool  # the client waits for a word before it sends the body, if at all


class Receiver(Protocol):
    """Is told what is read, in its order. reading: whether it wants more for now."""

    reading: bool

    def begin_head(self) -> None:
        """The first byte of a request has come."""

    def receive_head(self, head: Head, body: bytes | None = None) -> None:
        """A head is complete. body: all of its body, if it has come with it; then this is all, and
        nobody was told that it began."""

    def receive_body(self, body: bytes) -> None:
        """A part of the body of the last head has come."""

    def receive_end(self) -> None:
        """The request of the last head is complete."""

    def refuse(self, status: int, why: str) -> None:
        """What has come is no request; nothing more will be read."""


class RequestReader:
    """Takes the bytes of one connection apart.

    Where the receiver stops reading, the rest of what has come waits here as it is: what clients
    send ahead (HTTP pipelining) makes no requests before their turn.
    """

    def __init__(self, receiver: Receiver, max_head_bytes: int) -> None:
        """max_head_bytes: of a head, at most; and of what stands around the chunks of a body, more
        than twice as much as stands in them."""
        self.head_open = False  # a head has begun and is not complete
        self._receiver: Receiver | None = receiver  # None once something was refused
        self._max_head_bytes = max_head_bytes
        self._rest = b""  # what has come and was not read
        self._new_parser()

    def feed(self, data: bytes) -> None:
        """Read on."""
        if self._receiver is None:
            return
        fresh, heads = self._between and not self._rest, self._heads
        if fresh and self._receiver.reading:
            end = data.find(b"\r\n\r\n") + 4
            known = _heads.get(data[:end])
            if known is not None and known[1] == len(data) - end:
                self._receiver.receive_head(known[0], data[end:])
                return
        self._rest = self._rest + data if self._rest else data
        if self.read_on() and fresh and self._between and self._heads == heads + 1:
            self._remember(data)

    @property
    def has_rest(self) -> bool:
        """Whether something has come that was not read."""
        return bool(self._rest)

    def read_on(self) -> bool:
        """Read what has come, as far as the receiver wants it; whether all of it was read."""
        rest, at = memoryview(self._rest), 0
        try:
            while at < len(rest) and self._receiver is not None and self._receiver.reading:
                size = max(_PIECE, self._body_left)
                self._parse(rest[at : at + size])
                at += size
        except MemoryError:
            self._refuse(503, "there is no memory for this request")
        self._rest = b"" if self._receiver is None else bytes(rest[at:])
        return not self._rest

    def close(self) -> None:
        """Read nothing more."""
        self._receiver, self.head_open, self._rest = None, False, b""

    def _parse(self, piece: memoryview) -> None:
        heads, body = self._heads, self._body_bytes
        try:
            self._parser.feed_data(piece)
        except httptools.HttpParserUpgrade as upgrade:
            self._ignore_upgrades(piece[upgrade.args[0] :])
        except httptools.HttpParserCallbackError as error:
            if isinstance(error.__context__, MemoryError):
                raise MemoryError from error
            raise
        except httptools.HttpParserError:
            self._refuse(400, "this is not HTTP/1.1")
        if self._heads == heads and not self._between:  # all of it belongs to one request
            self._other_bytes += len(piece) - (self._body_bytes - body)
            if self._other_bytes > self._max_head_bytes + 2 * self._body_bytes:
                self._refuse_large()

    # What the parser finds.

    def on_message_begin(self) -> None:
        self._between = False
        self._heads += 1
        self._other_bytes = self._body_bytes = self._body_left = 0
        self._url = b""
        self._headers: Headers = []
        self._head: Head | None = None
        if self._receiver is not None:
            self.head_open = True
            self._receiver.begin_head()

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._head is None:  # else it stands behind the body, and nobody reads it
            self._headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        parser, receiver = self._parser, self._receiver
        if parser.should_upgrade() or receiver is None:
            return  # see `_ignore_upgrades`
        version, target = parser.get_http_version(), target_of(self._url)
        method, keep_alive = parser.get_method().decode("ascii"), parser.should_keep_alive()
        size = len(self._url) + sum([len(name) + len(value) + 4 for name, value in self._headers])
        if version not in _VERSIONS:
            self._refuse(505, "this is not HTTP/1.1")
        elif target is None:
            self._refuse(400, "the path is malformed")
        elif size > self._max_head_bytes:
            self._refuse_large()
        elif len(self._headers) > _MOST_HEADERS:
            self._refuse(431, f"a request may have {_MOST_HEADERS} headers")
        else:
            keep_alive = keep_alive and version == "1.1"
            expects = version == "1.1" and _expects(self._headers)
            head = Head(method, version, target, self._headers, keep_alive, expects)
            fault = _fault_of(head)
            if fault is None:
                self.head_open = False
                self._head = head
                self._body_left = _length_of(head)
                receiver.receive_head(head)
            else:
                self._refuse(*fault)

    def on_body(self, body: bytes) -> None:
        self._body_bytes += len(body)
        self._body_left = max(0, self._body_left - len(body))
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
        self._head = None  # of the request that is being read, once it is complete
        self._body_left = 0  # bytes of its body still to come, if its head says how many
        self._body_bytes = 0  # of its body that have come
        self._other_bytes = 0  # of its other ones, without those of the piece it began in

    def _remember(self, data: bytes) -> None:
        """`data` was one request, and nothing else."""
        end, head = data.find(b"\r\n\r\n") + 4, self._head
        if head is None or not 4 < end <= _SHORT:
            return
        sizes = [each for each in head.headers if each[0] in _FRAMING]
        body = b"%d" % (len(data) - end)
        if sizes == [(b"content-length", body)] or not (sizes or data[end:]):
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
        why = f"the head of a request may have {self._max_head_bytes} bytes"
        if not self.head_open:
            why = "the body has more around its chunks than in them"
        self._refuse(431, why)

    def _refuse(self, status: int, why: str) -> None:
        receiver = self._receiver
        self.close()
        if receiver is not None:
            receiver.refuse(status, why)


# By the bytes of a head: what it says, and how long its body is. For all connections.
_heads: Final[dict[bytes, tuple[Head, int]]] = {}
_FRAMING: Final = (b"content-length", b"transfer-encoding", *_UPGRADE)


def _fault_of(head: Head) -> tuple[int, str] | None:
    """Status and reason, if others on the way may understand a head otherwise than it is meant."""
    codings = [value for name, value in head.headers if name == b"transfer-encoding"]
    hosts = [value for name, value in head.headers if name == b"host"]
    if codings and head.version == "1.0":
        return 400, "HTTP/1.0 has no transfer-encoding"
    if codings and (len(codings) > 1 or codings[0].lower() != b"chunked"):
        return 501, "the only transfer-encoding is chunked"
    if len(hosts) > 1 or (head.version == "1.1" and not hosts):
        return 400, "a request has one host"
    if hosts and not _HOST.fullmatch(hosts[0]):
        return 400, "the host is malformed"
    return None


def _expects(headers: Headers) -> bool:
    return any(name == b"expect" and value.lower() == _CONTINUE for name, value in headers)


def _length_of(head: Head) -> int:
    """Bytes of its body, if it says so; httptools has checked that it is one number."""
    return next((int(value) for name, value in head.headers if name == b"content-length"), 0)


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
