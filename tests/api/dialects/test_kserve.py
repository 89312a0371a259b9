"""KServe's time series protocol: asked as its documentation does, answered as /forecast is."""

from typing import Any

import httpx
import pytest

from tests.api.service import Service, until
from tests.samples import sample

SERIES: dict[str, Any] = {
    "type": "univariate_time_series",
    "name": "passengers",
    "series": [112, 118, None, 129],
    "frequency": "month",
}
REQUEST = {"model": "forecast", "inputs": [SERIES], "options": {"horizon": 2}}


def ask(service: Service, **changes: Any) -> httpx.Response:
    return service.http.post("/v1/timeseries/forecast", json=REQUEST | changes)


def error_of(response: httpx.Response) -> dict[str, Any]:
    assert response.status_code == 422, response.text
    (error,) = response.json()["errors"]
    assert isinstance(error, dict)
    return error


def test_answered_as_forecast_is(service: Service) -> None:
    inputs = [SERIES, SERIES | {"name": "other", "series": [1, 2.5, 7]}]
    levels = {"horizon": 2, "quantiles": [0.1, 0.9]}
    answer = ask(service, inputs=inputs, options=levels, metadata={"mine": 1}).json()
    series = [each["series"] for each in inputs]
    plain = service.forecast(series=series, frequency="MS", **levels).json()
    assert (answer["status"], answer["error"], answer["model"]) == ("completed", None, "forecast")
    assert isinstance(answer["created_at"], int)
    assert len({answer["id"], *(each["id"] for each in answer["outputs"])}) == 3
    assert answer["usage"] == {"prompt_tokens": 7, "completion_tokens": 4, "total_tokens": 11}
    for sent, output, known in zip(inputs, answer["outputs"], plain["forecasts"], strict=True):
        assert (output["type"], output["status"]) == ("time_series_forecast", "completed")
        (content,) = output["content"]
        assert {name: content[name] for name in ("type", "name", "frequency")} == {
            name: sent[name] for name in ("type", "name", "frequency")
        }
        assert content["mean_forecast"] == known["mean"]
        assert content["quantiles"] == known["quantiles"]
        assert content["start_timestamp"] == ""


def test_without_levels_there_are_none(service: Service) -> None:
    (output,) = ask(service).json()["outputs"]
    assert output["content"][0]["quantiles"] is None


@pytest.mark.parametrize(
    ("frequency", "start", "first"),
    [
        ("month", "2024-01-01T00:00:00Z", "2024-05-01T00:00:00Z"),
        ("M", "2024-01-31", "2024-05-31T00:00:00"),
        ("Q", "2023-02-01", "2024-02-01T00:00:00"),
        ("quarter", "2023-02-28", "2024-02-29T00:00:00"),
        ("year", "2001-07-01", "2005-07-01T00:00:00"),
        ("W", "2024-01-03", "2024-01-31T00:00:00"),
        ("day", "2024-02-26", "2024-03-01T00:00:00"),
        ("H", "2024-02-26T22:00:00+01:00", "2024-02-27T02:00:00+01:00"),
        ("minute", "2024-02-26T22:00", "2024-02-26T22:04:00"),
        ("S", "2024-02-26T22:00", "2024-02-26T22:00:04"),
    ],
)
def test_where_the_forecast_starts(real: Service, frequency: str, start: str, first: str) -> None:
    inputs = [SERIES | {"frequency": frequency, "start_timestamp": start}]
    response = ask(real, inputs=inputs)
    assert response.status_code == 200, response.text
    (content,) = response.json()["outputs"][0]["content"]
    assert content["start_timestamp"] == first
    assert not any("start" in note for note in content["notes"])


@pytest.mark.parametrize(
    ("changes", "field", "message"),
    [
        ({"model": None}, "model", "a text, got null"),
        ({"inputs": []}, "inputs", "too few"),
        ({"colour": "red"}, "colour", "unknown field"),
        ({"inputs": [SERIES | {"unit": "x"}]}, "inputs[0].unit", "unknown field"),
        ({"inputs": [SERIES, SERIES | {"series": [1, "x"]}]}, "inputs[1].series[1]", 'got "x"'),
        ({"inputs": [SERIES | {"series": [[1, 2]]}]}, "inputs[0].series", "holds lists"),
        ({"inputs": [SERIES | {"series": []}]}, "inputs[0].series", "empty"),
        ({"inputs": [SERIES, SERIES | {"series": [None]}]}, "inputs[1].series", "is missing"),
        ({"inputs": [SERIES | {"frequency": "MS"}]}, "inputs[0].frequency", "no such frequency"),
        ({"inputs": [SERIES, SERIES | {"frequency": "day"}]}, "inputs[1].frequency", "differs"),
        (
            {"inputs": [SERIES | {"type": "multivariate_time_series", "series": [[1, 2], [3, 4]]}]},
            "inputs[0].type",
            "several variables",
        ),
        ({"options": {"horizon": 0}}, "options.horizon", "at least 1"),
        ({"options": {"horizon": 10_000}}, "options.horizon", "too many"),
        ({"options": {"horizon": 1, "quantiles": [2.0]}}, "options.quantiles[0]", "no quantile"),
        ({"options": {"horizon": 1, "quantiles": []}}, "options.quantiles", "too few"),
        (
            {"inputs": [SERIES, SERIES | {"start_timestamp": "soon"}]},
            "inputs[1].start_timestamp",
            "no timestamp",
        ),
    ],
)
def test_refused_in_its_own_words(
    service: Service, changes: dict[str, Any], field: str, message: str
) -> None:
    error = error_of(ask(service, **changes))
    assert error["field"] == field
    assert message in error["message"]


def test_too_much_is_refused(narrow: Service) -> None:
    assert error_of(ask(narrow, inputs=[SERIES] * 4))["field"] == "inputs"
    long = [SERIES, SERIES | {"series": [1.0] * 60}]
    assert error_of(ask(narrow, inputs=long))["field"] == "inputs[1].series"
    assert error_of(ask(narrow, options={"horizon": 21}))["field"] == "options.horizon"


def test_a_long_series(service: Service) -> None:
    values = [0.1 * step for step in range(60_000)]
    response = ask(service, inputs=[SERIES | {"series": values}])
    assert response.json()["outputs"][0]["content"][0]["mean_forecast"] == [values[-1]] * 2
    values[50_000] = "x"  # type: ignore[call-overload]
    error = error_of(ask(service, inputs=[SERIES, SERIES | {"series": values}]))
    assert error["field"] == "inputs[1].series[50000]"


def test_models_are_named(service: Service) -> None:
    assert service.http.get("/v1/timeseries/models").json() == ["forecast", "slow"]
    response = ask(service, model="other")
    assert response.status_code == 404
    assert response.json()["type"] == "urn:unroll:problem:model-not-found"


def test_counted_as_the_task_it_is(service: Service) -> None:
    labels = {"task": "forecast", "model": "forecast", "version": "2", "status": "200"}
    before = sample("unroll_requests_total", **labels)
    response = ask(service)
    (*_, line) = service.lines(response.headers["x-request-id"])
    assert (line["path"], line["model"], line["inputs"]) == (
        "/v1/timeseries/forecast",
        "forecast",
        1,
    )
    until(lambda: sample("unroll_requests_total", **labels) == before + 1)


def test_near_paths_are_told(service: Service) -> None:
    response = service.http.post("/v1/timeseries/forecasts", json=REQUEST)
    assert response.status_code == 404
    assert "did you mean /v1/timeseries/forecast?" in response.json()["detail"]
