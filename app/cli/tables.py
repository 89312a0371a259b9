"""Options that say how tables of one's own are read, and what was read, told. Knows no task."""

import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

if TYPE_CHECKING:
    from pathlib import Path

    from app.training.forecast.tables.options import TableOptions
    from app.training.forecast.tables.series import Table

_PANEL = "Own files: what is not found by itself"

TimeOption: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--time", help="Column of the dates; none: rows are in order.", rich_help_panel=_PANEL
    ),
]
TargetOption: TypeAlias = Annotated[
    list[str] | None,
    typer.Option("--target", help="Column of values; may be repeated.", rich_help_panel=_PANEL),
]
SeriesOption: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        "--series", help="Column that names the series; may be repeated.", rich_help_panel=_PANEL
    ),
]
CovariateOption: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        "--covariate",
        help="Column of what else is known of a step, ahead as well; may be repeated.",
        rich_help_panel=_PANEL,
    ),
]
PastCovariateOption: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        "--past-covariate",
        help="The same, not known ahead; may be repeated.",
        rich_help_panel=_PANEL,
    ),
]
SeparatorOption: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--separator",
        help="Between cells: a character, tab, space or semicolon.",
        rich_help_panel=_PANEL,
    ),
]
DecimalOption: TypeAlias = Annotated[
    str | None,
    typer.Option("--decimal", help="Decimal mark: . or ,", metavar="MARK", rich_help_panel=_PANEL),
]
EncodingOption: TypeAlias = Annotated[
    str | None,
    typer.Option("--encoding", help="Such as utf-8 or cp1250.", rich_help_panel=_PANEL),
]
DayFirstOption: TypeAlias = Annotated[
    bool | None,
    typer.Option(
        "--day-first/--month-first",
        help="Whether 01/02/2020 is in February or in January.",
        rich_help_panel=_PANEL,
    ),
]
HeaderOption: TypeAlias = Annotated[
    bool | None,
    typer.Option(
        "--header/--no-header",
        help="Whether the first row names the columns.",
        rich_help_panel=_PANEL,
    ),
]
FrequencyOption: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--frequency", help="Such as h, D, W, MS; gaps are filled by it.", rich_help_panel=_PANEL
    ),
]
MissingOption: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        "--missing",
        help="A cell that stands for a missing value; may be repeated.",
        rich_help_panel=_PANEL,
    ),
]
MultivariateOption: TypeAlias = Annotated[
    bool,
    typer.Option(
        "--multivariate", help="Columns are channels of one: together, not each by itself."
    ),
]
YesOption: TypeAlias = Annotated[
    bool, typer.Option("--yes", "-y", help="Do not ask whether what was read is right.")
]


def table_options(
    *,
    time: str | None,
    target: list[str] | None,
    series: list[str] | None,
    separator: str | None,
    decimal: str | None,
    encoding: str | None,
    day_first: bool | None,
    header: bool | None,
    frequency: str | None,
    missing: list[str] | None,
    covariates: list[str] | None = None,
    others: bool = False,
) -> "TableOptions":
    """The options of a command as the reader takes them.

    Raises:
        ConfigurationError: a decimal mark that is none.
    """
    from app.errors import ConfigurationError
    from app.training.forecast.tables.options import TableOptions

    if decimal not in (None, ".", ","):
        raise ConfigurationError(f"--decimal: expected . or , (got {decimal!r})")
    return TableOptions(
        time=time,
        target=tuple(target or ()),
        series=tuple(series or ()),
        covariates=tuple(covariates or ()),
        others=others,
        separator=separator,
        decimal=decimal,
        encoding=encoding,
        day_first=day_first,
        header=header,
        frequency=frequency,
        missing=tuple(missing or ()),
    )


def tell_table(table: "Table") -> None:
    """Print what was read from a file to standard error; standard output is for results."""
    from app.training.forecast.own import told_lines

    _tell(told_lines(table))


def tell_left_out(folder: "Path") -> None:
    """Name the files of a folder that look like tables and are not read."""
    from app.training.forecast.own import files_left_out

    names = files_left_out(folder)
    if names:
        _tell([f"not read: {', '.join(names)} (only CSV and Parquet are)"])


def confirmed(question: str, yes: bool) -> bool:
    """Ask on a terminal; elsewhere, and with `yes`, it is agreed."""
    if yes or not sys.stdin.isatty():
        return True
    return typer.confirm(question, default=True, err=True)


def _tell(lines: Iterable[str]) -> None:
    for line in lines:
        print(line, file=sys.stderr)
