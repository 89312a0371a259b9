"""POST /backtest over a real socket, on the double that answers with the last value."""

from typing import Any

import httpx
import pytest

from tests.api.service import Service

SERIES = [1.0, 3.0, 2.0, 5.0, 4.0, 7.0, 8.0]


def backtest(service: Service, **body: Any) -> httpx.Response:
    return service.http.post("/backtest", json={"series": SERIES, "horizon": 2} | body)


def test_every_window_is_forecast_from_what_stood_before_it(service: Service) -> None:
    answer = backtest(service, windows=2, step=1).json()
    assert (answer["model"], answer["version"]) == ("forecast", "2")
    (one,) = answer["backtests"]
    assert [window["origin"] for window in one["windows"]] == [4, 5]
    assert [window["median"] for window in one["windows"]] == [[5.0, 5.0], [4.0, 4.0]]
    assert [window["actual"] for window in one["windows"]] == [[4.0, 7.0], [7.0, 8.0]]
    first = one["windows"][0]["scores"]
    assert set(first) == {"forecast", "naive", "seasonal_naive", "drift", "autoets"}
    assert first["forecast"]["mae"] == first["naive"]["mae"] == 1.5
    assert first["forecast"]["coverage_80"] == 1.0
    assert one["scores"]["forecast"]["mae"] == pytest.approx((1.5 + 3.5) / 2)
    assert answer["scores"]["naive"]["mase"] == pytest.approx(one["scores"]["naive"]["mase"])
    assert "mae" not in answer["scores"]["naive"]


def test_windows_are_a_horizon_apart_and_three_unless_told_otherwise(service: Service) -> None:
    (one,) = backtest(service, horizon=1).json()["backtests"]
    assert [window["origin"] for window in one["windows"]] == [4, 5, 6]


def test_many_series_missing_values_and_long_bodies(service: Service) -> None:
    series = [[*SERIES, None], SERIES * 20_000]
    answer = backtest(service, series=series, windows=1, start="2024").json()
    short, long = answer["backtests"]
    assert short["windows"][0]["actual"] == [8.0, None]
    assert short["windows"][0]["timestamps"] == ["2024", "2024"]
    assert long["windows"][0]["origin"] == 139_998


@pytest.mark.parametrize(
    ("body", "field", "message"),
    [
        ({"windows": 0}, "windows", "at least 1"),
        ({"windows": 1001}, "windows", "at most 1000"),
        ({"step": 0}, "step", "at least 1"),
        ({"windows": 3}, "series", "need 8 points, and there are 7"),
        ({"series": [SERIES, SERIES[:3]], "windows": 1}, "series[1]", "need 4 points"),
        ({"series": [SERIES, ["a"]]}, "series[1][0]", "a finite number"),
        ({"horizon": 0}, "horizon", "at least 1"),
        ({"origins": 2}, "origins", "unknown field"),
        ({"series": [SERIES, [None] * 7], "windows": 1}, "series[1]", "every value is missing"),
    ],
)
def test_refused_with_the_place(
    service: Service, body: dict[str, Any], field: str, message: str
) -> None:
    response = backtest(service, **body)
    assert response.status_code == 422, response.text
    (error,) = response.json()["errors"]
    assert error["field"] == field
    assert message in error["message"]


def test_cost_is_bounded(narrow: Service) -> None:
    wide = backtest(narrow, series=[1, 2, 3] * 20, horizon=1, windows=4)
    assert wide.json()["errors"][0]["message"] == "4 windows are too many"
    many = backtest(narrow, series=[SERIES, SERIES], horizon=1, windows=2)
    assert many.json()["errors"][0]["field"] == "windows"
    assert "make 4 forecasts" in many.json()["errors"][0]["message"]
    values = backtest(narrow, series=SERIES * 6, horizon=12, windows=1, quantiles=[0.1, 0.2, 0.5])
    assert "1 forecasts with 72 values" in values.json()["errors"][0]["message"]
