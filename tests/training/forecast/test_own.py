"""Series of one's own: any folder trains, and all of its series are scored."""

from pathlib import Path

import numpy as np
import pytest

from app.training.forecast.data import Series, collections_in, read_series
from app.training.forecast.evaluate import evaluate_forecast
from app.training.forecast.own import files_left_out, told_lines
from app.training.forecast.reports import forecast_table
from app.training.forecast.split import BY_ID, BY_TIME, split
from app.training.forecast.tables.options import TableRefused
from app.training.forecast.tables.series import read_table
from app.training.forecast.train import train_forecast
from tests.training.forecast.test_train import tiny


def monthly(folder: Path, name: str, values: list[float]) -> Path:
    stamps = [f"{2000 + i // 12}-{i % 12 + 1:02}-01" for i in range(len(values))]
    rows = [f"{stamp},{value}" for stamp, value in zip(stamps, values, strict=True)]
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.csv").write_text("\n".join(["date,x", *rows]))
    return folder


def wave(points: int, start: float = 100.0) -> list[float]:
    steps = np.arange(points)
    noise = np.random.default_rng(points).normal(size=points)
    return np.round(start + 10 * np.sin(2 * np.pi * steps / 12) + noise, 2).tolist()  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    "series",
    [
        {"air": wave(120)},
        {"any_name": wave(120)},
        {"short": wave(8)},
        {"short": wave(9), "shorter": wave(8)},
        {"constant": [5.0] * 40},
        {"zeros": [0.0] * 30 + [3.0] + [0.0] * 9},
        {f"s{i}": wave(40 + i) for i in range(12)},
    ],
    ids=str,
)
def test_any_folder_trains_and_all_of_it_is_scored(
    tmp_path: Path, series: dict[str, list[float]]
) -> None:
    for name, values in series.items():
        monthly(tmp_path / "data", name, values)
    models = tmp_path / "models"
    train_forecast(tmp_path / "data", tiny(), name="own", repository=models, work=tmp_path / "work")
    rows = evaluate_forecast("own", models, tmp_path / "data")
    assert {row.series for row in rows} == {len(series)}
    assert {row.method for row in rows} >= {"own/1 median", "seasonal_naive", "naive2"}
    horizons = [one.horizon for one in read_series(tmp_path / "data")]
    assert (rows[0].horizon_min, rows[0].horizon_max) == (min(horizons), max(horizons))
    assert rows[0].horizon in str(next(iter(forecast_table(rows).columns[0].cells)))


def test_a_file_is_enough(tmp_path: Path) -> None:
    monthly(tmp_path, "air", wave(60))
    [one] = read_series(tmp_path / "air.csv")
    assert (one.id, one.frequency, one.part) == ("air-x", "MS", "report")
    assert collections_in(tmp_path / "air.csv") == ["csv"]


def test_what_is_reported_neither_teaches_nor_chooses(tmp_path: Path) -> None:
    [one] = read_series(monthly(tmp_path, "air", wave(120)))
    parts = split([one])
    horizon = one.horizon
    for part in (*parts.train, *parts.select):
        np.testing.assert_array_equal(part.values, one.values[:-horizon])
    np.testing.assert_array_equal(parts.select[0].future(), one.values[-2 * horizon : -horizon])
    np.testing.assert_array_equal(parts.train[0].known(), one.values[: -2 * horizon])
    assert parts.how == BY_TIME


def test_a_public_collection_is_split_by_id_and_a_small_one_by_time() -> None:
    many = [Series("m3", str(i), np.arange(40.0), "MS", 12, 6) for i in range(200)]
    parts = split(many)
    assert parts.how == BY_ID
    assert {one.part for one in parts.select} == {"select"}
    assert {one.part for one in parts.train} == {"select", "report"}
    few = [one for one in many if one.part == "report"][:3]
    assert split(few).how == BY_TIME
    assert len(split(few).select) == 3


def test_no_part_is_an_empty_table(tmp_path: Path) -> None:
    monthly(tmp_path / "data", "air", wave(60))
    train_forecast(
        tmp_path / "data", tiny(), name="own", repository=tmp_path, work=tmp_path / "work"
    )
    with pytest.raises(ValueError, match=r"in the part unseen.*report"):
        evaluate_forecast("own", tmp_path, tmp_path / "data", (), ("unseen",))
    (tmp_path / "nothing").mkdir()
    with pytest.raises(FileNotFoundError, match=r"\*\.csv"):
        evaluate_forecast("own", tmp_path, tmp_path / "nothing")


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    monthly(tmp_path, "good", wave(60))
    (tmp_path / "bad.csv").write_text("date,x\n2020-01-01,1\n2020-02-01,2,3\n")
    with pytest.raises(TableRefused, match=r"^bad\.csv, line 3"):
        read_series(tmp_path)


def test_what_was_read_is_told(tmp_path: Path) -> None:
    file = monthly(tmp_path, "air", wave(60)) / "air.csv"
    lines = file.read_text().splitlines()
    file.write_text("\n".join([*lines[:20], *lines[22:30], "2002-06-01,?", *lines[31:]]))
    (tmp_path / "book.xlsx").write_bytes(b"PK")
    told = told_lines(read_table(file))
    assert told == [
        "air.csv: utf-8, separator ',', one column a series, time in 'date'",
        "  x: 60 points, 2000-01-01 to 2004-12-01, frequency MS, 2 missing rows filled, "
        "1 missing values",
    ]
    assert files_left_out(tmp_path) == ["book.xlsx"]
