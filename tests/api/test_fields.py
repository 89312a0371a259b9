"""What a wrong field is told: what is allowed there, and no more of what was sent than it needs."""

import re
from typing import Any

import pytest

from app.api.routes.forecast import ForecastRequest, allowed_fields
from app.settings import Settings
from tests.api.service import Service
from tests.api.test_errors import check

LONG = "x" * 5000


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
