"""Reads series of one's own from CSV files; knows columns and dates, not the public data sets.

A file holds one series per column, oldest row first. A first column that is not numeric is read
as the dates, and tells the frequency. Empty cells are missing values.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from app.errors import InvalidInput
from app.features.calendar import cycles_of
from app.features.cycles import choose_cycles

_SHORTEST = 8


def csv_files(folder: Path) -> list[Path]:
    """The CSV files directly in `folder`, by name."""
    return sorted([*folder.glob("*.csv"), *folder.glob("*.csv.gz")])


def csv_columns(path: Path) -> Iterator[tuple[str, NDArray[np.float64], str | None, int, int]]:
    """(id, values (time,), frequency, season_length, horizon) of every numeric column of a file.

    The horizon is one season, within a tenth and a quarter of the length. Columns with fewer
    than 8 known values are passed over.

    Raises:
        ValueError: the file has no numeric column.
    """
    table = pd.read_csv(path)
    frequency = None
    first = table.columns[0]
    if not pd.api.types.is_numeric_dtype(table[first]):
        frequency = _frequency(table.pop(first))
    numeric = [c for c in table.columns if pd.api.types.is_numeric_dtype(table[c])]
    if not numeric:
        raise ValueError(f"{path} has no column of numbers")
    stem = path.name.split(".")[0]
    for column in numeric:
        values = table[column].to_numpy(np.float64)
        known = np.flatnonzero(~np.isnan(values))
        if len(known) < _SHORTEST:
            continue
        values = values[known[0] : known[-1] + 1]
        cycles = choose_cycles(values, frequency, None)
        season = max(cycles.short, 1)
        horizon = int(np.clip(season, len(values) // 10 or 1, len(values) // 4))
        yield f"{stem}-{column}", values, frequency, season, horizon


def _frequency(dates: pd.Series) -> str | None:
    try:
        found = pd.infer_freq(pd.DatetimeIndex(pd.to_datetime(dates)))
        if found is not None:
            cycles_of(found)
        return found
    except (ValueError, TypeError, InvalidInput):
        return None
