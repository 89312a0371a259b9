"""A long text of a JSON body, read piece by piece. Knows escapes and UTF-8; no field of a request.

A parser holds the interpreter until it has read all of a text, and takes the longest for one of
escapes: a tenth of a second for the largest body. So a text is cut where it may be, and its pieces
are read one by one.
"""

import re
from collections.abc import Callable
from typing import Final

from pydantic_core import from_json

from app.errors import InvalidInput

# As many whole characters as there are. Two escapes beyond the first 65,536 characters are one.
_WHOLE: Final = re.compile(
    rb"(?:[^\\]++|\\[^u]|\\u(?![dD][89abAB]).{4}|\\u[dD][89abAB]..\\u.{4})*+", re.DOTALL
)
_LONGEST: Final = 4  # bytes of a character in UTF-8
# Characters of a text. One wide character makes each of its text take four bytes of memory, and
# nobody else computes while a text is put together.
MOST_NOT_ASCII: Final = 8 * 2**20


def text_in_pieces(body: bytes, begin: int, end: int, piece: int, check: Callable[[], None]) -> str:
    """The text whose quotes are the first and the last byte of `body[begin:end]`.

    piece: bytes that are read in one call. `check` is called before each, and may raise. Raises
    ValueError for what is no text of JSON, and InvalidInput for more than `MOST_NOT_ASCII`
    characters if they are not all of ASCII.
    """
    at, last = begin + 1, end - 1
    parts: list[str] = []
    characters, ascii_only = 0, True
    while at < last:
        check()
        stop = _cut(body, at, min(at + piece, last), last)
        part: str = from_json(b'"%b"' % body[at:stop])
        parts.append(part)
        characters += len(part)
        ascii_only = ascii_only and part.isascii()
        if characters > MOST_NOT_ASCII and not ascii_only:
            raise InvalidInput(
                "a text of the body is too long",
                allowed=f"at most {MOST_NOT_ASCII} characters if they are not all of ASCII",
            )
        at = stop
    return "".join(parts)


def _cut(body: bytes, at: int, until: int, last: int) -> int:
    """Behind the last whole character before `until`; `last` if what is at `at` is none."""
    found = _WHOLE.match(body, at, until)
    assert found is not None  # it matches nothing, too
    stop = found.end()
    for _ in range(_LONGEST):
        if stop >= last or body[stop] & 0xC0 != 0x80:  # the next byte begins a character
            break
        stop -= 1
    return stop if stop > at else last
