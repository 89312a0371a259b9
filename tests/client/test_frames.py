"""Frames of pandas and polars, in long and wide form, and which frequency their times have."""

from datetime import date, datetime, timedelta, timezone
from typing import Any

import pandas as pd
import pytest

from unroll_client import Client, WrongArgument
from unroll_client.frames import Columns, table_of
from unroll_client.frequency import moments, regular

NO_NAMES = Columns(None, None, None)
ALIASES = [
    *("s", "15min", "h", "6h", "D", "3D", "B", "W-SUN", "W-WED", "2W-MON"),
    *("MS", "ME", "2MS", "QS-JAN", "QS-FEB", "YS-JAN", "YS-APR", "YE-DEC"),
]


@pytest.mark.parametrize("alias", ALIASES)
def test_frequencies_are_those_of_pandas(alias: str) -> None:
    times = pd.date_range("2024-01-03", periods=30, freq=alias)
    found, steps = regular([each.to_pydatetime() for each in times], "x")
    assert steps == list(range(30))
    assert pd.date_range(times[0], periods=30, freq=found).equals(times)
    assert moments(times[0].to_pydatetime(), found, 30) == [each.to_pydatetime() for each in times]
    # Left out values are found by their times.
    kept = [i for i in range(30) if i not in (4, 5, 17, 22)]
    assert regular([times[i].to_pydatetime() for i in kept], "x") == (found, kept)


@pytest.mark.parametrize(
    ("times", "message"),
    [
        ([1], "does not follow from 1 times"),
        ([1, 2, 2, 3], "comes twice"),
        ([1, 2, 3.5], "comes 1 day, 12:00:00 after the time before it"),
    ],
)
def test_times_without_a_frequency(times: list[float], message: str) -> None:
    with pytest.raises(WrongArgument, match=f"x: .*{message}"):
        regular([datetime(2024, 1, 1) + timedelta(days=each) for each in times], "x")


def long_frame() -> Any:
    days = pd.date_range("2024-02-01", periods=4, freq="D")
    rows = [("b", days[i], float(i)) for i in (0, 1, 3)] + [
        ("a", days[i], 10.0 + i) for i in (2, 1)
    ]
    return pd.DataFrame(rows, columns=["unique_id", "ds", "y"])


def test_the_long_form() -> None:
    table = table_of(long_frame(), NO_NAMES, None)
    assert table.names == ["b", "a"]
    assert table.values == [[0.0, 1.0, None, 3.0], [11.0, 12.0]]
    assert table.starts == ["2024-02-01T00:00:00", "2024-02-02T00:00:00"]
    assert table.frequency == "D"


def test_names_of_columns_can_be_given() -> None:
    frame = long_frame().rename(columns={"unique_id": "shop", "ds": "day", "y": "sold"})
    frame["other"] = 1.0
    table = table_of(frame, Columns("day", "sold", "shop"), None)
    assert table.values[1] == [11.0, 12.0]
    with pytest.raises(WrongArgument, match=r"which column holds the values\? .*'sold', 'other'"):
        table_of(frame, Columns("day", None, "shop"), None)
    with pytest.raises(WrongArgument, match="no column 'sale'; it has shop, day, sold, other"):
        table_of(frame, Columns("day", "sale", "shop"), None)


def test_the_wide_form() -> None:
    index = pd.period_range("2024-01", periods=3, freq="M")
    frame = pd.DataFrame({"x": [1, 2, 3], "name": ["p", "q", "r"], "y": [4.0, None, 6.0]}, index)
    table = table_of(frame, NO_NAMES, None)
    assert table.names == ["x", "y"]
    assert table.frequency == "MS"
    assert table.starts == ["2024-01-01T00:00:00"] * 2
    without = table_of(frame.reset_index(drop=True), NO_NAMES, None)
    assert (without.starts, without.frequency) == (None, None)
    (one,) = table_of(frame, Columns(None, "y", None), None).names
    assert one == "y"


def test_times_as_texts_dates_and_with_a_zone() -> None:
    for times in (
        ["2024-01-01", "2024-01-02", "2024-01-03"],
        [date(2024, 1, 1), date(2024, 1, 2), date(2024, 1, 3)],
        pd.date_range("2024-01-01", periods=3, tz="Europe/Berlin"),
        [datetime(2024, 1, i, tzinfo=timezone.utc) for i in (1, 2, 3)],  # noqa: UP017
    ):
        table = table_of(pd.DataFrame({"date": times, "v": [1, 2, 3]}), NO_NAMES, None)
        assert (table.frequency, table.starts) == ("D", ["2024-01-01T00:00:00"])
    with pytest.raises(WrongArgument, match="expected a time, got 'soon'"):
        table_of(pd.DataFrame({"date": ["soon"], "v": [1]}), NO_NAMES, None)


def test_a_frame_of_pandas_comes_back(client: Client) -> None:
    found = client.forecast(long_frame(), 2, quantiles=[0.5, 0.9])
    assert isinstance(found, pd.DataFrame)
    assert list(found.columns) == ["unique_id", "ds", "mean", "q0.5", "q0.9"]
    assert found["unique_id"].tolist() == ["b", "b", "a", "a"]
    assert found["mean"].tolist() == [3.0, 3.0, 12.0, 12.0]
    assert found["q0.9"].tolist() == [7.0, 7.0, 16.0, 16.0]
    assert found["ds"].tolist()[0] == pd.Timestamp("2024-02-01")  # the double answers the start
    steps = client.forecast(pd.DataFrame({"v": [1, 2, 3]}), 2)
    assert steps["ds"].tolist() == [1, 2]


def test_a_frame_of_polars_comes_back(client: Client) -> None:
    polars = pytest.importorskip("polars")
    frame = polars.DataFrame(
        {
            "unique_id": ["a"] * 3,
            "ds": [datetime(2024, 1, 1) + timedelta(hours=i) for i in range(3)],
            "y": [1.0, None, 5.0],
        }
    )
    found = client.forecast(frame, 2)
    assert isinstance(found, polars.DataFrame)
    assert found["mean"].to_list() == [5.0, 5.0]
    assert found["ds"].dtype == polars.Datetime
    assert client.forecast(frame["y"], 1)[0]["mean"] == [5.0]


def test_several_frequencies_are_no_table() -> None:
    frame = pd.concat(
        [
            pd.DataFrame({"unique_id": name, "ds": pd.date_range("2024", periods=3, freq=alias)})
            for name, alias in (("a", "D"), ("b", "h"))
        ]
    ).assign(y=1.0)
    with pytest.raises(WrongArgument, match=r"several frequencies \(a has D, b has h\)"):
        table_of(frame, NO_NAMES, None)


@pytest.mark.parametrize("frequency", [None, "D"])
@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_a_frame_without_rows_is_told(client: Client, library: str, frequency: str | None) -> None:
    frame = pytest.importorskip(library).DataFrame({"unique_id": [], "ds": [], "y": []})
    for empty in (frame, frame[["ds", "y"]], frame[["y"]]):
        with pytest.raises(WrongArgument, match="the frame has no rows"):
            client.forecast(empty, 1, frequency=frequency)


def test_something_that_is_no_frame(client: Client) -> None:
    class Table:
        columns = ("a",)
        shape = (1, 1)

    with pytest.raises(WrongArgument, match="expected a frame of pandas or polars"):
        client.forecast(Table(), 1)
    with pytest.raises(WrongArgument, match="name columns of a frame"):
        client.forecast([1, 2], 1, time="ds")  # type: ignore[call-overload]
