"""What each column of a table holds, and where its header ends. Knows cells, not series."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from app.training.forecast.tables.dates import CLOCK, NoDates, Reading, read_dates
from app.training.forecast.tables.numbers import MISSING, is_infinite, is_number
from app.training.forecast.tables.options import Place, TableOptions, shown
from app.training.forecast.tables.rows import Rows
from app.training.forecast.tables.words import TOTALS

Kind = Literal["empty", "number", "dates", "clock", "text"]
_MOST_HEADS: Final = 3  # rows below the header that hold no value: units, second names
_LAST_ROWS: Final = 3  # in which totals are looked for


@dataclass
class Column:
    """One column: its cells, which are known, what they are, and what does not fit."""

    name: str
    cells: list[str]
    known: list[bool]
    kind: Kind
    dates: tuple[Reading, ...] = ()
    # (row, what is wrong) where nearly all cells are numbers or dates and one is not
    odd: tuple[int, str] | None = None

    @property
    def label(self) -> str:
        return shown(self.name)


@dataclass
class Grid:
    """Columns and the line of each row in the file."""

    columns: list[Column]
    lines: list[int]
    notes: list[str]


def split_columns(rows: Rows, place: Place, options: TableOptions) -> Grid:
    """Find the header, the columns and their kinds; leave out units, totals and empty columns.

    Raises:
        TableRefused: whether there is a header cannot be told, or no row is below it.
    """
    missing = MISSING | {each.casefold() for each in options.missing}
    notes = list(rows.notes)
    body, lines = rows.cells, rows.lines
    names = None if rows.typed else _header(rows, missing, place, options)
    if rows.typed or names is None:
        names = body[0] if rows.typed else [str(i + 1) for i in range(len(body[0]))]
        if rows.typed:
            body, lines = body[1:], lines[1:]
        elif rows.comment is not None and len(rows.comment) == len(names):
            names = rows.comment
        else:
            notes.append("no header: columns are called by their number")
    else:
        body, lines = body[1:], lines[1:]
    body, lines = _without_totals(body, lines, missing, notes)
    if not body:
        raise place.refuse("there is no row below the header", rows.lines[0])
    kinds = [_quick_kind([row[i] for row in body], missing) for i in range(len(names))]
    extra: list[list[str]] = []
    while len(extra) < _MOST_HEADS and len(body) > 1 and _is_head(body[0], kinds, missing):
        extra.append(body[0])
        notes.append(f"line {lines[0]} left out: it holds names or units, no value")
        body, lines = body[1:], lines[1:]
    names = _distinct(names, extra, notes)
    columns = []
    for i, name in enumerate(names):
        cells = [row[i] for row in body]
        column = _column(name, cells, [cell.casefold() not in missing for cell in cells])
        if column.kind == "empty":
            notes.append(f"column {column.label} left out: it is empty")
        else:
            columns.append(column)
    return Grid(columns, lines, notes)


def _quick_kind(cells: Sequence[str], missing: frozenset[str]) -> Kind:
    """What most cells of a column are."""
    known = [cell for cell in cells if cell.casefold() not in missing]
    if not known:
        return "empty"
    numbers = sum(1 for cell in known if is_number(cell) or is_infinite(cell))
    if 2 * numbers > len(known):
        return "number"
    found = read_dates(known, [True] * len(known))
    if not isinstance(found, NoDates) or found.share > 0.5:
        return "dates"
    return "clock" if all(CLOCK.fullmatch(cell) for cell in known) else "text"


def _cell_kind(cell: str, missing: frozenset[str]) -> Kind:
    if cell.casefold() in missing:
        return "empty"
    return _quick_kind([cell], missing)


def _header(
    rows: Rows, missing: frozenset[str], place: Place, options: TableOptions
) -> list[str] | None:
    """The names in the first row; None if it holds values."""
    first, rest = rows.cells[0], rows.cells[1:]
    if options.header is not None:
        return first if options.header else None
    if not rest:
        return first
    kinds = [_quick_kind([row[i] for row in rest[:1000]], missing) for i in range(len(first))]
    heads = [_cell_kind(cell, missing) for cell in first]
    valued = [(head, kind) for head, kind in zip(heads, kinds, strict=True) if kind != "empty"]
    named = [head == "text" and kind != "text" for head, kind in valued]
    dated = any(head == kind == "dates" for head, kind in valued)
    numbers = [(cell, kind) for cell, kind in zip(first, kinds, strict=True) if is_number(cell)]
    _refuse_times_in_a_row(first, heads, kinds, rows.lines[0], place)
    if any(named) and not dated:
        # names may be numbers, such as those of shops, where the first column has a name
        if heads[0] in ("text", "empty") or not numbers:
            return first
        raise place.refuse(
            "is neither a header nor values; pass --header or --no-header", rows.lines[0]
        )
    if dated or all(kind == "text" for _, kind in valued):
        return None if dated else first
    whole = [cell for cell, _ in numbers]
    counted = [str(i) for i in range(len(whole))], [str(i + 1) for i in range(len(whole))]
    if heads[0] == "empty" and kinds[0] in ("dates", "number") and len(whole) == len(first) - 1:
        return first  # as pandas writes an index without a name
    if len(whole) > 1 and whole in counted:
        return first
    if len(first) == 1 and whole == ["0"]:
        raise place.refuse(
            "'0' may be a value or the name of the column; pass --header or --no-header",
            rows.lines[0],
        )
    _refuse_split_decimals(rows, place, options)
    return None


def _refuse_times_in_a_row(
    first: Sequence[str], heads: Sequence[Kind], kinds: Sequence[Kind], line: int, place: Place
) -> None:
    """One row a series, with the times above: not read."""
    above = [i for i, kind in enumerate(kinds) if kind == "number"]
    dates = [i for i in above if heads[i] == "dates"]
    whole = [int(first[i]) for i in above if first[i].isdecimal() and 1500 < int(first[i]) < 2262]
    years = len(whole) == len(above) > 2 and whole == list(range(whole[0], whole[0] + len(whole)))
    if kinds[0] != "dates" and ((len(dates) == len(above) > 1) or years):
        raise place.refuse(
            "the times stand in a row: only tables with one column a series are read; transpose it",
            line,
        )


def _refuse_split_decimals(rows: Rows, place: Place, options: TableOptions) -> None:
    """Without a header, `100,94` may be two columns or one number with a decimal comma."""
    width = len(rows.cells[0])
    if rows.separator != "," or options.separator is not None or width != 2:
        return
    if all(cell.isdecimal() for row in rows.cells for cell in row) and all(
        len(row[1]) == len(rows.cells[0][1]) for row in rows.cells
    ):
        years = [int(row[0]) for row in rows.cells]
        if years != list(range(years[0], years[0] + len(years))):
            text = ",".join(rows.cells[0])
            raise place.refuse(
                f"{text!r} may be two columns or one number with a decimal comma; pass "
                "--separator comma, or --separator semicolon with --decimal ,",
                rows.lines[0],
            )


def _is_head(row: Sequence[str], kinds: Sequence[Kind], missing: frozenset[str]) -> bool:
    """Whether a row below the header holds text alone where columns hold numbers or dates."""
    texts = 0
    for cell, kind in zip(row, kinds, strict=True):
        if kind in ("text", "empty"):
            continue
        found = _cell_kind(cell, missing)
        if found == "text":
            texts += not is_infinite(cell)
        elif found != "empty":
            return False
    return texts > 0


def _without_totals(
    body: list[list[str]], lines: list[int], missing: frozenset[str], notes: list[str]
) -> tuple[list[list[str]], list[int]]:
    """Rows at the end that are called total, mean and so on are no values."""
    while len(body) > _LAST_ROWS:
        row = body[-1]
        words = [
            i
            for i, cell in enumerate(row)
            if cell.casefold().strip(":. ") in TOTALS
            and all(other[i].casefold() != cell.casefold() for other in body[:-_LAST_ROWS])
        ]
        if not words or not any(is_number(cell) for cell in row):
            break
        notes.append(f"line {lines[-1]} left out: {shown(row[words[0]])} is no point in time")
        body, lines = body[:-1], lines[:-1]
    return body, lines


def _distinct(names: list[str], extra: list[list[str]], notes: list[str]) -> list[str]:
    """Names that occur once: with the second header where the first repeats, else numbered."""
    filled = list(names)
    if len(set(filled)) < len(filled) and extra:
        filled = [f"{a} {b}".strip() for a, b in zip(filled, extra[0], strict=True)]
    seen: dict[str, int] = {}
    distinct = []
    for name in filled:
        seen[name] = seen.get(name, 0) + 1
        if seen[name] > 1:
            if name:
                notes.append(f"column {shown(name)} stands twice; the other is {name}.{seen[name]}")
            name = f"{name}.{seen[name]}"
        distinct.append(name)
    return distinct


def _column(name: str, cells: list[str], known: list[bool]) -> Column:
    rows = [i for i, one in enumerate(known) if one]
    if not rows:
        return Column(name, cells, known, "empty")
    others = [i for i in rows if not is_number(cells[i]) and not is_infinite(cells[i])]
    if not others:
        return Column(name, cells, known, "number")
    if 2 * len(others) < len(rows):
        count = f"{len(others)} of {len(rows)} cells are not" if len(others) > 1 else "it is not"
        what = f"{shown(cells[others[0]])} in column {shown(name)} is no number ({count}); pass "
        what += "--missing if it stands for a missing value"
        return Column(name, cells, known, "number", odd=(others[0], what))
    if all(CLOCK.fullmatch(cells[i]) for i in rows):
        return Column(name, cells, known, "clock")
    found = read_dates(cells, known)
    if not isinstance(found, NoDates):
        return Column(name, cells, known, "dates", tuple(found))
    if found.share > 0.5 and found.row is not None:
        what = f"{shown(cells[found.row])} in column {shown(name)} is no date"
        like = f" like {shown(found.like)}" if found.like else ""
        return Column(name, cells, known, "dates", odd=(found.row, what + like))
    return Column(name, cells, known, "text")
