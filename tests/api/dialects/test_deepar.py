"""DeepAR's and GluonTS's requests: as Amazon documents them, answered as /forecast is."""

import json
from typing import Any

import httpx
import numpy as np
import pytest

from app.api.dialects.paths import sample_paths
from tests.api.service import Service, running

ONE = {"start": "2009-11-01 00:00:00", "target": [4.0, 10.0, "NaN", None, 113.0]}
TWO = {"start": "1999-01-30", "target": [2.0, 1]}
AHEAD = {"prediction_length": 2}


def ask(service: Service, *instances: Any, **configuration: Any) -> httpx.Response:
    body = {"instances": instances or [ONE], "configuration": AHEAD | configuration}
    return service.http.post("/invocations", json=body)


def lines(service: Service, *content: Any, **headers: str) -> httpx.Response:
    text = "\n".join(map(json.dumps, content))
    kind = {"Content-Type": "application/jsonlines"} | headers
    return service.http.post("/invocations", content=text, headers=kind)


def error_of(response: httpx.Response) -> dict[str, Any]:
    assert response.status_code == 422, response.text
    (error,) = response.json()["errors"]
    assert isinstance(error, dict)
    return error


def test_answered_as_forecast_is(service: Service) -> None:
    response = ask(service, ONE, TWO, output_types=["mean", "quantiles"], quantiles=["0.5", "0.90"])
    series = [[4.0, 10.0, None, None, 113.0], [2.0, 1]]
    plain = service.forecast(series=series, quantiles=[0.5, 0.9]).json()["forecasts"]
    assert response.json() == {
        "predictions": [
            {
                "mean": each["mean"],
                "quantiles": {"0.5": each["quantiles"]["0.5"], "0.90": each["quantiles"]["0.9"]},
            }
            for each in plain
        ]
    }


def test_what_is_wanted_by_default(service: Service) -> None:
    (prediction,) = ask(service).json()["predictions"]
    assert prediction.keys() == {"mean", "quantiles"}
    assert list(prediction["quantiles"]) == [f"0.{each}" for each in range(1, 10)]
    (prediction,) = ask(service, output_types=["mean"]).json()["predictions"]
    assert prediction.keys() == {"mean"}


def test_as_far_as_the_network_was_trained(real: Service) -> None:
    response = real.http.post("/invocations", json={"instances": [ONE, TWO]})
    assert [len(each["mean"]) for each in response.json()["predictions"]] == [6, 6]


def test_a_network_that_does_not_tell(service: Service) -> None:
    response = service.http.post("/invocations", json={"instances": [ONE]})
    assert error_of(response)["field"] == "configuration.prediction_length"


def test_samples_follow_the_quantiles(real: Service) -> None:
    wanted = ["mean", "quantiles", "samples"]
    types = {"output_types": wanted, "num_samples": 400, "quantiles": ["0.1", "0.5", 0.9]}
    first, again = (ask(real, ONE, **types).json()["predictions"][0] for _ in range(2))
    assert first == again
    paths = np.array(first["samples"])
    assert paths.shape == (400, 2)
    for level, known in first["quantiles"].items():
        assert np.mean(paths <= np.array(known), axis=0) == pytest.approx(float(level), abs=0.06)


def test_steps_of_a_path_hang_together() -> None:
    levels = np.arange(1, 100) / 100
    uniform = {repr(float(level)): [float(level)] * 16 for level in levels}
    paths = np.array(sample_paths(uniform, 4000))  # (count, horizon)
    near, far = (np.corrcoef(paths[:, 7], paths[:, step])[0, 1] for step in (8, 15))
    # Spearman's correlation of a Gaussian copula: 6 / pi * asin(r / 2).
    assert near == pytest.approx(6 / np.pi * np.arcsin(np.sqrt(8 / 9) / 2), abs=0.03)
    assert far == pytest.approx(6 / np.pi * np.arcsin(np.sqrt(8 / 16) / 2), abs=0.04)


def test_covariates(service: Service) -> None:
    sale = [float(i % 5 == 0) for i in range(42)]
    target = [30.0 + i % 3 + 10.0 * sale[i] for i in range(40)]
    instance = {"target": target, "dynamic_feat": [sale]}
    (prediction,) = ask(service, instance, quantiles=["0.5"]).json()["predictions"]
    plain = service.forecast(
        series=target,
        horizon=2,
        quantiles=[0.5],
        past_covariates={"dynamic_feat_0": sale[:40]},
        future_covariates={"dynamic_feat_0": sale[40:]},
    ).json()["forecasts"][0]
    assert prediction["mean"] == plain["mean"]
    assert plain["covariates"]["contributions"].keys() == {"dynamic_feat_0"}


def test_json_lines(service: Service) -> None:
    configuration = AHEAD | {"output_types": ["mean"]}
    response = lines(service, {"configuration": configuration}, ONE, TWO)
    assert response.headers["content-type"] == "application/jsonlines"
    assert [json.loads(line) for line in response.text.splitlines()] == [
        {"mean": [113.0, 113.0]},
        {"mean": [1.0, 1.0]},
    ]


def test_json_lines_without_a_configuration(real: Service) -> None:
    answers = [json.loads(line) for line in lines(real, ONE, TWO).text.splitlines()]
    assert [len(each["mean"]) for each in answers] == [6, 6]


def test_long_json_lines(service: Service) -> None:
    long = {"target": [0.5 * step for step in range(30_000)]}
    response = lines(service, {"configuration": AHEAD}, long, ONE)
    first, _ = (json.loads(line) for line in response.text.splitlines())
    assert first["mean"] == [14999.5, 14999.5]


@pytest.mark.parametrize(
    ("content", "status", "told"),
    [
        (b"", 400, "empty"),
        (b"\n\n", 400, "empty"),
        (b'{"target": [1, 2]}\n{"target":', 400, "not JSON"),
        (b'{"configuration": {"prediction_length": 1}}', 422, "too few"),
        (b'{"configuration": {"prediction_length": 1}}\n[1]', 422, "instances[0]"),
        (b'[{"target": [1, 2]}]', 422, "instances[0]"),
    ],
)
def test_lines_that_are_none(service: Service, content: bytes, status: int, told: str) -> None:
    headers = {"Content-Type": "application/jsonlines"}
    response = service.http.post("/invocations", content=content, headers=headers)
    assert response.status_code == status
    assert told in response.json()["detail"]


@pytest.mark.parametrize(
    ("instance", "configuration", "field", "message"),
    [
        ({"target": [1, "nan"]}, {}, "instances[1].target[1]", 'got "nan"'),
        ({"target": "NaN"}, {}, "instances[1].target", 'got "NaN"'),
        ({"target": ["NaN"]}, {}, "instances[1].target", "is missing"),
        ({"cat": [0, 1]}, {}, "instances[1].cat", "no categories"),
        ({"dynamic_feat": [[1.0, 2.0]]}, {}, "instances[1].dynamic_feat[0]", "it has 2 values"),
        (
            {"dynamic_feat": [["x", 1, 2, 3]]},
            {},
            "instances[1].dynamic_feat.dynamic_feat_0",
            "mixed",
        ),
        ({"colour": 1}, {}, "instances[1].colour", "unknown field"),
        ({"start": "soon"}, {"frequency": "D"}, "instances[1].start", "no timestamp"),
        ({}, {"frequency": "fortnight"}, "configuration.frequency", "unknown frequency"),
        ({}, {"prediction_length": 0}, "configuration.prediction_length", "at least 1"),
        ({}, {"quantiles": ["0.5", "x"]}, "configuration.quantiles[1]", "got"),
        ({}, {"quantiles": ["1.5"]}, "configuration.quantiles[0]", "no quantile"),
        ({}, {"output_types": ["median"]}, "configuration.output_types[0]", ""),
        ({}, {"num_samples": 0}, "configuration.num_samples", "at least 1"),
        (
            {},
            {"output_types": ["samples"], "quantiles": ["0.005"]},
            "configuration.quantiles",
            "to the hundredth",
        ),
    ],
)
def test_refused_in_its_own_words(
    service: Service,
    instance: dict[str, Any],
    configuration: dict[str, Any],
    field: str,
    message: str,
) -> None:
    error = error_of(ask(service, ONE, TWO | instance, **configuration))
    assert error["field"] == field
    assert message in error["message"]


@pytest.mark.parametrize("field", ["target", "dynamic_feat"])
def test_a_long_list_of_empty_lists(service: Service, field: str) -> None:
    error = error_of(ask(service, ONE | {field: [[]] * 25_000}))
    assert "empty list" in error["message"]
    assert error["field"].startswith("instances[0]")


def test_too_many_lines(narrow: Service) -> None:
    response = lines(narrow, {"configuration": AHEAD}, *[TWO] * 4)
    assert error_of(response)["field"] == "instances"


def test_ping_needs_no_key(models_dir: Any) -> None:
    with running(models_dir, api_keys=["secret"]) as locked:
        assert locked.http.get("/ping").status_code == 200
        assert locked.http.head("/ping").status_code == 200
        assert ask(locked).status_code == 401
        locked.http.headers["Authorization"] = "Bearer secret"
        assert ask(locked).status_code == 200


def test_ping_waits_for_models(tmp_path: Any) -> None:
    with running(tmp_path, wait=False) as empty:
        assert empty.http.get("/ping").status_code == 503
