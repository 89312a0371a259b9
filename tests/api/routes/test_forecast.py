"""POST /forecast over a real socket: what is answered, and what is refused where."""

from typing import Any

import httpx
import pytest

from tests.api.service import Service
from tests.samples import sample

THREE = [1, 2, 3]


def error_of(response: httpx.Response) -> dict[str, Any]:
    (error,) = response.json()["errors"]
    assert isinstance(error, dict)
    return error


def test_one_series(service: Service) -> None:
    response = service.forecast(series=[5, 7.5], horizon=3)
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json"
    assert response.json() == {
        "model": "forecast",
        "version": "2",
        "forecasts": [
            {
                "mean": [7.5, 7.5, 7.5],
                "median": [7.5, 7.5, 7.5],
                "quantiles": {"0.1": [3.5] * 3, "0.5": [7.5] * 3, "0.9": [11.5] * 3},
                "season_length": 1,
                "imputed": 0,
                "notes": [],
            }
        ],
    }


def test_many_series_in_order(service: Service) -> None:
    series = [[float(i)] * (i % 7 + 1) for i in range(50)]
    forecasts = service.forecast(series=series, horizon=1, quantiles=[0.5]).json()["forecasts"]
    assert [forecast["mean"] for forecast in forecasts] == [[float(i)] for i in range(50)]


def test_a_list_of_one_series_is_a_list(service: Service) -> None:
    assert service.forecast(series=[THREE]).json() == service.forecast().json()


def test_missing_values_are_counted(service: Service) -> None:
    before = sample("unroll_missing_values_total", model="forecast")
    response = service.forecast(series=[[None, 1, None], [2]])
    assert [each["imputed"] for each in response.json()["forecasts"]] == [2, 0]
    assert sample("unroll_missing_values_total", model="forecast") == before + 2


def test_start_for_all_or_each(service: Service) -> None:
    def stamps(start: Any) -> list[Any]:
        response = service.forecast(series=[THREE, THREE], horizon=1, start=start)
        return [each.get("timestamps") for each in response.json()["forecasts"]]

    assert stamps("2024") == [["2024"], ["2024"]]
    assert stamps(["2024", None]) == [["2024"], None]
    assert stamps(None) == [None, None]


def test_an_explicit_model_and_version(service: Service) -> None:
    answer = service.forecast(model="slow", version="1").json()
    assert (answer["model"], answer["version"]) == ("slow", "1")


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"model": "nope"}, "nope"),
        ({"version": "1"}, "served: 2"),
        ({"version": "7"}, "served: 2"),
        ({"model": "other"}, "forecast model"),
        ({"model": "broken"}, "broken"),
    ],
)
def test_models_that_are_not_served(service: Service, body: dict[str, str], message: str) -> None:
    response = service.forecast(**body)
    assert response.status_code == 404
    assert response.json()["type"] == "urn:unroll:problem:model-not-found"
    assert message in response.json()["detail"]


@pytest.mark.parametrize(
    ("body", "field", "message"),
    [
        ({"series": []}, "series", "empty"),
        ({"series": [[]]}, "series[0]", "empty"),
        ({"series": [THREE, []]}, "series[1]", "empty"),
        ({"series": None}, "series", "got null"),
        ({"series": 7}, "series", "got 7"),
        ({"series": "1,2,3"}, "series", 'got "1,2,3"'),
        ({"series": {"a": 1}}, "series", "got an object"),
        ({"series": [1, "abc"]}, "series[1]", 'a finite number or null, got "abc"'),
        ({"series": [1, True]}, "series[1]", "got true"),
        ({"series": [False, 1]}, "series[0]", "got false"),
        ({"series": [1, [2]]}, "series[1]", "got a list"),
        ({"series": [1, {}]}, "series[1]", "got an object"),
        ({"series": [[1], 2]}, "series[1]", "expected a list"),
        ({"series": [[1], None]}, "series[1]", "got null"),
        ({"series": [[1], [[2]]]}, "series[1][0]", "got a list"),
        ({"series": [THREE] * 3 + [[*range(17), "abc"]]}, "series[3][17]", 'got "abc"'),
        ({"series": [1, 10**400]}, "series[1]", "got 1000"),
        ({"series": [None, None]}, "series", "every value is missing"),
        ({"series": [THREE, [None]]}, "series[1]", "every value is missing"),
        ({"horizon": 0}, "horizon", "at least 1, got 0"),
        ({"horizon": -3}, "horizon", "at least 1"),
        ({"horizon": 1001}, "horizon", "1001 steps"),
        ({"horizon": 10**30}, "horizon", "steps are too many"),
        ({"horizon": 1.5}, "horizon", "whole number, got 1.5"),
        ({"horizon": "12"}, "horizon", 'whole number, got "12"'),
        ({"horizon": True}, "horizon", "whole number, got true"),
        ({"horizon": None}, "horizon", "whole number, got null"),
        ({"quantiles": []}, "quantiles", "too few"),
        ({"quantiles": [0.5] * 100}, "quantiles", "too many"),
        ({"quantiles": [0.5, 1]}, "quantiles[1]", "no quantile"),
        ({"quantiles": [0]}, "quantiles[0]", "no quantile"),
        ({"quantiles": [0.1, "0.5"]}, "quantiles[1]", 'a number, got "0.5"'),
        ({"quantiles": [True]}, "quantiles[0]", "a number, got true"),
        ({"quantiles": 0.5}, "quantiles", "a list, got 0.5"),
        ({"quantiles": None}, "quantiles", "a list, got null"),
        ({"frequency": 5}, "frequency", "a text, got 5"),
        ({"frequency": "fortnight"}, "frequency", "unknown frequency"),
        ({"season_length": 0}, "season_length", "at least 1"),
        ({"start": 2024}, "start", "got 2024"),
        ({"start": ["2024"]}, "start", "expected a timestamp"),
        ({"start": "soon"}, "start", "no timestamp"),
        ({"series": [THREE], "start": ["2024", "2025"]}, "start", "2 timestamps for 1 series"),
        ({"series": [THREE, THREE], "start": ["2024", 7]}, "start[1]", "got 7"),
        ({"series": [THREE, THREE], "start": ["2024", "soon"]}, "start[1]", "no timestamp"),
        ({"series": [THREE, THREE], "start": "soon"}, "start", "no timestamp"),
        ({"minimum": "0"}, "minimum", 'a number, got "0"'),
        ({"maximum": True}, "maximum", "a number, got true"),
        ({"integer": 1}, "integer", "true or false, got 1"),
        ({"model": None}, "model", "a text, got null"),
        ({"version": 2}, "version", "a text, got 2"),
        ({"steps": 3}, "steps", "unknown field"),
    ],
)
def test_refused_with_the_place(
    service: Service, body: dict[str, Any], field: str, message: str
) -> None:
    response = service.forecast(**body)
    assert response.status_code == 422, response.text
    assert response.json()["type"] == "urn:unroll:problem:invalid-input"
    error = error_of(response)
    assert error["field"] == field
    assert message in error["message"]
    assert response.json()["detail"].startswith(f"{field}: ")


@pytest.mark.parametrize("literal", ["NaN", "Infinity", "-Infinity", "1e400"])
def test_not_finite_numbers_are_named(service: Service, literal: str) -> None:
    for text, field in (
        (f"[1, null, {literal}]", "series[2]"),
        (f"[[1], [2, {literal}]]", "series[1][1]"),
    ):
        response = service.http.post(
            "/forecast",
            content=f'{{"series": {text}, "horizon": 1}}',
            headers={"Content-Type": "application/json"},
        )
        assert response.status_code == 422
        assert error_of(response)["field"] == field
        shown = literal if literal != "1e400" else "Infinity"
        assert shown in error_of(response)["message"]


def test_every_wrong_field_is_named(service: Service) -> None:
    response = service.http.post("/forecast", json={"horizon": 0, "colour": "red"})
    fields = {error["field"] for error in response.json()["errors"]}
    assert fields == {"series", "horizon", "colour"}


@pytest.mark.parametrize(
    ("body", "field", "allowed"),
    [
        ({"series": [[1, 2]] * 4}, "series", "at most 3 series"),
        ({"series": [1] * 61}, "series", "at most 60 points"),
        ({"series": [[1] * 31] * 2}, "series", "at most 60 points"),
        ({"horizon": 21}, "horizon", "1 to 20"),
        ({"horizon": 20, "quantiles": [0.1, 0.5, 0.9]}, "horizon", "at most 60 values"),
    ],
)
def test_too_much_is_refused(
    narrow: Service, body: dict[str, Any], field: str, allowed: str
) -> None:
    response = narrow.forecast(**body)
    assert response.status_code == 422
    assert error_of(response)["field"] == field
    assert allowed in error_of(response)["allowed"]


def test_one_long_series(service: Service) -> None:
    response = service.forecast(series=[0.1 * i for i in range(100_000)], horizon=1)
    assert response.status_code == 200


def test_one_bad_series_spoils_its_request_only(service: Service) -> None:
    response = service.forecast(series=[THREE, [-666]])
    assert response.status_code == 500
    assert response.json()["type"] == "urn:unroll:problem:inference-failed"
    assert "secret" not in response.text
    assert service.forecast().status_code == 200
