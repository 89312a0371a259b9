"""Columns beside `y`: covariates where that is wanted, and left out with a word where not."""

from pathlib import Path

import pytest

from app.training.forecast.own import read_own
from app.training.forecast.tables.options import TableOptions
from app.training.forecast.tables.series import Table, read_table

ROWS = [
    f"{store},2024-01-{day:02},{day * 1.5},{2.5 - day / 100:.2f},{kind},{day % 3 == 0},{store}town"
    for store, kind in (("a", "big"), ("b", "small"))
    for day in range(1, 31)
]


def read(folder: Path, header: str, others: bool = True, covariates: tuple[str, ...] = ()) -> Table:
    path = folder / "sales.csv"
    path.write_text("\n".join([header, *ROWS]), encoding="utf-8")
    return read_table(path, TableOptions(others=others, covariates=covariates))


HEADER = "unique_id,ds,y,price,kind,sale,town"


def test_the_others_are_covariates(tmp_path: Path) -> None:
    table = read(tmp_path, HEADER)
    assert [one.name for one in table.series] == ["a", "b"]
    past = table.series[1].beside.past
    assert list(past) == ["price", "kind", "sale", "town"]
    assert past["price"][:2] == [2.49, 2.48]
    assert past["kind"] == ["small"] * 30
    assert past["sale"][2] == "True"
    assert any("covariates of 'y': 'price', 'kind'" in note for note in table.notes)


def test_named_ones_are_all(tmp_path: Path) -> None:
    table = read(tmp_path, HEADER, covariates=("price",))
    assert list(table.series[0].beside.past) == ["price"]


@pytest.mark.parametrize(
    ("header", "others"), [(HEADER, False), (HEADER.replace("y,", "sold,"), True)]
)
def test_else_nothing_is(tmp_path: Path, header: str, others: bool) -> None:
    assert all(not one.beside.past for one in read(tmp_path, header, others).series)


def test_the_horizon_is_a_season(tmp_path: Path) -> None:
    path = tmp_path / "hours.csv"
    rows = [f"2024-01-{1 + i // 24:02}T{i % 24:02}:00,{i % 24},{i % 5}" for i in range(24 * 30)]
    path.write_text("\n".join(["ds,y,x", *rows]), encoding="utf-8")
    [one] = read_own(path, TableOptions(others=True))
    assert one.horizon == 24
    [plain] = read_own(path)
    assert plain.horizon == 72
