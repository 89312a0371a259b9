"""Where there is no path, the one that is meant is named."""

import re

import pytest

from app.api.paths import near_paths, remembered
from tests.api.service import Service


@pytest.mark.parametrize(
    ("path", "meant"),
    [
        ("/forecast/", "/forecast?"),
        ("/Forecast", "/forecast?"),
        ("/forcast", "/forecast?"),
        ("/health", "/health/live or /health/ready?"),
        ("/v2/models", "/models or "),
        ("/v2/sentiment", "/sentiment?"),
        ("/v1/timeseries/forcast", "/v1/timeseries/forecast?"),
        ("/models/a/versions", "/models/{name}/versions/{version} or "),
        ("/models/a/", "/models/a or "),
    ],
)
def test_the_path_that_is_meant_is_named(service: Service, path: str, meant: str) -> None:
    response = service.http.post(path)
    assert response.status_code == 404
    body = response.json()
    assert f"did you mean {meant}" in body.get("detail", body.get("error"))


@pytest.mark.parametrize("path", ["/nothing/of/the/kind", "/" + "x/" * 5000])
def test_nothing_is_guessed(service: Service, path: str) -> None:
    assert "did you mean" not in service.http.get(path).json()["detail"]


def test_a_wrong_method_is_told_the_right_one(service: Service) -> None:
    response = service.http.get("/forecast")
    assert response.status_code == 405
    assert response.headers["allow"] == "POST"
    assert response.json()["detail"] == "/forecast takes POST, not GET"
    response = service.http.post("/models")
    assert response.headers["allow"] == "GET, HEAD"
    assert response.json()["detail"] == "/models takes GET, HEAD, not POST"


def test_a_path_is_told_alike_whether_it_is_remembered_or_not() -> None:
    is_name = remembered(re.compile("/[a-z]+"), 2)
    for path in ("/a", "/b", "/c", "/a", "/" + "a" * 60_000):
        assert is_name(path)
        assert not is_name(path + "/")


def test_few_are_named() -> None:
    assert len(near_paths("/a", [f"/a/{number}" for number in range(9)])) == 3
