"""Dates and frequencies in any usual form are found."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.training.forecast.tables.forms import ROWS, VALUES, check, read


@pytest.mark.parametrize(
    ("stamps", "frequency"),
    [
        (pd.date_range("2020-01-06", periods=ROWS, freq="D"), "D"),
        (pd.date_range("2020-01-06", periods=ROWS, freq="B"), "B"),
        (pd.date_range("2020-01-05", periods=ROWS, freq="W"), "W-SUN"),
        (pd.date_range("2020-01-08", periods=ROWS, freq="W-WED"), "W-WED"),
        (pd.date_range("2020-01-05", periods=ROWS, freq="2W"), "2W-SUN"),
        (pd.date_range("2020-01-31", periods=ROWS, freq="ME"), "ME"),
        (pd.date_range("2020-01-15", periods=ROWS, freq="MS") + pd.Timedelta(days=14), "MS"),
        (pd.date_range("2020-01-01", periods=ROWS, freq="QS"), "QS"),
        (pd.date_range("2020-02-01", periods=ROWS, freq="QS-FEB"), "QS-FEB"),
        (pd.date_range("2020-03-31", periods=ROWS, freq="QE"), "QE"),
        (pd.date_range("1990-01-01", periods=ROWS, freq="YS"), "YS"),
        (pd.date_range("1990-04-01", periods=ROWS, freq="YS-APR"), "YS-APR"),
        (pd.date_range("1990-12-31", periods=ROWS, freq="YE"), "YE"),
        (pd.date_range("2020-01-01", periods=ROWS, freq="h"), "h"),
        (pd.date_range("2020-01-01", periods=ROWS, freq="15min"), "15min"),
        (pd.date_range("2020-01-01", periods=ROWS, freq="30s"), "30s"),
        (pd.date_range("2020-01-01", periods=ROWS, freq="BMS"), "BMS"),
        (pd.date_range("2020-01-01", periods=ROWS, freq="BME"), "BME"),
    ],
)
def test_frequencies_with_and_without_a_gap(
    tmp_path: Path, stamps: pd.DatetimeIndex, frequency: str
) -> None:
    frame = pd.DataFrame(VALUES, columns=["a", "b"], index=stamps.rename("ds"))
    check(read(tmp_path, frame.to_csv()), VALUES, frequency)
    holes = read(tmp_path, frame.drop(stamps[[9, 17]]).to_csv())
    expected = VALUES.copy()
    expected[[9, 17]] = np.nan
    for one, column in zip(holes.series, expected.T, strict=True):
        np.testing.assert_allclose(one.values, column)
        assert one.frequency == frequency
    newest_first = read(tmp_path, frame.iloc[::-1].to_csv())
    check(newest_first, VALUES, frequency)


def test_years_and_quarters(tmp_path: Path) -> None:
    lines = [f"{1990 + i},{a},{b}" for i, (a, b) in enumerate(VALUES)]
    for head in ("year,a,b\n", "Jahr,a,b\n", "anything,a,b\n", ""):
        check(read(tmp_path, head + "\n".join(lines)), VALUES, "YS")
    for form in ("{0}Q{1}", "{0}-Q{1}", "Q{1} {0}", "{1}Q{0}", "{0}q{1}"):
        quarters = [form.format(2000 + i // 4, i % 4 + 1) for i in range(ROWS)]
        text = "quarter,a,b\n" + "".join(
            f"{q},{a},{b}\n" for q, (a, b) in zip(quarters, VALUES, strict=True)
        )
        check(read(tmp_path, text), VALUES, "QS")


def test_times_of_day(tmp_path: Path) -> None:
    stamps = pd.date_range("2020-01-30", periods=ROWS, freq="h")
    forms = ["%Y-%m-%d %H:%M", "%d.%m.%Y %H:%M", "%m/%d/%Y %I:%M %p", "%Y-%m-%dT%H:%M:%S.000Z"]
    for form in forms:
        text = "time,a,b\n" + "".join(
            f"{stamp.strftime(form)},{a},{b}\n"
            for stamp, (a, b) in zip(stamps, VALUES, strict=True)
        )
        check(read(tmp_path, text), VALUES, "h")
    apart = "Date;Time;a;b\n" + "".join(
        f"{stamp:%d/%m/%Y};{stamp:%H:%M:%S};{a};{b}\n"
        for stamp, (a, b) in zip(stamps, VALUES, strict=True)
    )
    check(read(tmp_path, apart), VALUES, "h")
    epoch = "timestamp,a,b\n" + "".join(
        f"{int(stamp.timestamp())},{a},{b}\n" for stamp, (a, b) in zip(stamps, VALUES, strict=True)
    )
    check(read(tmp_path, epoch), VALUES, "h")


def test_hours_through_a_change_of_the_clock(tmp_path: Path) -> None:
    stamps = pd.date_range("2020-10-24 12:00", periods=ROWS, freq="h", tz="Europe/Berlin")
    text = "time,a,b\n" + "".join(
        f"{stamp.isoformat()},{a},{b}\n" for stamp, (a, b) in zip(stamps, VALUES, strict=True)
    )
    check(read(tmp_path, text), VALUES, "h")


def test_years_of_two_digits_lie_in_the_past(tmp_path: Path) -> None:
    stamps = pd.date_range("1949-01-01", periods=144, freq="MS")
    text = "Month,x\n" + "".join(f"{stamp:%b-%y},{i}.5\n" for i, stamp in enumerate(stamps))
    [one] = read(tmp_path, text).series
    assert (one.first, one.last) == ("1949-01-01T00:00:00", "1960-12-01T00:00:00")
