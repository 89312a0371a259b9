"""Any combination of separator, marks, dates, order and encoding reads back as it was written."""

from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest

from tests.training.forecast.tables.forms import read

SEPARATORS = (",", ";", "\t", "|")
DECIMALS: dict[str, Callable[[float], str]] = {
    "point": lambda v: f"{v:.2f}",
    "comma": lambda v: f"{v:.2f}".replace(".", ","),
    "thousands": lambda v: f"{v:,.2f}",
    "points and comma": lambda v: f"{v:,.2f}".translate(str.maketrans(",.", ".,")),
    "spaces and comma": lambda v: f"{v:,.2f}".replace(",", "\u00a0").replace(".", ","),
    "exact": lambda v: repr(v),
}
STAMPS: dict[str, Callable[[date], str]] = {
    "iso": lambda d: d.isoformat(),
    "day first": lambda d: d.strftime("%d/%m/%Y"),
    "month first": lambda d: d.strftime("%m/%d/%Y"),
    "dots": lambda d: d.strftime("%d.%m.%Y"),
    "basic": lambda d: d.strftime("%Y%m%d"),
    "words": lambda d: d.strftime("%d-%b-%Y"),
    "midnight": lambda d: f"{d.isoformat()} 00:00:00",
}
ENCODINGS = ("utf-8", "utf-8-sig", "utf-16", "cp1252")
STEPS = {"D": 1, "W": 7}


@pytest.mark.parametrize("seed", range(120))
def test_a_combination(tmp_path: Path, seed: int) -> None:
    rng = np.random.default_rng(seed)

    def one_of(choices: object) -> str:
        listed = list(choices)  # type: ignore[call-overload]
        return str(listed[int(rng.integers(len(listed)))])

    separator, number, stamp = one_of(SEPARATORS), one_of(DECIMALS), one_of(STAMPS)
    frequency, encoding = one_of(STEPS), one_of(ENCODINGS)
    series, length = int(rng.integers(1, 4)), int(rng.integers(30, 60))
    values = np.round(rng.normal(0, 10.0 ** rng.integers(1, 6), (length, series)), 2) + 0.01
    values = np.round(values, 2)
    start = date(2019, 1, 1) + timedelta(days=int(rng.integers(0, 700)))
    days = [start + timedelta(days=STEPS[frequency] * i) for i in range(length)]
    missing = rng.random(values.shape) < 0.05
    missing[[0, -1]] = False
    token = one_of(("", "NA", "?", "n/a"))
    written = [
        [token if missing[i, j] else DECIMALS[number](float(values[i, j])) for j in range(series)]
        for i in range(length)
    ]
    names = [f"s\u00e9rie {j}" for j in range(series)]
    if rng.random() < 0.4:
        head = ["unique_id", "ds", "y"]
        rows = [
            [names[j], STAMPS[stamp](days[i]), written[i][j]]
            for j in range(series)
            for i in range(length)
        ]
    else:
        head = [one_of(("date", "Datum", "ds", "")), *names]
        rows = [[STAMPS[stamp](days[i]), *written[i]] for i in range(length)]
    order = one_of(("as it is", "newest first", "any"))
    if order != "as it is":
        rows = [rows[i] for i in (rng.permutation(len(rows)) if order == "any" else
                                  range(len(rows) - 1, -1, -1))]  # fmt: skip
    if rng.random() < 0.3:
        head, rows = ["", *head], [[str(i), *row] for i, row in enumerate(rows)]
    quote = '"' if separator == "," else one_of(("", '"'))
    text = "".join(
        separator.join(f"{quote}{cell}{quote}" for cell in row) + "\n" for row in (head, *rows)
    )
    expected = np.where(missing, np.nan, values)
    table = read(tmp_path, text.encode(encoding))
    assert {one.name for one in table.series} == set(names)
    for one in table.series:
        column = expected[:, names.index(one.name)]
        np.testing.assert_allclose(one.values, column, rtol=1e-12, err_msg=one.name)
        assert one.frequency is not None
        assert one.frequency.startswith(frequency)
        assert one.first == f"{days[0].isoformat()}T00:00:00"
