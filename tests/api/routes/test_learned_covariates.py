"""A model that has learned covariates, over a real socket."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pytest

from app.training.forecast.served import Question
from app.training.forecast.served import served as ask_folder
from app.training.forecast.train import TASKS
from tests.api.service import Service, running
from tests.cli.test_predict import run
from tests.training.forecast.covariates.made import (
    question,
    read_shops,
    tiny,
    train,
    write_shops,
)

Shops: TypeAlias = tuple[Service, dict[str, Any], Path]


@pytest.fixture(scope="module")
def served(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Shops]:
    folder, series = train(tmp_path_factory.mktemp("shops"), tiny(12))
    with running(folder.parent.parent, tasks=TASKS) as service:
        yield service, question(series[0]) | {"model": "shops"}, folder.parent.parent


def test_a_service_is_scored_as_a_folder_is(served: Shops, tmp_path: Path) -> None:
    service, _, root = served
    series = read_shops(write_shops(tmp_path))
    questions = [
        Question(one.known(), one.horizon, one.frequency, one.first, *one.covariates())
        for one in series
    ]
    with ask_folder("shops", root) as folder:
        ours = folder.ask(questions, (0.1, 0.5, 0.9))
    with ask_folder("shops", root, url=str(service.http.base_url)) as over_http:
        theirs = over_http.ask(questions, (0.1, 0.5, 0.9))
    for one, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(one.quantiles, other.quantiles, rtol=1e-9)


def test_files_are_forecast_by_it(served: Shops, tmp_path: Path) -> None:
    service, _, _ = served
    path = write_shops(tmp_path)
    lines = path.read_text(encoding="utf-8").splitlines()
    cells = [line.split(",") for line in lines]
    days = sorted({row[1] for row in cells[1:]})[-3:]  # of these only the promotions are known
    for row in cells[1:]:
        if row[1] in days:
            row[2] = row[5] = ""
    path.write_text("\n".join(",".join(row) for row in cells), encoding="utf-8")
    asked = ["forecast", str(path), "--model", "shops", "--target", "y", "--json"]
    for name in ("promotion", "region", "visitors"):
        asked += ["--covariate", name]
    code, out, err = run(*asked, "--url", str(service.http.base_url))
    assert code == 0, err
    answer = json.loads(out)
    assert answer["model"] == "shops"
    assert [len(one["median"]) for one in answer["forecasts"]] == [3] * 4


def test_covariates_go_to_the_network(served: Shops) -> None:
    service, asked, _ = served
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
    served: Shops, changes: dict[str, Any], field: str, what: str
) -> None:
    service, asked, _ = served
    response = service.forecast(**(asked | changes))
    assert response.status_code == 422
    [error] = response.json()["errors"]
    assert error["field"] == field
    assert what in error["message"]


def test_the_series_is_named(served: Shops) -> None:
    service, asked, _ = served
    past = asked["past_covariates"]
    wrong = past | {"region": [3] * len(past["region"])}
    many = {"series": [asked["series"]] * 2, "past_covariates": [past, wrong]}
    response = service.forecast(**(asked | many))
    assert response.status_code == 422
    assert response.json()["errors"][0]["field"] == "past_covariates[1].region"


def test_backtests(served: Shops) -> None:
    service, asked, _ = served
    body = asked | {"windows": 2, "future_covariates": {"promotion": []}}
    response = service.http.post("/backtest", json=body)
    assert response.status_code == 200, response.text
    assert len(response.json()["backtests"][0]["windows"]) == 2


def test_other_ways_to_forecast_say_what_is_missing(
    served: Shops,
) -> None:
    service, asked, _ = served
    gaps = asked | {"series": [None if i == 9 else v for i, v in enumerate(asked["series"])]}
    response = service.forecast(**gaps, return_imputed=True)
    assert response.status_code == 422
    assert "promotion" in response.json()["errors"][0]["message"]
