"""One table of numbers, written in many forms, and whether it was read back the same."""

from collections.abc import Callable, Sequence
from datetime import date, timedelta
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from app.training.forecast.tables.options import TableOptions
from app.training.forecast.tables.series import Table, read_table

ROWS = 30
VALUES = np.round(
    100 + 9 * np.sin(np.arange(ROWS) * 0.7)[:, None] + np.arange(ROWS)[:, None] * [1.5, -0.25], 2
)  # (rows, 2)
MONTHS = [date(2018 + i // 12, i % 12 + 1, 1) for i in range(ROWS)]
DAYS = [date(2020, 1, 20) + timedelta(days=i) for i in range(ROWS)]

Number = Callable[[float], str]
Stamp = Callable[[date], str]


def point(value: float) -> str:
    return f"{value:.2f}"


def comma(value: float) -> str:
    return f"{value:.2f}".replace(".", ",")


def iso(day: date) -> str:
    return day.isoformat()


def written(
    *,
    separator: str = ",",
    number: Number = point,
    stamp: Stamp = iso,
    dates: Sequence[date] = MONTHS,
    values: NDArray[np.float64] = VALUES,
    head: str | None = "date,a,b",
    line_end: str = "\n",
    quote: str = "",
) -> str:
    """The table as text; `head` has commas for separators, None leaves it out."""
    rows = [head.split(",")] if head is not None else []
    rows += [
        [stamp(day), *(number(float(value)) for value in row)]
        for day, row in zip(dates, values, strict=True)
    ]
    lines = [separator.join(f"{quote}{cell}{quote}" for cell in row) for row in rows]
    return line_end.join(lines) + line_end


def without_date(text: str, separator: str = ",") -> str:
    return "".join(line.partition(separator)[2] + "\n" for line in text.splitlines())


def long(text: str, head: str = "unique_id,ds,y") -> str:
    lines = text.splitlines()[1:]
    rows = [line.split(",") for line in lines]
    body = [f"{name},{row[0]},{row[i]}" for i, name in ((1, "a"), (2, "b")) for row in rows]
    return "\n".join([head, *body]) + "\n"


def read(tmp_path: Path, content: str | bytes, options: TableOptions | None = None) -> Table:
    file = tmp_path / "t.csv"
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_table(file, options)


def check(table: Table, values: np.ndarray = VALUES, frequency: str | None = "MS") -> None:
    assert len(table.series) == values.shape[1]
    for one, expected in zip(table.series, values.T, strict=True):
        np.testing.assert_allclose(one.values, expected, rtol=1e-12)
        assert one.frequency == frequency
        assert one.gaps == 0
