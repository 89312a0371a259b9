"""Parquet files as rows of cells. Knows pandas' reader; needs the extra [parquet]."""

from pathlib import Path

import pandas as pd

from app.training.forecast.tables.options import Place
from app.training.forecast.tables.rows import Rows


def is_parquet(path: Path) -> bool:
    """By its name, or by its first bytes."""
    if path.suffix.lower() in (".parquet", ".pq"):
        return True
    with path.open("rb") as file:
        return file.read(4) == b"PAR1"


def parquet_rows(path: Path) -> Rows:
    """The table as cells; numbers and dates are written so that they read back the same.

    Raises:
        TableRefused: it is no Parquet file, or what reads it is not installed.
    """
    place = Place(path)
    try:
        table = pd.read_parquet(path)
    except ImportError:
        raise place.refuse(
            "reading Parquet needs one more package; install it with: pip install -e '.[parquet]'"
        ) from None
    except Exception as error:  # pyarrow raises what it likes on broken files
        raise place.refuse(f"cannot be read as Parquet: {error}") from None
    if not isinstance(table.index, pd.RangeIndex):
        table = table.reset_index()
    if table.empty:
        raise place.refuse("holds no row")
    columns = [_cells(table.iloc[:, i]) for i in range(table.shape[1])]
    body = [list(row) for row in zip(*columns, strict=True)]
    cells = [[str(name) for name in table.columns], *body]
    return Rows(cells, list(range(len(cells))), "", "Parquet", typed=True)


def _cells(column: pd.Series) -> list[str]:
    if pd.api.types.is_datetime64_any_dtype(column):
        return ["" if pd.isna(each) else each.isoformat() for each in column]
    if isinstance(column.dtype, pd.PeriodDtype):
        return ["" if pd.isna(each) else str(each) for each in column]
    if pd.api.types.is_bool_dtype(column):
        return [str(each) for each in column]
    return ["" if pd.isna(each) else str(each) for each in column]
