"""POST /forecast with return_imputed: the filled-in past, and what is refused."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from app.main import TASKS
from tests.api.service import Service, running
from tests.forecaster import write_still_version

SERIES = [3.0, 4.0, 3.5, None, None, 4.5, 4.0, 5.0]


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    root = tmp_path_factory.mktemp("models")
    write_still_version(root)
    with running(root, tasks=TASKS, max_horizon=20, max_points=1000) as one:
        yield one


def ask(client: Service, **body: Any) -> httpx.Response:
    return client.forecast(**{"series": SERIES, "return_imputed": True} | body)


def test_the_past_is_answered_beside_the_same_forecast(client: Service) -> None:
    plain = ask(client, return_imputed=False).json()["forecasts"][0]
    answer = ask(client).json()["forecasts"][0]
    past = answer.pop("past")
    assert answer == plain
    assert set(past["quantiles"]) == {"0.1", "0.5", "0.9"}
    for index, value in enumerate(SERIES):
        low, middle, high = (past["quantiles"][level][index] for level in ("0.1", "0.5", "0.9"))
        if value is None:
            assert low < middle == past["values"][index] < high
        else:
            assert low == middle == high == past["values"][index] == value


def test_each_series_has_its_own_and_what_has_no_gaps_is_what_it_was(client: Service) -> None:
    series = [[1.0, 2.0, 3.0], SERIES, [None, 5.0, 6.0]]
    answers = ask(client, series=series, quantiles=[0.25]).json()["forecasts"]
    assert [len(each["past"]["values"]) for each in answers] == [3, 8, 3]
    assert answers[0]["past"] == {"values": series[0], "quantiles": {"0.25": series[0]}}
    alone = ask(client, quantiles=[0.25]).json()["forecasts"][0]
    assert answers[1]["past"] == alone["past"]


@pytest.mark.parametrize(
    ("body", "field", "message"),
    [
        ({"return_imputed": 1}, "return_imputed", "true or false"),
        (
            {"series": [[1.0, 2.0], [1.0, *[None] * 21, 2.0, 3.0]]},
            "series[1]",
            "21 values in a row",
        ),
        ({"series": [[1.0, None] * 201], "quantiles": [0.5]}, "return_imputed", "201 gaps"),
        ({"series": [1.0] * 300}, "return_imputed", "1200 values"),
    ],
)
def test_too_much_is_refused(
    client: Service, body: dict[str, Any], field: str, message: str
) -> None:
    response = ask(client, **body)
    assert response.status_code == 422
    [error] = response.json()["errors"]
    assert error["field"] == field
    assert message in error["message"]
