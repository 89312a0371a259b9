"""Nixtla's requests by hand: what its client never sends, and what it sends at its worst."""

import json
import sys
from typing import Any

import httpx
import pytest

from app.api.bodies.encodings import unpacked
from app.api.errors import RequestRefused
from tests.api.service import Service, running

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

SERIES = {"y": [1, 2, 3, 10.5, None, 20], "sizes": [3, 3], "X": None, "X_future": None}
REQUEST = {"series": SERIES, "model": "timegpt-1", "freq": "D", "h": 2}
ZSTD = {"Content-Type": "application/json", "Content-Encoding": "zstd"}


def ask(service: Service, series: dict[str, Any] | None = None, **changes: Any) -> httpx.Response:
    body = REQUEST | changes | {"series": SERIES | (series or {})}
    return service.http.post("/v2/forecast", json=body)


def error_of(response: httpx.Response) -> dict[str, Any]:
    assert response.status_code == 422, response.text
    (error,) = response.json()["errors"]
    assert isinstance(error, dict)
    return error


def test_answered_as_forecast_is(service: Service) -> None:
    answer = ask(service, level=[80, 99.5, 80]).json()
    levels = [0.1, 0.9, 0.0025, 0.9975]
    series = [[1, 2, 3], [10.5, None, 20]]
    plain = service.forecast(series=series, quantiles=levels).json()["forecasts"]
    assert answer["mean"] == [3.0, 3.0, 20.0, 20.0]
    assert answer["mean"] == plain[0]["mean"] + plain[1]["mean"]
    names = ("lo-80", "hi-80", "lo-99.5", "hi-99.5")
    assert list(answer["intervals"]) == list(names)
    for name, level in zip(names, levels, strict=True):
        known = [value for each in plain for value in each["quantiles"][repr(level)]]
        assert answer["intervals"][name] == pytest.approx(known)
    assert answer["weights_x"] is None


def test_fields_that_the_client_misses_when_they_are_left_out(service: Service) -> None:
    answer = ask(service).json()
    assert answer["intervals"] is None
    assert answer["weights_x"] is None


@pytest.mark.parametrize("name", ["timegpt-1", "timegpt-1-long-horizon", "azureai", "forecast"])
def test_names_of_models(service: Service, name: str) -> None:
    assert ask(service, model=name).status_code == 200
    params = service.http.get("/model_params", params={"model": name, "freq": "D"})
    assert params.json()["detail"] == {"input_size": 1_000_000, "horizon": 1000}


def test_models_that_do_not_forecast(service: Service) -> None:
    assert service.http.get("/model_params", params={"model": "other"}).status_code == 404
    response = ask(service, model="other")
    assert response.status_code == 404
    # What its client shows of an error is all of its body.
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["type"] == "urn:unroll:problem:model-not-found"


def test_what_a_network_reads(real: Service) -> None:
    assert real.http.get("/model_params").json()["detail"] == {"input_size": 100, "horizon": 6}


@pytest.mark.parametrize(
    ("series", "changes", "field", "message"),
    [
        ({"y": [1, 2, "x", 3, 4, 5]}, {}, "series.y[2]", 'got "x"'),
        ({"y": []}, {}, "series.y", "empty"),
        ({"sizes": [3, 4]}, {}, "series.sizes", "make 7 values, and y has 6"),
        ({"sizes": [3, 0, 3]}, {}, "series.sizes[1]", "got 0"),
        ({"sizes": [3, True, 2]}, {}, "series.sizes[1]", "got true"),
        ({"sizes": 6}, {}, "series.sizes", "got 6"),
        ({"sizes": [4, 1, 1]}, {}, "series.sizes[1]", "is missing"),
        ({"X": [[1, 2, 3, 4, 5]]}, {}, "series.X[0]", "it has 5 values"),
        ({"X": [1, 2]}, {}, "series.X[0]", "got 1"),
        ({"X": {}}, {}, "series.X", "got an object"),
        ({"X_future": [[1, 2, 3, 4]]}, {}, "series.X_future", "X has 0"),
        ({"X": [[1] * 6], "X_future": [[1] * 3]}, {}, "series.X_future[0]", "it has 3 values"),
        ({"Y": 1}, {}, "series.Y", "unknown field"),
        ({"start_datetime": ["2024-01-01", "soon"]}, {}, "series.start_datetime[1]", "no times"),
        ({"start_datetime": ["2024-01-01"]}, {}, "series.start_datetime", "1 timestamps"),
        ({}, {"finetune_steps": 10}, "finetune_steps", "not fine-tuned"),
        ({}, {"finetuned_model_id": "mine"}, "finetuned_model_id", "not served"),
        ({}, {"multivariate": True}, "multivariate", "not served"),
        ({}, {"model_parameters": {"a": 1}}, "model_parameters", "not served"),
        ({}, {"level": [80, 100]}, "level[1]", "100"),
        ({}, {"h": 0}, "h", "at least 1"),
        ({}, {"h": 5000}, "h", "too many"),
        ({}, {"freq": "fortnight"}, "freq", "unknown frequency"),
        ({}, {"colour": 1}, "colour", "unknown field"),
    ],
)
def test_refused_in_its_own_words(
    service: Service, series: dict[str, Any], changes: dict[str, Any], field: str, message: str
) -> None:
    error = error_of(ask(service, series, **changes))
    assert error["field"] == field
    assert message in error["message"]


def test_covariates(service: Service) -> None:
    sale = [i % 5 == 0 for i in range(43)]
    y = [30.0 + i % 3 + 10.0 * sale[i] for i in range(40)]
    other = [float(i % 2) for i in range(80)]
    series = {
        "y": y + y,
        "sizes": [40, 40],
        "X": [sale[:40] * 2, other],
        "X_future": [sale[40:] * 2],
    }
    answer = ask(service, series, h=3, feature_contributions=True).json()
    body = {
        "series": [y, y],
        "horizon": 3,
        "frequency": "D",
        "quantiles": [0.5],
        "past_covariates": [{"x0": sale[:40], "x1": other[:40]}] * 2,
        "future_covariates": [{"x0": sale[40:]}] * 2,
    }
    plain = service.http.post("/forecast", json=body).json()["forecasts"]
    assert answer["mean"] == plain[0]["mean"] + plain[1]["mean"]
    told = answer["feature_contributions"]
    assert told[0][:3] == plain[0]["covariates"]["contributions"]["x0"]
    assert len(told) == 3  # two covariates and the rest
    totals = [sum(column) for column in zip(*told, strict=True)]
    assert totals == pytest.approx(answer["mean"])


def test_categories(service: Service) -> None:
    series = {"X": [[1, 2, 1, 2, 1, 2]], "X_future": [[1, 2, 1, 2]], "categorical_exog": [0]}
    response = ask(service, series)
    assert response.status_code == 200, response.text


def test_a_packed_body(service: Service) -> None:
    values = [0.25 * step for step in range(200_000)]
    body = REQUEST | {"series": {"y": values, "sizes": [100_000, 100_000]}}
    content = zstd.compress(json.dumps(body).encode())
    response = service.http.post("/v2/forecast", content=content, headers=ZSTD)
    assert response.json()["mean"] == [24999.75] * 2 + [49999.75] * 2


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (zstd.compress(b" " * 2_000_000_000, 1), 413),
        (zstd.compress(b" " * 2_000_000)[:-1], 400),
        (zstd.compress(b"{}") + b"{}", 400),
        (b"{}", 400),
        (b"", 400),
    ],
    ids=["bomb", "cut", "more", "plain", "empty"],
)
def test_packed_bodies_that_are_refused(service: Service, content: bytes, status: int) -> None:
    response = service.http.post("/v2/forecast", content=content, headers=ZSTD)
    assert response.status_code == status
    assert service.http.get("/health/live").status_code == 200


def test_windows_are_bounded() -> None:
    """A frame of a few bytes may ask for a window of gigabytes."""
    options: dict[int, int] = {
        zstd.CompressionParameter.window_log: 27,
        zstd.CompressionParameter.content_size_flag: 0,
    }
    packer = zstd.ZstdCompressor(options=options)
    content = packer.compress(b" " * 100) + packer.flush()
    with pytest.raises(RequestRefused) as caught:
        unpacked(content, "zstd", 1_000_000)
    assert caught.value.status_code == 400


def test_other_paths_are_sent_as_they_are(service: Service) -> None:
    response = service.http.post("/forecast", content=zstd.compress(b"{}"), headers=ZSTD)
    assert response.status_code == 415


def test_keys(models_dir: Any) -> None:
    with running(models_dir, api_keys=["secret"]) as locked:
        response = locked.http.get("/validate_api_key")
        assert response.status_code == 401
        assert "API key" in response.json()["detail"]
        locked.http.headers["Authorization"] = "Bearer secret"
        assert locked.http.get("/validate_api_key").json() == {"detail": "API key is valid"}


def test_the_protocol_beside_it_is_as_it_was(service: Service) -> None:
    assert service.http.get("/v2/forecast").status_code == 405
    response = service.http.post("/v2/forecasts", json={})
    assert response.status_code == 404
    assert "did you mean /v2/forecast" in response.json()["error"]
