"""Columns of covariates beside the values of a series: their past, and their future. Knows rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from app.training.forecast.tables.columns import Column, Grid
from app.training.forecast.tables.numbers import Style
from app.training.forecast.tables.options import Place
from app.training.forecast.tables.values import values_of

# Numbers or texts, None where there is none.
Cells: TypeAlias = list[float | str | None]


@dataclass(frozen=True)
class Beside:
    """past: by name, one for each value of the series; ahead: for the rows after the last one."""

    past: Mapping[str, Cells] = field(default_factory=dict)
    ahead: Mapping[str, Cells] = field(default_factory=dict)

    @property
    def steps(self) -> int:
        """Steps ahead of which every covariate that has a future is known."""
        return min((len(cells) for cells in self.ahead.values() if cells), default=0)


def cells_of(column: Column, grid: Grid, style: Style, place: Place) -> Cells:
    """The cells of a column (rows,): numbers if it holds numbers, else texts.

    Raises:
        TableRefused: a column of numbers holds something else.
    """
    if column.kind == "number":
        numbers = values_of(column, grid, style, place).tolist()
        return [value if value == value else None for value in numbers]
    return [cell if known else None for cell, known in zip(column.cells, column.known, strict=True)]


def beside(
    cells: Mapping[str, Cells],
    rows: Sequence[int] | NDArray[np.intp],
    positions: NDArray[np.int64],
    first: int,
    last: int,
) -> Beside:
    """What stands beside a series whose known values go from row `first` to row `last` of `rows`.

    The future ends at the first step without a row or without a value of a covariate.
    """
    past, ahead = {}, {}
    for name, column in cells.items():
        known: Cells = [None] * int(positions[last] - positions[first] + 1)
        for i in range(first, last + 1):
            known[int(positions[i] - positions[first])] = column[int(rows[i])]
        past[name] = known
        future: Cells = []
        for i in range(last + 1, len(rows)):
            cell = column[int(rows[i])]
            if int(positions[i] - positions[last]) != len(future) + 1 or cell is None:
                break
            future.append(cell)
        ahead[name] = future
    return Beside(past, ahead)
