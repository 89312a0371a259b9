"""A long list of a JSON body that is still text, and is read piece by piece. Knows plain values.

`long_json` finds such lists. Their brackets and commas are looked at beside their values, so that a
nested list is read as one run of values, whatever its shape.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain, pairwise, zip_longest
from typing import Any, Final

from pydantic_core import from_json

from app.api.bodies.long_texts import text_in_pieces

TEXT: Final = re.compile(rb'"(?:[^"\\]++|\\.)*+"', re.DOTALL)
_EMPTY: Final = re.compile(rb"\[\s*+\]")
# A value right before "[" or right behind "]".
_MISPLACED: Final = re.compile(rb"[^\s\[,]\s*+\[|\]\s*+[^\s\],]")
_NOT_MARKS: Final = bytes(set(range(256)) - set(b"[],"))
_FLAT: Final = bytes.maketrans(b"[]", b"  ")
_OPEN, _CLOSE = b"[]"


def _go_on() -> None:
    """There is no hurry."""


@dataclass(frozen=True)
class Reading:
    """How a body is read."""

    # Called before each piece; may raise, which ends the reading.
    check: Callable[[], None] = _go_on
    # Bytes that are looked at in one call.
    piece: int = 64 * 1024
    # Bytes without a comma in a list, but for texts.
    between: int = 256 * 1024
    # Bytes of a list that is left as text.
    long: int = 16 * 1024
    # Bytes of a text that is read in one call.
    text: int = 256 * 1024


class Malformed(ValueError):
    """The body is no JSON."""


class EmptyList(ValueError):
    """A list in a list of plain values is empty."""


class TooLong(ValueError):
    """A list has more values than are read."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Some values of a list, in order. marks: the brackets and commas around and between them."""

    values: list[Any]
    marks: bytes


class LongList:
    """A list of plain values that is still text."""

    __slots__ = ("_body", "_cuts", "_reading")

    def __init__(self, body: bytes, cuts: list[int], reading: Reading) -> None:
        """cuts: where pieces begin and end; the first is behind `[`, the last before `]`."""
        self._body = body
        self._cuts = cuts
        self._reading = reading

    def __len__(self) -> int:
        """Bytes of its text, which are more than its values."""
        return self._cuts[-1] - self._cuts[0]

    def __str__(self) -> str:
        return "a long list of plain values"

    def pieces(self) -> Iterator[Piece]:
        """Its values, some thousands at a time.

        Raises:
            Malformed: it is no JSON.
            EmptyList: it holds an empty list.
        """
        last = len(self._cuts) - 2
        for index, (begin, end) in enumerate(pairwise(self._cuts)):
            self._reading.check()
            text = self._body[begin:end]
            if index < last:
                text = text[:-1]  # a comma
            flat, inner = text, None
            if b"[" in text or b"]" in text:
                flat, inner = _without_brackets(text, begin, self._reading)
            try:
                if _is_one_text(text, self._reading):
                    values = _one_text(flat, self._reading)
                else:
                    values = from_json(b"[%b]" % flat)
            except ValueError as error:
                raise Malformed(f"{reason(error)}, in the list at byte {begin}") from None
            if inner is None:
                inner = b"," * (len(values) - 1)
            yield Piece(values, inner + b"," if index < last else inner)

    def plain(self, most: int) -> list[Any]:
        """Its values as a parser has them, in lists.

        Raises:
            Malformed: it is no JSON.
            TooLong: it has more than `most` values.
            EmptyList: it holds an empty list.
        """
        outer: list[Any] = []
        stack, count = [outer], 0
        for piece in self.pieces():
            count += len(piece.values)
            if count > most:
                raise TooLong(f"a list has more than {most} values")
            values = iter(piece.values)
            nested = b"[" in piece.marks or b"]" in piece.marks
            due = True  # whether a value comes next, or a list: a piece begins behind a comma
            for mark in piece.marks if nested else b"":
                if due and mark != _OPEN:
                    stack[-1].append(next(values))
                if mark == _OPEN:
                    inner: list[Any] = []
                    stack[-1].append(inner)
                    stack.append(inner)
                elif mark == _CLOSE:
                    stack.pop()
                due = mark != _CLOSE
            stack[-1].extend(values)
        return outer


def reason(error: ValueError) -> str:
    """What a parser says is wrong, without the place, which is that in a piece."""
    return str(error).partition(" at line ")[0]


def _without_brackets(text: bytes, begin: int, reading: Reading) -> tuple[bytes, bytes]:
    """(`text` with spaces for brackets, its brackets and commas). Raises Malformed, EmptyList."""
    texts, plain = _apart(text, reading)
    if _EMPTY.search(plain):
        raise EmptyList("a list of values holds an empty list")
    marks = plain.translate(None, _NOT_MARKS)
    if _MISPLACED.search(plain):
        raise Malformed(f"a bracket is misplaced in the list at byte {begin}")
    flat = plain.translate(_FLAT)  # spaces keep apart what brackets did
    return _together(flat, texts) if texts else flat, marks


def _apart(text: bytes, reading: Reading) -> tuple[list[bytes], bytes]:
    """(the texts in it, the rest with a `"` where each stood)."""
    if b'"' not in text:
        return [], text
    if _is_one_text(text, reading):
        begin, end = text.index(b'"'), text.rindex(b'"') + 1
        return [text[begin:end]], text[:begin] + b'"' + text[end:]
    return TEXT.findall(text), TEXT.sub(b'"', text)


def _is_one_text(text: bytes, reading: Reading) -> bool:
    """Whether a piece is one long text, with brackets and a comma around it."""
    return len(text) > reading.between + reading.piece + 1 and b'"' in text


def _one_text(flat: bytes, reading: Reading) -> list[Any]:
    """The same, without its brackets, as a list of this text. Raises ValueError."""
    begin, end = flat.index(b'"'), flat.rindex(b'"') + 1
    values: list[Any] = from_json(b'[%b""%b]' % (flat[:begin], flat[end:]))
    values[-1] = text_in_pieces(flat, begin, end, reading.piece, reading.check)
    return values


def _together(plain: bytes, texts: list[bytes]) -> bytes:
    """The opposite of `_apart`."""
    parts = plain.split(b'"')
    if len(parts) != len(texts) + 1:
        raise Malformed("a text has no end")
    return b"".join(chain.from_iterable(zip_longest(parts, texts, fillvalue=b"")))
