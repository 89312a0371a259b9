"""A file to rows of cells: compression, encoding, comments, separator. Knows no numbers or dates.

Cells are split by the csv module and not by pandas, which pads short rows without a word.
"""

import codecs
import csv
import gzip
import io
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from app.training.forecast.tables.options import Place, TableOptions, shown

_BOMS: Final = (  # UTF-32 first: its mark begins with that of UTF-16
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_SEPARATORS: Final = (";", "\t", "|", ",")  # a comma last: it may be a decimal mark
_SPACE: Final = " "
NO_SEPARATOR: Final = "\x1f"  # of a file with one column; stands in no text
_NAMES: Final = {"tab": "\t", "\\t": "\t", "space": _SPACE, "comma": ",", "semicolon": ";"}
_MAX_CELL: Final = 131_072  # the csv module's own limit


@dataclass
class Rows:
    """Cells (rows, columns), all rows of one width, and where they stood."""

    cells: list[list[str]]
    lines: list[int]  # in the file, from 1
    separator: str
    encoding: str
    typed: bool = False  # numbers and dates are known already, as in Parquet
    comment: list[str] | None = None  # cells of the last comment before the first row
    notes: list[str] = field(default_factory=list)


def read_rows(path: Path, options: TableOptions) -> Rows:
    """The rows of a text table, whatever it is encoded and separated by.

    Raises:
        TableRefused: it is no text, or rows have different numbers of cells.
        OSError: it cannot be read.
    """
    place = Place(path)
    content = path.read_bytes()
    if content[:2] == b"\x1f\x8b":
        try:
            content = gzip.decompress(content)
        except (OSError, EOFError) as error:
            raise place.refuse(f"cannot be decompressed: {error}") from None
    if content[:4] == b"PK\x03\x04" or content[:8] == b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1":
        raise place.refuse("a spreadsheet or archive is not read; save it as CSV or Parquet")
    text, encoding = _decoded(place, content, options.encoding)
    if not text.strip():
        raise place.refuse("the file is empty")
    notes = [f"read as {encoding}; if names look wrong, pass --encoding"] * (encoding == "cp1252")
    lines, comments = _without_comments(text)
    told = options.separator
    separator = _NAMES.get(told, told) if told is not None else None
    if match := re.fullmatch(r"\s*sep=(.)\s*", lines[0]):  # what Excel writes and reads
        separator, lines[0] = separator or match[1], ""
    if separator is not None and len(separator) != 1:
        raise place.refuse(f"--separator: {shown(separator)} is not one character, tab or space")
    if not any(line.strip() for line in lines):
        raise place.refuse("holds nothing but comments")
    separator = separator or _separator(lines)
    try:
        parsed = _parsed(lines, separator)
        if separator == "," and told is None and _one_column(parsed):
            separator = NO_SEPARATOR
            parsed = _parsed(lines, separator)
    except csv.Error as error:
        raise place.refuse(f"cannot be split into cells: {error}") from None
    rows = _even(place, parsed, separator)
    if comments:
        count = sum(1 for _ in comments)
        notes.append(f"{count} comment line{'s' * (count > 1)} left out (from line {comments[0]})")
    comment = None
    before = [line for line in comments if line < rows[0][0]]
    if before:
        text_of = text.splitlines()[before[-1] - 1].strip().lstrip("#").strip()
        comment = [c.strip() for _, row in _parsed([text_of], separator) for c in row]
    return Rows(
        [row for _, row in rows], [line for line, _ in rows], separator, encoding,
        comment=comment, notes=notes,
    )  # fmt: skip


def _decoded(place: Place, content: bytes, given: str | None) -> tuple[str, str]:
    """The text and the encoding that it was read with."""
    try:
        if given:
            return _checked(place, content.decode(given).lstrip("\ufeff")), given
        for bom, name in _BOMS:
            if content.startswith(bom):
                return _checked(place, content.decode(name)), name
        if b"\0" in content:  # UTF-16 without its mark: the zeros of plain letters tell the order
            even, odd = content[::2].count(0), content[1::2].count(0)
            name = "utf-16-be" if even > odd else "utf-16-le"
            return _checked(place, content.decode(name)), name
        try:
            return _checked(place, content.decode("utf-8")), "utf-8"
        except UnicodeDecodeError:
            return _checked(place, content.decode("cp1252")), "cp1252"
    except LookupError:
        raise place.refuse(f"--encoding: there is no encoding {shown(given or '')}") from None
    except UnicodeError as error:
        line = None
        if isinstance(error, UnicodeDecodeError):
            line = content[: error.start].count(b"\n") + 1
        raise place.refuse(
            f"is not text as {given or 'any usual encoding'} writes it", line
        ) from None


def _checked(place: Place, text: str) -> str:
    if bad := re.search(r"[\x00-\x08\x0e-\x1f\ufffd]", text):
        line = text.count("\n", 0, bad.start()) + 1
        raise place.refuse(f"holds a character that is no text ({bad[0]!a})", line)
    return text


def _without_comments(text: str) -> tuple[list[str], list[int]]:
    """Lines with their ends, comments blanked so that numbers stay; and which were comments."""
    lines = list(io.StringIO(text, newline=""))
    comments = [i + 1 for i, line in enumerate(lines) if line.lstrip().startswith("#")]
    for number in comments:
        lines[number - 1] = "\n"
    return lines, comments


def _parsed(lines: list[str], separator: str) -> list[tuple[int, list[str]]]:
    """(line, cells) of every row that is not blank."""
    spaced = (line.strip().replace("\t", " ") + "\n" for line in lines)
    source: Iterator[str] | list[str] = spaced if separator == _SPACE else lines
    reader = csv.reader(source, delimiter=separator, skipinitialspace=True, strict=True)
    rows = []
    begins = 1
    for row in reader:
        cells = [cell.strip() for cell in row]
        if any(cells):
            rows.append((begins, cells))
        begins = reader.line_num + 1
    return rows


def _separator(lines: list[str]) -> str:
    """The one that cuts all rows into the same number of cells; else the one that nearly does."""
    best, best_share = ",", 0.0
    for separator in (*_SEPARATORS, _SPACE):
        try:
            rows = _parsed(lines, separator)
        except csv.Error:
            continue
        widths = Counter(len(_trimmed(row)) for _, row in rows)
        widths.update(len(row) for _, row in rows if len(row) > len(_trimmed(row)))
        width, _ = widths.most_common(1)[0]
        if width < 2:
            continue
        share = sum(1 for _, row in rows if _fits(row, width)) / len(rows)
        if share == 1.0:
            return separator
        # a text column with a few commas in it does not make a comma the separator
        if share > max(best_share, 0.5) and separator != _SPACE:
            best, best_share = separator, share
    return best


def _one_column(rows: list[tuple[int, list[str]]]) -> bool:
    """One name above numbers with a decimal comma: the comma is no separator."""
    return (
        len(rows) > 1
        and len(rows[0][1]) == 1
        and all(
            len(row) <= 2 and all(cell.lstrip("+-").isdecimal() for cell in row)
            for _, row in rows[1:]
        )
    )


def _trimmed(row: list[str]) -> list[str]:
    """Without empty cells at the end."""
    end = len(row)
    while end > 1 and not row[end - 1]:
        end -= 1
    return row[:end]


def _fits(row: list[str], width: int) -> bool:
    return len(row) == width or (len(row) > width and not any(row[width:]))


def _even(
    place: Place, rows: list[tuple[int, list[str]]], separator: str
) -> list[tuple[int, list[str]]]:
    """All rows with one number of cells; separators at the end of a row are ignored."""
    line, first = rows[0]
    widths = Counter(len(row) for _, row in rows[1:] or rows)
    width = max(widths, key=lambda each: (widths[each], each == len(first)))
    if len(first) > width and not any(first[width:]):
        first = first[:width]
    elif len(first) == width - 1 and separator in (_SPACE, "\t") and len(rows) > 1:
        first = ["", *first]  # as write.table of R leaves out the head of the row names
        rows = [(line, first), *rows[1:]]
    even = []
    for line, row in rows:
        if not _fits(row, width):
            others = f"{widths[width]} other rows have {width}"
            hint = ""
            if len(row) > width and separator == ",":
                hint = "; a decimal comma needs another separator or quotes"
            raise place.refuse(f"{len(row)} cells, where {others}{hint}", line)
        even.append((line, row[:width]))
    return even
