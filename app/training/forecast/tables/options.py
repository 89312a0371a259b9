"""What a caller may say about a table, and how a refusal reads. Knows no file format."""

from dataclasses import dataclass
from pathlib import Path

from app.errors import UnrollError


class TableRefused(UnrollError, ValueError):
    """A file that cannot be read for certain; the message names it, the line, and what to do."""


@dataclass(frozen=True)
class TableOptions:
    """What is told about tables; everything that is None is found from the content."""

    time: str | None = None  # column of the dates; "none": there is none, rows are in order
    target: tuple[str, ...] = ()  # columns of the values; empty: every column of numbers
    series: tuple[str, ...] = ()  # columns that name the series of a row (long form)
    covariates: tuple[str, ...] = ()  # columns of what else is known of a step
    others: bool = False  # beside a column `y` all others are covariates, if none is named
    separator: str | None = None  # between cells: one character, "tab" or "space"
    decimal: str | None = None  # "." or ","; the other one then separates thousands
    encoding: str | None = None  # as Python calls it
    day_first: bool | None = None  # whether 01/02/2020 is the first of February
    header: bool | None = None  # whether the first row names the columns
    frequency: str | None = None  # pandas alias; gaps are filled by it
    missing: tuple[str, ...] = ()  # more cells that stand for a missing value


class Place:
    """Where something stands: names file and line in refusals."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def refuse(self, what: str, line: int | None = None) -> TableRefused:
        """The error to raise; `line` counts from 1."""
        where = f"{self.path.name}, line {line}" if line else self.path.name
        return TableRefused(f"{where}: {what}")


def shown(cell: str) -> str:
    """A cell in quotes, shortened, fit for a terminal."""
    plain = "".join(each if each.isprintable() else " " for each in cell)
    return repr(plain if len(plain) <= 40 else plain[:37] + "...")
