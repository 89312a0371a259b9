"""Series of one's own: a file or a folder of files. Knows which files, seasons and horizons."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from app.features.cycles import choose_cycles
from app.training.forecast.tables.options import TableOptions, TableRefused
from app.training.forecast.tables.series import SHORTEST, Table, TableSeries, read_table

_ENDINGS: Final = (".csv", ".tsv", ".tab", ".csv.gz", ".tsv.gz", ".parquet", ".pq")
_WITH_COVARIATES: Final = 8  # steps ahead at least, where a season is shorter
_OTHER_TABLES: Final = (".xlsx", ".xls", ".ods", ".txt", ".dat", ".json", ".feather", ".zip")


@dataclass(frozen=True)
class OwnSeries:
    """A series as it was read, and how it is forecast."""

    id: str  # file and column, or file and series
    table: TableSeries
    season_length: int
    # of its covariates' future, if there is one; else a season, a tenth to a quarter of the length,
    # and with covariates no more than a season
    horizon: int


def own_files(path: Path) -> list[Path]:
    """`path` itself if it is a file, else the tables directly in the folder, by name."""
    if path.is_file():
        return [path]
    if not path.is_dir():
        return []
    return sorted(
        each
        for each in path.iterdir()
        if each.is_file() and each.name.lower().endswith(_ENDINGS) and not each.name.startswith(".")
    )


def files_left_out(path: Path) -> list[str]:
    """Files of the folder that may hold tables and are not read."""
    if not path.is_dir():
        return []
    return sorted(each.name for each in path.iterdir() if each.suffix.lower() in _OTHER_TABLES)


def read_own(
    path: Path,
    options: TableOptions | None = None,
    *,
    shortest: int = SHORTEST,
    tell: Callable[[Table], None] | None = None,
) -> list[OwnSeries]:
    """Every series of the files of `path`; `tell` is given what was read from each.

    Raises:
        TableRefused: a file cannot be read for certain.
    """
    found: list[OwnSeries] = []
    files = own_files(path)
    stems = [file.name.split(".")[0] for file in files]
    for file, stem in zip(files, stems, strict=True):
        try:
            table = read_table(file, options, shortest=shortest)
        except OSError as error:
            raise TableRefused(f"{file.name}: cannot be read: {error.strerror}") from None
        if tell is not None:
            tell(table)
        name = stem if stems.count(stem) == 1 else file.name
        found += [_own(name, one) for one in table.series]
    return found


def _own(stem: str, one: TableSeries) -> OwnSeries:
    length = len(one.values)
    season = max(choose_cycles(one.values, one.frequency, None).short, 1)
    horizon = int(np.clip(season, length // 10 or 1, max(length // 4, 1)))
    if one.beside.past:  # what is known ahead is known for a season or so
        horizon = min(horizon, max(season, _WITH_COVARIATES))
    horizon = one.beside.steps or horizon
    return OwnSeries(f"{stem}-{one.name}" if one.name else stem, one, season, horizon)


def told_lines(table: Table, *, most: int = 12) -> list[str]:
    """What was read from a file, for a terminal: a line for the file, each series and each note."""
    lines = [f"{table.path.name}: {table.form}"]
    for one in table.series[:most]:
        span = f", {_date(one.first)} to {_date(one.last)}" if one.first and one.last else ""
        frequency = f", frequency {one.frequency}" if one.frequency else ", no frequency"
        gaps = f", {one.gaps} missing rows filled" if one.gaps else ""
        empty = one.missing - one.gaps
        missing = f", {empty} missing values" if empty else ""
        name = one.name or "series"
        if one.beside.past:
            missing += f", {len(one.beside.past)} covariates, {one.beside.steps} steps ahead"
        lines.append(f"  {name}: {len(one.values)} points{span}{frequency}{gaps}{missing}")
    if len(table.series) > most:
        points = sum(len(one.values) for one in table.series[most:])
        lines.append(f"  and {len(table.series) - most} more series, {points} points")
    lines += [f"  note: {note}" for note in table.notes]
    return lines


def _date(stamp: str | None) -> str:
    return (stamp or "").removesuffix("T00:00:00")
