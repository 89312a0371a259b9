"""A model that has learned covariates, over a real socket."""

from collections.abc import Iterator
from typing import Any

import pytest

from app.training.forecast.train import TASKS
from tests.api.service import Service, running
from tests.training.forecast.covariates.made import question, tiny, train


@pytest.fixture(scope="module")
def served(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[Service, dict[str, Any]]]:
    folder, series = train(tmp_path_factory.mktemp("shops"), tiny(12))
    with running(folder.parent.parent, tasks=TASKS) as service:
        yield service, question(series[0]) | {"model": "shops"}


def test_covariates_go_to_the_network(served: tuple[Service, dict[str, Any]]) -> None:
    service, asked = served
    response = service.forecast(**asked)
    assert response.status_code == 200, response.text
    (one,) = response.json()["forecasts"]
    assert "covariates" not in one, "nothing is fitted to the request"
    told = asked["future_covariates"]["promotion"]
    other = {"promotion": ["False" if each == "True" else "True" for each in told]}
    (changed,) = service.forecast(**(asked | {"future_covariates": other})).json()["forecasts"]
    assert changed["median"] != one["median"]
    several = asked | {
        "series": [asked["series"]] * 2,
        "past_covariates": [asked["past_covariates"]] * 2,
        "future_covariates": [asked["future_covariates"], other],
    }
    assert service.forecast(**several).json()["forecasts"] == [one, changed]


@pytest.mark.parametrize(
    ("changes", "field", "what"),
    [
        ({"past_covariates": None, "future_covariates": None}, "past_covariates", "promotion"),
        ({"future_covariates": {}}, "future_covariates", "promotion"),
        ({"holidays": "DE"}, "holidays", "no holidays"),
    ],
)
def test_what_is_not_there_is_named(
    served: tuple[Service, dict[str, Any]], changes: dict[str, Any], field: str, what: str
) -> None:
    service, asked = served
    response = service.forecast(**(asked | changes))
    assert response.status_code == 422
    [error] = response.json()["errors"]
    assert error["field"] == field
    assert what in error["message"]


def test_the_series_is_named(served: tuple[Service, dict[str, Any]]) -> None:
    service, asked = served
    past = asked["past_covariates"]
    wrong = past | {"region": [3] * len(past["region"])}
    many = {"series": [asked["series"]] * 2, "past_covariates": [past, wrong]}
    response = service.forecast(**(asked | many))
    assert response.status_code == 422
    assert response.json()["errors"][0]["field"] == "past_covariates[1].region"


def test_backtests(served: tuple[Service, dict[str, Any]]) -> None:
    service, asked = served
    body = asked | {"windows": 2, "future_covariates": {"promotion": []}}
    response = service.http.post("/backtest", json=body)
    assert response.status_code == 200, response.text
    assert len(response.json()["backtests"][0]["windows"]) == 2


def test_other_ways_to_forecast_say_what_is_missing(
    served: tuple[Service, dict[str, Any]],
) -> None:
    service, asked = served
    gaps = asked | {"series": [None if i == 9 else v for i, v in enumerate(asked["series"])]}
    response = service.forecast(**gaps, return_imputed=True)
    assert response.status_code == 422
    assert "promotion" in response.json()["errors"][0]["message"]
