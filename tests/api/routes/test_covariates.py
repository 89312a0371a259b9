"""Covariates over a real socket, on the double that answers with the last value."""

from typing import Any

import pytest

from tests.api.service import Service

POINTS = 60
SALE = [i % 5 == 0 for i in range(POINTS + 3)]
SERIES = [30.0 + i % 3 + 10.0 * SALE[i] for i in range(POINTS)]
ASKED: dict[str, Any] = {
    "series": SERIES,
    "horizon": 3,
    "season_length": 1,
    "past_covariates": {"sale": SALE[:POINTS]},
    "future_covariates": {"sale": SALE[POINTS:]},
}


def test_an_answer_says_what_covariates_did(service: Service) -> None:
    (one,) = service.forecast(**ASKED).json()["forecasts"]
    about = one["covariates"]
    assert about["weight"] > 0
    assert about["error"] < about["error_without"]
    assert about["contributions"]["sale"][0] - about["contributions"]["sale"][1] > 5
    assert one["median"][0] - one["median"][1] > 5
    plain = service.forecast(series=SERIES, horizon=3).json()["forecasts"][0]
    assert "covariates" not in plain


def test_one_object_for_all_or_one_each(service: Service) -> None:
    both = ASKED | {"series": [SERIES, SERIES]}
    shared = service.forecast(**both).json()["forecasts"]
    assert shared[0] == shared[1]
    each = {name: [ASKED[name]] * 2 for name in ("past_covariates", "future_covariates")}
    assert service.forecast(**(both | each)).json()["forecasts"] == shared
    one = {name: [ASKED[name], {}] for name in each}
    without = service.forecast(**(both | one)).json()["forecasts"]
    assert without[0] == shared[0]
    assert without[1]["covariates"]["weight"] == 0


def test_long_lists_of_covariates(service: Service) -> None:
    long = {"series": SERIES * 400, "past_covariates": {"sale": SALE[:POINTS] * 400}}
    response = service.forecast(**(ASKED | long))
    assert response.status_code == 200, response.text


def test_backtests_have_covariates_too(service: Service) -> None:
    body = ASKED | {
        "windows": 2,
        "past_covariates": ASKED["past_covariates"] | {"other": [1] * POINTS},
    }
    answer = service.http.post("/backtest", json=body).json()
    without = service.http.post("/backtest", json={"series": SERIES, "horizon": 3, "windows": 2})
    scores = answer["scores"]["forecast"]["mase"], without.json()["scores"]["forecast"]["mase"]
    assert scores[0] < scores[1]


def test_channels_see_each_others_past(service: Service) -> None:
    """The second channel says three steps before what the first will be."""
    leader = [float((i * i * 7) % 11) for i in range(80)]
    follower = [0.0, 0.0, 0.0, *leader[:-3]]
    both = {"series": [follower, leader], "horizon": 3, "season_length": 1}
    first, _ = service.forecast(**both, multivariate=True).json()["forecasts"]
    assert first["covariates"]["weight"] > 0
    assert list(first["covariates"]["contributions"]) == ["series[1]"]
    scored = service.http.post("/backtest", json=both | {"multivariate": True, "windows": 2})
    assert scored.status_code == 200
    for series in ([leader], [leader, leader[1:]], leader):
        refused = service.forecast(series=series, multivariate=True)
        assert refused.status_code == 422
        assert refused.json()["errors"][0]["field"].startswith("series")


@pytest.mark.parametrize(
    ("body", "field", "message"),
    [
        ({"past_covariates": 3}, "past_covariates", "expected an object, got 3"),
        ({"past_covariates": [{}]}, "past_covariates", "expected an object, got a list"),
        ({"past_covariates": {"sale": [1]}}, "past_covariates.sale", "1 values"),
        ({"past_covariates": {}}, "future_covariates.sale", "its past is not there"),
        ({"future_covariates": {"sale": [1, 2, "x"]}}, "past_covariates.sale", "mixed"),
        ({"holidays": "DE"}, "holidays", "need dates"),
        ({"holidays": 5}, "holidays", "a text, got 5"),
        (
            {"series": [SERIES, SERIES[:9]]},
            "past_covariates[1].sale",
            "60 values, and the series has 9",
        ),
        (
            {"series": [SERIES, SERIES], "past_covariates": [{}]},
            "past_covariates",
            "1 objects for 2 series",
        ),
        ({"series": [SERIES] * 101}, "series", "101 forecasts with covariates are too many"),
    ],
)
def test_refused_with_the_place(
    service: Service, body: dict[str, Any], field: str, message: str
) -> None:
    response = service.forecast(**(ASKED | body))
    assert response.status_code == 422, response.text
    (error,) = response.json()["errors"]
    assert error["field"] == field
    assert message in error["message"]
