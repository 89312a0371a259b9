"""What a wrong field is told: what is allowed there, and no more of what was sent than it needs."""

import re
from typing import Any

import pytest

from app.api.forecasts.forecasting import ForecastRequest, allowed_fields
from app.settings import Settings
from tests.api.service import Service
from tests.api.test_errors import check

LONG = "x" * 5000
ROWS = [[0.123456789] * 20] * 900


def test_every_field_says_what_is_allowed() -> None:
    assert allowed_fields(Settings()).keys() == ForecastRequest.model_fields.keys()


@pytest.mark.parametrize(
    ("body", "allowed"),
    [
        ({"horizon": "12"}, "a whole number from 1 to 1000"),
        ({"horizon": 0}, "a whole number from 1 to 1000"),
        ({"horizon": 1001}, "a whole number from 1 to 1000"),
        ({"quantiles": 0.5}, "1 to 99 numbers"),
        ({"quantiles": ["0.5"]}, "1 to 99 numbers"),
        ({"quantiles": []}, "1 to 99 numbers"),
        ({"season_length": 1.5}, "a whole number from 1, or null"),
        ({"season_length": 0}, "a whole number from 1, or null"),
        ({"frequency": 5}, "a pandas alias"),
        ({"frequency": LONG}, "a pandas alias"),
        ({"start": 5}, "a timestamp"),
        ({"start": LONG}, "at most 64 characters"),
        ({"model": 5}, "the name of a model"),
        ({"version": 2}, 'a version as text, such as "1"'),
        ({"series": 7}, "a list of numbers"),
        ({"steps": 3}, "one of series, horizon, quantiles"),
    ],
)
def test_a_wrong_field_says_what_is_allowed(
    service: Service, body: dict[str, Any], allowed: str
) -> None:
    (error,) = service.forecast(**body).json()["errors"]
    assert allowed in error["allowed"]


def test_a_missing_field_says_what_is_allowed(service: Service) -> None:
    errors = service.http.post("/forecast", json={}).json()["errors"]
    assert {error["field"]: error["allowed"] for error in errors} == {
        "series": "a list of numbers, or a list of such lists",
        "horizon": "a whole number from 1 to 1000",
    }
    (error,) = service.http.post("/forecast", json=[1]).json()["errors"]
    assert error["allowed"].startswith("a JSON object with the fields series, horizon")


def test_the_largest_horizon_is_named(narrow: Service) -> None:
    assert "20 is the most" in narrow.forecast(horizon=21).json()["detail"]


@pytest.mark.parametrize(
    "body",
    [
        {LONG: 1},
        {"start": LONG},
        {"series": [[1], [2]], "start": ["2024", LONG]},
        {"frequency": LONG},
        {"model": LONG},
        {"version": LONG},
        {"series": LONG},
        {"series": [LONG]},
        {"quantiles": [LONG]},
        {"horizon": LONG},
        {"season_length": LONG},
        {"horizon": int("7" * 4000)},
        {"model": "x" * 64, "version": "x" * 16},
    ],
)
def test_little_of_what_was_sent_is_repeated(service: Service, body: dict[str, Any]) -> None:
    response = service.forecast(**body)
    assert response.status_code in {400, 404, 422}
    assert max(map(len, re.findall(r"x+|7+", response.text))) <= 64
    assert len(response.text) < 2000


@pytest.mark.parametrize("field", ["horizon", "season_length", "series", "quantiles"])
def test_numbers_of_any_length_are_taken(service: Service, field: str) -> None:
    """Python refuses to print a number of more than 4300 digits."""
    digits = "7" * 5000
    known = {"series": "[1, 2]", "horizon": "1"}
    known |= {field: f"[{digits}]" if field in {"series", "quantiles"} else digits}
    content = ", ".join(f'"{name}": {value}' for name, value in known.items())
    response = service.http.post(
        "/forecast", content=f"{{{content}}}", headers={"Content-Type": "application/json"}
    )
    assert response.status_code in {400, 422}, response.text
    assert "7" * 100 not in response.text


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", f"/{LONG}"),
        ("GET", f"/models/{LONG}"),
        ("GET", f"/models/forecast/versions/{LONG}"),
        ("X" * 1000, "/forecast"),
    ],
)
def test_little_of_a_path_is_repeated(service: Service, method: str, path: str) -> None:
    response = service.http.request(method, path)
    assert response.status_code in {400, 404, 405}
    if response.status_code != 400:  # the server itself may refuse a method
        assert max(map(len, re.findall(r"[xX]+", response.json()["detail"]))) <= 64


@pytest.mark.parametrize("encoding", ["gzip", "br", "identity, gzip", LONG])
def test_a_compressed_body_is_refused(service: Service, encoding: str) -> None:
    response = service.http.post(
        "/forecast",
        content=b"\x1f\x8b",
        headers={"Content-Type": "application/json", "Content-Encoding": encoding},
    )
    check(response, 415, "unsupported-media-type")
    assert f"Content-Encoding: {encoding[:60]}" in response.json()["detail"]
    assert len(response.json()["detail"]) < 150
    assert response.headers["accept-encoding"] == "identity"


@pytest.mark.parametrize("encoding", ["identity", "Identity", ""])
def test_a_body_as_it_is(service: Service, encoding: str) -> None:
    response = service.http.post(
        "/forecast",
        json={"series": [1, 2], "horizon": 1},
        headers={"Content-Encoding": encoding},
    )
    assert response.status_code == 200


def test_an_unknown_field_is_named_with_the_one_that_is_meant(service: Service) -> None:
    response = service.http.post("/forecast", json={"series": [1, 2], "horizn": 3, "zzz": 1})
    assert response.status_code == 422
    errors = {each["field"]: each["message"] for each in response.json()["errors"]}
    assert errors == {
        "horizn": "unknown field; did you mean horizon?",
        "zzz": "unknown field",
        "horizon": "this field is required",
    }
    detail = response.json()["detail"]
    assert "horizn: unknown field; did you mean horizon? (allowed: one of series, horizon" in detail


def test_a_query_is_refused_where_the_body_is_json(service: Service) -> None:
    body = {"series": [1, 2], "horizon": 3}
    response = service.http.post("/forecast?horizon=5", json=body)
    assert response.status_code == 422
    (error,) = response.json()["errors"]
    assert error["field"] == "horizon"
    assert "stand in its body" in error["message"]


@pytest.mark.parametrize(
    ("body", "field", "words"),
    [
        ({"series": [*range(20_000), "x", *range(9)]}, "series[20000]", 'got "x"'),
        ({"series": [[1, 2], [*range(20_000), True]]}, "series[1][20000]", "got true"),
        ({"series": [[1], 2, *ROWS]}, "series", "mixed"),
        ({"series": [[1], [[2]], *ROWS]}, "series", "mixed"),
        ({"series": [[1], [], *ROWS]}, "series", "empty list"),
        ({"series": ROWS * 2}, "series", "too many series"),
        ({"series": [1] * 1_000_001}, "series", "too many points"),
        ({"quantiles": [0.5] * 20_000}, "quantiles", "too many"),
        ({"quantiles": [0.5] * 200_000}, "quantiles", "more than 100000 values"),
        ({"start": ["2024"] * 20_000}, "start", "expected a timestamp, got a list"),
        ({f"k{number}": number for number in range(20_000)}, "k0", "unknown field"),
        ({"model": ["a" * 100] * 1000}, "model", "expected a text, got a list"),
    ],
)
def test_a_large_body_is_told_what_is_wrong(
    service: Service, body: dict[str, Any], field: str, words: str
) -> None:
    response = service.forecast(**body)
    assert response.status_code == 422, response.text
    error = response.json()["errors"][0]
    assert error["field"] == field
    assert words in error["message"]


def test_a_large_body_is_answered_as_a_small_one(service: Service) -> None:
    series: list[list[float | None]] = [[number % 7.0 for number in range(9000)], [1, None, 3]]
    small = service.forecast(series=[each[-2000:] for each in series])
    large = service.http.post("/forecast", json={"horizon": 3, "series": [*series]})
    assert large.status_code == 200, large.text
    assert small.status_code == 200
    for found, expected in zip(large.json()["forecasts"], small.json()["forecasts"], strict=True):
        assert found["mean"][:2] == expected["mean"]


def test_a_large_answer_is_that_of_small_requests(service: Service) -> None:
    quantiles = [(1 + level) / 100 for level in range(99)]
    series = [[float(number), 2.0, 3.0] for number in range(150)]
    found = service.forecast(series=series, quantiles=quantiles)
    assert found.status_code == 200
    forecasts = found.json()["forecasts"]
    assert len(forecasts) == 150
    (alone,) = service.forecast(series=series[77], quantiles=quantiles).json()["forecasts"]
    assert forecasts[77] == alone
