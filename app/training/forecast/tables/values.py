"""The cells of columns to values: one style a file, infinite and percent told. Knows no dates."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from app.training.forecast.tables.columns import Column, Grid
from app.training.forecast.tables.numbers import (
    Ambiguity,
    Style,
    common_style,
    is_infinite,
    is_number,
    to_float,
)
from app.training.forecast.tables.options import Place, TableOptions, shown
from app.training.forecast.tables.rows import Rows

_SENTINELS: Final = (-999.0, -9999.0, -99999.0)


def style_of(
    grid: Grid, columns: Sequence[Column], rows: Rows, place: Place, options: TableOptions
) -> Style:
    """The style in which all numbers of `columns` are written.

    Raises:
        TableRefused: they are written in several, or may be read in two ways.
    """
    if rows.typed:
        return Style(".", "")
    cells = (
        (row, cell)
        for column in columns
        for row, cell in enumerate(column.cells)
        if column.known[row] and is_number(cell)
    )
    style = common_style(cells, rows.separator, options.decimal)
    if isinstance(style, Ambiguity):
        lines = [grid.lines[row] for row in style.rows]
        also = f" (line {lines[1]})" if len(lines) > 1 else ""
        raise place.refuse(style.what + also, lines[0])
    return style


def values_of(column: Column, grid: Grid, style: Style, place: Place) -> NDArray[np.float64]:
    """The numbers of a column (rows,), NaN where missing.

    Raises:
        TableRefused: a cell is no number.
    """
    if column.odd is not None:
        row, what = column.odd
        raise place.refuse(what, grid.lines[row])
    values = np.full(len(column.cells), np.nan)
    infinite: list[int] = []
    percent: list[int] = []
    for row, cell in enumerate(column.cells):
        if not column.known[row]:
            continue
        if is_infinite(cell):
            infinite.append(row)
            continue
        values[row] = to_float(cell, style)
        if np.isinf(values[row]):
            infinite.append(row)
            values[row] = np.nan
        elif cell[-1] == "%":
            percent.append(row)
    if infinite:
        grid.notes.append(
            f"column {column.label}: {len(infinite)} infinite values taken as missing "
            f"(line {grid.lines[infinite[0]]})"
        )
    known = int(np.isfinite(values).sum())
    if percent and len(percent) < known:
        plain = next(i for i in np.flatnonzero(np.isfinite(values)) if int(i) not in set(percent))
        raise place.refuse(
            f"{shown(column.cells[int(plain)])} in column {column.label} has no percent sign, "
            f"others such as line {grid.lines[percent[0]]} have one",
            grid.lines[int(plain)],
        )
    if percent:
        grid.notes.append(f"column {column.label}: values in percent")
    for sentinel in _SENTINELS:
        count = int((values == sentinel).sum())
        if count and float(np.nanmin(values[values != sentinel], initial=np.inf)) > sentinel / 3:
            grid.notes.append(
                f"column {column.label}: {sentinel:g} stands there {count} times and is read as a "
                f"number; pass --missing={sentinel:g} if it stands for a missing value"
            )
    return values
