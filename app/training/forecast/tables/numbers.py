"""Cells to numbers: decimal marks, thousands, percent, currencies, missing. Knows no columns.

A file is written in one style. Every cell rules some styles out; what is left decides. Where two
are left that give different numbers, the caller must say which is meant.
"""

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

MISSING: Final = frozenset(
    {
        "", "?", "-", "--", "---", ".", "..", "...", ":", "*", "na", "n/a", "#n/a", "#na", "n.a.",
        "nan", "-nan", "null", "none", "nil", "<na>", "missing", "\u2013", "\u2014", "\u2026",
        "#value!", "#div/0!", "#ref!", "#num!", "#null!", "#name?", "1.#ind", "-1.#ind", "1.#qnan",
        "nat",
    }
)  # fmt: skip
_INFINITE: Final = re.compile(r"[+-]?(inf|infinity|1\.#inf|\u221e)", re.IGNORECASE)
_CURRENCY: Final = "$\u20ac\u00a3\u00a5\u20b9"
_SPACES: Final = str.maketrans({"\u00a0": " ", "\u202f": " ", "\u2009": " ", "\u2212": "-",
                                "\u2019": "'"})  # fmt: skip
_ZEROS: Final = str.maketrans("123456789", "000000000")


@dataclass(frozen=True)
class Style:
    """`decimal` mark and what separates `thousands`, "" for nothing."""

    decimal: str
    thousands: str


STYLES: Final = tuple(Style(d, t) for t in ("", ".", ",", " ", "'") for d in ".," if d != t)


def _pattern(style: Style) -> re.Pattern[str]:
    d, t = re.escape(style.decimal), re.escape(style.thousands)
    grouped = rf"|\d{{1,3}}(?:{t}\d{{3}})+(?:{d}\d*)?" if t else ""
    return re.compile(rf"[+-]?(?:\d+(?:{d}\d*)?|{d}\d+{grouped})(?:[eE][+-]?\d+)?", re.ASCII)


_PATTERNS: Final = tuple((style, _pattern(style)) for style in STYLES)


def plain(cell: str) -> str:
    """The cell without currency, percent sign and typographic spaces."""
    text = cell.translate(_SPACES)
    if text[-1:] == "%":
        text = text[:-1]
    text = text.strip(_CURRENCY + " ")
    if text[:1] == "-" and text[1:2] in _CURRENCY:
        text = "-" + text[1:].strip(_CURRENCY + " ")
    return text


@lru_cache(maxsize=4096)
def _styles_of(shape: str) -> frozenset[Style]:
    return frozenset(style for style, pattern in _PATTERNS if pattern.fullmatch(shape))


def styles_of(cell: str) -> frozenset[Style]:
    """The styles in which the cell is a number; none if it is no number."""
    return _styles_of(plain(cell).translate(_ZEROS))


def is_number(cell: str) -> bool:
    return bool(styles_of(cell))


def is_infinite(cell: str) -> bool:
    return _INFINITE.fullmatch(cell) is not None


def to_float(cell: str, style: Style) -> float:
    """The number in a cell that `styles_of` allows in `style`; infinite beyond the range."""
    text = plain(cell)
    if style.thousands:
        text = text.replace(style.thousands, "")
    try:
        return float(text.replace(style.decimal, "."))
    except OverflowError:
        return math.inf


@dataclass(frozen=True)
class Ambiguity:
    """Cells that do not agree: (row, cell) of up to two of them, and what is wrong."""

    what: str
    rows: tuple[int, ...]


def common_style(
    cells: Iterable[tuple[int, str]], separator: str, decimal: str | None
) -> Style | Ambiguity:
    """The style of all numbers of a file.

    cells: (row, cell) of everything that is a number in some style. decimal: the caller's word.
    """
    left = frozenset(s for s in STYLES if decimal in (None, s.decimal))
    marked: tuple[int, str] | None = None  # a cell like 1.234, which can be read twice
    whole: tuple[int, str] | None = None  # a whole number below a thousand, which cannot
    decider: dict[str, tuple[int, str]] = {}  # decimal mark -> a cell that proves it
    for row, cell in cells:
        possible = styles_of(cell)
        now = left & possible
        if not now:
            return _conflict(row, cell, possible, decider, decimal)
        marks = {style.decimal for style in possible}
        if len(marks) == 1:
            decider.setdefault(next(iter(marks)), (row, cell))
        elif "." in cell or "," in cell:
            marked = marked or (row, cell)
        elif len(plain(cell).lstrip("+-")) <= 3 and plain(cell).strip("+-0"):
            whole = whole or (row, cell)
        left = now
    if len({style.decimal for style in left}) > 1:
        if marked is None or (separator == "," and "." in marked[1] and whole is None):
            return _first(style for style in left if style.decimal == ".")
        row, cell = marked
        also = f", and {whole[1]!r} has no mark" if whole else ""
        return Ambiguity(
            f"{plain(cell)!r} may have a decimal mark or separate thousands{also}; say which "
            "is the decimal mark: --decimal . or --decimal ,",
            (row,),
        )
    return _first(left)


def _first(styles: Iterable[Style]) -> Style:
    """Styles of one decimal mark that read all cells alike; one with thousands reads both forms."""
    return min(styles, key=lambda style: (not style.thousands, style.thousands))


def _conflict(
    row: int,
    cell: str,
    possible: frozenset[Style],
    decider: dict[str, tuple[int, str]],
    decimal: str | None,
) -> Ambiguity:
    if decimal is not None and not any(style.decimal == decimal for style in possible):
        return Ambiguity(f"{plain(cell)!r} is no number with {decimal!r} as decimal mark", (row,))
    others = [(r, c) for r, c in decider.values() if not styles_of(c) & possible]
    if others:
        other, text = others[0]
        return Ambiguity(
            f"{plain(cell)!r} is written otherwise than {plain(text)!r}: the file mixes decimal "
            "marks or thousands", (row, other),
        )  # fmt: skip
    return Ambiguity(f"{plain(cell)!r} is written otherwise than the numbers before it", (row,))
