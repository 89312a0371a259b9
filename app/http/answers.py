"""Answers that no application gives, as bytes. Knows HTTP; no connection and no route.

`headers` are those that every answer has.
"""

from collections.abc import Sequence
from functools import lru_cache
from http import HTTPStatus
from typing import Final

_STATUS_LINES: Final = {
    each.value: f"HTTP/1.1 {each.value} {each.phrase}\r\n".encode() for each in HTTPStatus
}
_OK, _TOO_MANY = _STATUS_LINES[200], _STATUS_LINES[429]
_CLOSE: Final = b"connection: close\r\n"
Headers = Sequence[tuple[bytes, bytes]]


def status_line(status: int) -> bytes:
    """The first line of an answer."""
    return _STATUS_LINES.get(status) or b"HTTP/1.1 %d \r\n" % status


def fine(answer: bytes, headers: Headers, keep_alive: bool) -> bytes:
    """A whole answer 200; `answer` follows the headers."""
    close = b"" if keep_alive else _CLOSE
    return b"%b%b%b%b" % (_OK, _lines(headers), close, answer)


def refused(answer: bytes, headers: Headers, method: str, keep_alive: bool = True) -> bytes:
    """A whole answer 429; `answer` follows the headers."""
    close = b"" if keep_alive else _CLOSE
    if method == "HEAD":
        answer = answer[: answer.index(b"\r\n\r\n") + 4]
    return b"%b%b%b%b" % (_TOO_MANY, _lines(headers), close, answer)


def plain(status: int, text: str, headers: Headers) -> bytes:
    """A whole answer that closes the connection, and says one line of text."""
    content = text.encode()
    return (
        b"%b%bcontent-type: text/plain; charset=utf-8\r\ncontent-length: %d\r\n"
        b"server-timing: total;dur=0\r\nconnection: close\r\n\r\n%b"
    ) % (status_line(status), _lines(headers), len(content), content)


def _lines(headers: Headers) -> bytes:
    return _line_of(*headers[0]) if len(headers) == 1 else b"".join([_line_of(*h) for h in headers])


@lru_cache(maxsize=16)  # the date, once a second
def _line_of(name: bytes, value: bytes) -> bytes:
    return b"%b: %b\r\n" % (name, value)
