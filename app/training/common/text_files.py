"""Reads text files and tables of texts as their owners have them. Knows encodings and CSV.

What cannot be read as it is meant is refused with the file and the line, and nothing is cut.
"""

import csv
import gzip
import io
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Final

from app.features.decoding import OPTION, decoded

_DELIMITERS: Final = (",", ";", "\t")
_LONGEST_CELL: Final = 10**7  # characters
_SHOWN: Final = 100  # characters of a row that is shown


def read_text(path: Path, encoding: str | None = None) -> str:
    """The text of a file, UTF-8 or with a byte-order mark; else `encoding` is what it is in.

    Raises:
        ValueError: it cannot be read as text; names file, line and byte.
    """
    return decoded(path.read_bytes(), str(path), encoding)


def csv_rows(
    path: Path, columns: Collection[str], encoding: str | None = None, hint: str = OPTION
) -> list[tuple[int, dict[str, str]]]:
    """(line, cells by column) of every row of a CSV file, perhaps packed (.gz).

    Cells are parted by commas, or by semicolons or tabs if the header is; `columns` must be there.
    Names of columns are compared in lower case and without spaces around them. Empty rows are
    passed over. `encoding` and `hint` as `decoded` has them.

    Raises:
        ValueError: a column is missing, a row has more or fewer cells than the header, a quote is
            not closed, or the text cannot be read; names file and line.
    """
    content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    text = decoded(content, str(path), encoding, hint)
    first = text.partition("\n")[0]
    for delimiter in _DELIMITERS:
        header = [
            name.strip().lower() for name in next(csv.reader([first], delimiter=delimiter), [])
        ]
        if set(columns) <= set(header):
            return _rows(path, text, delimiter, header)
    needed = " and ".join(columns)
    raise ValueError(f"{path} needs the columns {needed}; its first line is: {first[:_SHOWN]}")


def _rows(
    path: Path, text: str, delimiter: str, header: Sequence[str]
) -> list[tuple[int, dict[str, str]]]:
    csv.field_size_limit(_LONGEST_CELL)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    rows = []
    line = 1
    try:
        next(reader)
        line = reader.line_num + 1
        for cells in reader:
            if any(cell.strip() for cell in cells):
                if len(cells) != len(header):
                    raise ValueError(_ragged(path, line, cells, header, delimiter))
                rows.append((line, dict(zip(header, cells, strict=True))))
            line = reader.line_num + 1
    except csv.Error as error:
        raise ValueError(
            f"{path} line {line}: {error}; a cell with quotes in it is written in quotes, and each "
            'of its own quotes twice: "she said ""yes"""'
        ) from None
    return rows


def _ragged(path: Path, line: int, cells: list[str], header: Sequence[str], delimiter: str) -> str:
    what = f"{path} line {line} has {len(cells)} cells, and the header {len(header)}"
    if len(cells) < len(header):
        return f"{what}: {delimiter.join(cells)[:_SHOWN]}"
    last = len(header) - 1
    written = io.StringIO()
    joined = [*cells[:last], delimiter.join(cells[last:])]
    csv.writer(written, delimiter=delimiter, lineterminator="").writerow(joined)
    return (
        f"{what}: put quotes around a text that holds {delimiter!r}, "
        f"perhaps {written.getvalue()[:_SHOWN]}"
    )
