"""A model that has learned channels together, over a real socket and from the command line."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pytest
from typer.testing import CliRunner

from app.cli.commands import cli
from app.training.forecast.covariates.channels import channels_of
from app.training.forecast.data import Series, read_series
from app.training.forecast.served import Question
from app.training.forecast.served import served as ask_folder
from app.training.forecast.train import TASKS
from tests.api.service import Service, running
from tests.cli.test_predict import run
from tests.training.forecast.covariates.system import write_system

Served: TypeAlias = tuple[Service, list[Series], Path]
HORIZON = 3


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("system")
    table = write_system(folder, days=90)
    models = folder / "models"
    names = ["--name", "together", "--out", str(models), "--work", str(folder / "work")]
    sizes = ["--hidden-size", "8", "--members", "2", "--steps", "6", "--horizon", str(HORIZON)]
    asked = ("train", "forecast", "--data", str(table), "--multivariate", "--yes", *names, *sizes)
    trained = CliRunner().invoke(cli, asked)
    assert trained.exit_code == 0, trained.output
    with running(models, tasks=TASKS) as service:
        yield service, channels_of(read_series(table)), folder


def body(channels: list[Series], **changes: Any) -> dict[str, Any]:
    return {
        "model": "together",
        "series": [one.values.tolist() for one in channels],
        "horizon": HORIZON,
        "frequency": "D",
        "start": channels[0].first,
        "multivariate": True,
    } | changes


def test_every_channel_is_answered_and_depends_on_the_others(served: Served) -> None:
    service, channels, _ = served
    answer = service.http.post("/forecast", json=body(channels))
    assert answer.status_code == 200, answer.text
    forecasts = answer.json()["forecasts"]
    assert [len(one["median"]) for one in forecasts] == [HORIZON] * 3
    assert all(one["timestamps"][0].startswith("2023-04-01") for one in forecasts)
    for one, channel in zip(forecasts, channels, strict=True):  # each on its own scale
        assert abs(one["median"][0] - channel.values.mean()) < 4 * channel.values.std()
        assert one["quantiles"]["0.1"][0] < one["median"][0] < one["quantiles"]["0.9"][0]
    changed = body(channels)
    changed["series"][0] = [value + (i % 2) for i, value in enumerate(changed["series"][0])]
    others = service.http.post("/forecast", json=changed).json()["forecasts"]
    assert others[1]["median"] != forecasts[1]["median"]


@pytest.mark.parametrize(
    ("changes", "field", "message"),
    [
        ({"multivariate": False}, "multivariate", "forecasts 3 channels together"),
        ({"series": [[1.0, 2.0, 3.0]] * 2}, "series", "2 channels, and this model has learned 3"),
        ({"series": [[1.0, 2.0, 3.0]] * 4}, "series", "4 channels, and this model has learned 3"),
        ({"series": [1.0, 2.0, 3.0]}, "series", "1 channels, and this model has learned 3"),
        ({"series": [[1.0, 2.0], [1.0, 2.0], [1.0]]}, "series[2]", "it has 1 values"),
        ({"series": [[1, 2], [None, None], [1, 2]]}, "series[1]", "every value is missing"),
        ({"start": ["2024-01-01", "2024-01-01", "2024-01-02"]}, "start", "at the same time"),
        ({"past_covariates": [{}, {}, {"x": [1]}]}, "past_covariates", "share their covariates"),
        ({"holidays": "DE"}, "holidays", "no holidays"),
    ],
)
def test_what_is_wrong_is_named(
    served: Served, changes: dict[str, Any], field: str, message: str
) -> None:
    service, channels, _ = served
    response = service.http.post("/forecast", json=body(channels, **changes))
    assert response.status_code == 422, response.text
    (error,) = response.json()["errors"]
    assert error["field"] == field
    assert message in error["message"]


def test_names_are_told_and_gaps_are_not_filled(served: Served) -> None:
    service, channels, _ = served
    response = service.http.post("/forecast", json=body(channels, multivariate=False))
    assert "valve, level, noise" in response.json()["errors"][0]["allowed"]
    gaps = service.http.post("/forecast", json=body(channels, return_imputed=True))
    assert gaps.json()["errors"][0]["field"] == "return_imputed"
    facts = service.http.get("/models/together/versions/1").json()
    assert facts["training"]["channels"] == ["valve", "level", "noise"]


def test_a_backtest_forecasts_the_channels_of_each_window_together(served: Served) -> None:
    service, channels, _ = served
    answer = service.http.post("/backtest", json=body(channels, windows=2))
    assert answer.status_code == 200, answer.text
    backtests = answer.json()["backtests"]
    assert len(backtests) == 3
    for at, origin in enumerate((90 - 2 * HORIZON, 90 - HORIZON)):
        known = [one.values[:origin].tolist() for one in channels]
        again = service.http.post("/forecast", json=body(channels, series=known)).json()
        for one, forecast in zip(backtests, again["forecasts"], strict=True):
            assert one["windows"][at]["origin"] == origin
            assert one["windows"][at]["median"] == pytest.approx(forecast["median"])


def test_a_service_is_scored_as_a_folder_is(served: Served) -> None:
    service, channels, folder = served
    asked = [Question(one.known(), HORIZON, one.frequency, one.first) for one in channels]
    with ask_folder("together", folder / "models") as one:
        ours = one.ask(asked, (0.1, 0.5, 0.9))
        assert one.channels == 3
    with ask_folder("together", folder, url=str(service.http.base_url)) as other:
        theirs = other.ask(asked, (0.1, 0.5, 0.9))
        assert other.channels == 3
    for mine, yours in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(mine.quantiles, yours.quantiles, rtol=1e-9)


def test_a_file_is_forecast_by_it(served: Served) -> None:
    service, channels, folder = served
    code, out, err = run(
        *("forecast", str(folder / "system.csv"), "--model", "together", "--multivariate"),
        *("--horizon", str(HORIZON), "--json", "--url", str(service.http.base_url)),
    )
    assert code == 0, err
    told = json.loads(out)["forecasts"]
    expected = service.http.post("/forecast", json=body(channels)).json()["forecasts"]
    assert [one["median"] for one in told] == [one["median"] for one in expected]
