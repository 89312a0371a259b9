"""Reads a large JSON body in pieces. Knows the grammar of lists in JSON; no field of a request.

A parser holds the interpreter until it has read everything, and nobody else is answered meanwhile;
what it makes of some bodies is a hundred times as large as they are. So a large body is read in a
thread, like this: its long lists of plain values (numbers, texts, true, false and null; nested or
not) are found and left as the text that they are, each a `LongList`; its long texts are read piece
by piece (`long_texts`); the rest, which is short in every request that makes sense, is parsed as
usual. Whoever knows what a list should hold then reads it piece by piece, and stops at the first
value that is wrong or one too many.
"""

import re
import secrets
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

import numpy as np
from pydantic_core import from_json

from app.api.bodies.long_lists import TEXT, LongList, Malformed, Reading, reason
from app.api.bodies.long_texts import text_in_pieces

LONG_BYTES: Final = 64 * 1024  # of a body, from which on it is read here
# Bytes beside those lists, without spaces and what stands in quotes.
MOST_PARTS: Final = 256 * 1024
_QUOTED: Final = 16  # what a text counts for, beside its content
_FIRST_PIECE: Final = 256  # bytes of a list
_LOOKED_THROUGH: Final = 16  # bytes in vain that count for one

_TO_QUOTE_OR_LIST: Final = re.compile(rb'[^"\[]*+')
_IN_QUOTES: Final = re.compile(rb'(?:[^"\\]++|\\.)*+', re.DOTALL)
_PLAIN_VALUES: Final = re.compile(rb'(?:[^"{}]++|"(?:[^"\\]++|\\.)*+")*+', re.DOTALL)
_TEXT_OR_BRACKET: Final = re.compile(rb'"(?:[^"\\]++|\\.)*+"|[\[\]]', re.DOTALL)
_OF_OBJECTS: Final = re.compile(rb"\[[\s\[]{0,256}+(?=\{)")
_TO_COMMA: Final = re.compile(rb"[\s\]]{0,65536}+,?")
_SPACES: Final = b" \t\r\n"
_NOT_BRACKETS: Final = bytes(set(range(256)) - set(b"[]"))


_READING: Final = Reading()


@dataclass(frozen=True)
class LongBody:
    """What a body holds: plain values and `LongList`s. whole: False if the rest was too much, and
    only its beginning was read. lists: how many `LongList`s there are. parts: how much there is
    beside them."""

    content: Any
    whole: bool = True
    lists: int = 0
    parts: int = 0


def read_long(body: bytes, reading: Reading = _READING, parts: int = MOST_PARTS) -> LongBody:
    """Read a body of any size, with pauses for other threads.

    `parts`: how much there may be beside the lists and texts, else it is not read to its end.

    Raises:
        Malformed: it is no JSON. What stands in a `LongList` may still be none.
    """
    name = f"list {secrets.token_hex(16)} "
    plain: list[bytes] = []
    found: list[LongList | str] = []
    at, size, weight = 0, len(body), 0
    while at < size and weight <= parts:
        reading.check()
        begin = at
        at = _end_of(_TO_QUOTE_OR_LIST, body, at, at + reading.piece)
        weight += len(body[begin:at].translate(None, _SPACES))
        if at < size and body[at] == ord('"'):
            end = _text_end(body, at, reading)
            weight += _QUOTED
            if end - at > reading.text:
                plain += (body[begin:at], b'"%b%d"' % (name.encode(), len(found)))
                found.append(_text(body, at, end, reading))
                begin = end
            at = end
        elif at < size and body[at] == ord("["):
            objects = _OF_OBJECTS.match(body, at)
            cuts, stop = ([], at) if objects is not None else _cuts(body, at, reading)
            if objects is not None:
                weight += objects.end() - at
                at = objects.end()
            elif not cuts:  # an object among its values, which lists in it are looked through for
                weight += 1 + (stop - at) // _LOOKED_THROUGH
                at += 1
            elif cuts[-1] - cuts[0] < reading.long:
                weight += cuts[-1] + 1 - at
                at = cuts[-1] + 1
            else:
                plain += (body[begin:at], b'"%b%d"' % (name.encode(), len(found)))
                found.append(LongList(body, cuts, reading))
                at = begin = cuts[-1] + 1
        plain.append(body[begin:at])
    whole = at >= size and weight <= parts
    rest = b"".join(plain)
    try:
        content = from_json(rest) if whole else from_json(rest, allow_partial=True)
    except ValueError as error:
        raise Malformed(reason(error) if found else str(error)) from None
    lists = sum(isinstance(each, LongList) for each in found)
    return LongBody(_with(content, name, found) if found else content, whole, lists, weight)


def _with(content: Any, name: str, found: list[LongList | str]) -> Any:
    """`content` with each list and text where its name stands. Raises Malformed for a list as a
    field's name."""
    if isinstance(content, str):
        return found[int(content.removeprefix(name))] if content.startswith(name) else content
    if isinstance(content, dict):
        fields = {_with(key, name, found): value for key, value in content.items()}
        if any(isinstance(key, LongList) for key in fields):
            raise Malformed("key must be a string")
        return {key: _with(value, name, found) for key, value in fields.items()}
    if isinstance(content, list):
        return [_with(value, name, found) for value in content]
    return content


def _text(body: bytes, begin: int, end: int, reading: Reading) -> str:
    try:
        return text_in_pieces(body, begin, end, reading.piece, reading.check)
    except ValueError as error:
        raise Malformed(f"{reason(error)}, in the text at byte {begin}") from None


def _end_of(pattern: re.Pattern[bytes], body: bytes, at: int, until: int) -> int:
    found = pattern.match(body, at, until)
    assert found is not None  # the patterns that are used here match nothing, too
    return found.end()


def _text_end(body: bytes, at: int, reading: Reading) -> int:
    """Behind the text that begins at `at`. Raises Malformed if it has no end."""
    at += 1
    while at < len(body):
        if body[at] == ord('"'):
            return at + 1
        end = _end_of(_IN_QUOTES, body, at, at + reading.piece)
        if end == at:
            break
        at = end
    raise Malformed("the body ends in the middle of a text")


def _cuts(body: bytes, at: int, reading: Reading) -> tuple[list[int], int]:
    """(Where to cut the list that begins at `at`, always behind a comma; where it ends.)

    If it holds an object: (nothing, where that is).

    Raises Malformed if it has no end, or no commas.
    """
    begin, depth = at + 1, 1
    # A body may hold a great many short lists: the first pieces are as short.
    size = min(_FIRST_PIECE, reading.piece)
    cuts, until = [begin], begin + size
    while True:
        reading.check()
        size = min(2 * size, reading.piece)
        stop = _end_of(_PLAIN_VALUES, body, begin, until)
        text = body[begin:stop]
        close = _closing(text, depth)
        if close is not None:
            return [*cuts, begin + close], begin + close
        if stop >= len(body):
            raise Malformed("the body ends in the middle of a list")
        if body[stop] in b"{}":
            return [], stop
        comma, quote = text.rfind(b","), text.rfind(b'"')
        if comma > quote:
            cut = begin + comma + 1
            depth += _deeper(text[: comma + 1])
        elif quote >= 0 or body[stop] == ord('"'):
            end = begin + quote + 1 if quote >= 0 else _text_end(body, stop, reading)
            cut = _end_of(_TO_COMMA, body, end, len(body))
            depth += _deeper(text[: quote + 1] if quote >= 0 else text)
            close = _closing(body[end:cut], depth)
            if close is not None:
                return [*cuts, end + close], end + close
            if body[cut - 1] != ord(","):
                raise Malformed(f"a comma is missing at byte {cut}")
            depth += _deeper(body[end:cut])
        else:  # nothing but spaces, or what begins so many lists
            until += size
            if until - begin > reading.between:
                raise Malformed(f"no comma among {reading.between} bytes after byte {begin}")
            continue
        begin, until = cut, cut + size
        cuts.append(begin)


def _deeper(text: bytes) -> int:
    """How many lists more begin in `text` than end."""
    if b"[" not in text and b"]" not in text:
        return 0
    plain = TEXT.sub(b"", text) if b'"' in text else text
    return plain.count(b"[") - plain.count(b"]")


def _closing(text: bytes, depth: int) -> int | None:
    """Where in `text`, which begins `depth` lists deep, the outermost list ends; None if behind."""
    if text.count(b"]") < depth:
        return None
    plain = TEXT.sub(b"", text) if b'"' in text else text
    marks = np.frombuffer(plain.translate(None, _NOT_BRACKETS), np.uint8).astype(np.int32)
    # "[" is 91 and "]" is 93.
    (ends,) = np.nonzero(np.cumsum(92 - marks) == -depth)
    if not len(ends):
        return None
    brackets = (each for each in _TEXT_OR_BRACKET.finditer(text) if each[0] in (b"[", b"]"))
    return next(islice(brackets, int(ends[0]), None)).start()
