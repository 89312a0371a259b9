"""POST /anomalies, and streams of values, over a real socket: alike, and refused where."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from app.main import TASKS
from tests.api.service import Service, running
from tests.samples import sample
from tests.streamer import FEATURES, write_untrained_version
from tests.streams import write_stream_version

WAVE = (20 + 5 * np.sin(np.arange(300) / 24 * 2 * np.pi) + np.cos(np.arange(300) * 1.7)).tolist()
SPIKED = [*WAVE[:270], 90.0, *WAVE[271:]]


@pytest.fixture(scope="module")
def values(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    root = tmp_path_factory.mktemp("models")
    write_untrained_version(root)
    write_stream_version(root, "lstm")
    with running(root, tasks=TASKS, streams_url="memory://", max_points=2000) as one:
        yield one


def found(service: Service, **body: Any) -> dict[str, Any]:
    response = service.http.post("/anomalies", json={"series": SPIKED} | body)
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.json()
    return answer


def opened(service: Service, name: str, **body: Any) -> None:
    response = service.http.put(f"/streams/{name}", json={"model": "forecast-stream"} | body)
    assert response.status_code == 201, response.text


def stepped(service: Service, name: str, values: list[Any], **body: Any) -> dict[str, Any]:
    response = service.http.post(f"/streams/{name}/steps", json={"values": values} | body)
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.json()
    return answer


def test_a_series(values: Service) -> None:
    answer = found(values, season_length=24)
    assert (answer["model"], answer["version"]) == ("forecast-stream", "1")
    [result] = answer["results"]
    assert result.keys() == {"scores", "anomalies", "threshold", "season_length", "warm_up"}
    assert len(result["scores"]) == 300
    assert int(np.argmax(result["scores"])) == 270
    [anomaly] = result["anomalies"]
    assert anomaly.keys() == {"index", "value", "expected", "score"}
    assert (anomaly["index"], anomaly["value"]) == (270, 90.0)
    assert (result["season_length"], result["warm_up"]) == (24, 200)


def test_a_start_gives_anomalies_a_time(values: Service) -> None:
    [result] = found(values, frequency="h", start="2026-03-01")["results"]
    assert [each["timestamp"] for each in result["anomalies"]] == ["2026-03-12T06:00:00"]


def test_many_series_are_answered_as_each_alone(values: Service) -> None:
    series = [SPIKED, WAVE[:50], [None, 1, None], [5]]
    together = found(values, series=series)["results"]
    assert together == [found(values, series=each)["results"][0] for each in series]
    assert together[2]["scores"] == [0.0] * 3


def test_a_stream_is_answered_as_the_series(values: Service) -> None:
    [whole] = found(values)["results"]
    opened(values, "parts")
    scores, flagged, at = [], [], 0
    while at < len(SPIKED):
        size = (1, 2, 1, 30)[at % 4]
        answer = stepped(values, "parts", SPIKED[at : at + size], position=at)
        steps = answer["steps"]
        assert [each["position"] for each in steps] == list(range(at, at + len(steps)))
        scores += [each["anomaly_score"] for each in steps]
        flagged += [each["position"] for each in steps if each["anomalous"]]
        at = answer["position"]
    assert scores == whole["scores"]
    assert flagged == [each["index"] for each in whole["anomalies"]]


def test_what_a_step_is_answered_with(values: Service) -> None:
    opened(values, "steps", options={"quantiles": [0.9, 0.1]})
    first, second, third = stepped(values, "steps", [2, 3.5, None])["steps"]
    assert first["note"] == "the first value: nothing was foretold"
    assert (first["expected"], first["quantiles"], first["anomaly_score"]) == (None, None, 0.0)
    assert second["note"] == "warming up: 2 of 200 values"
    assert second["quantiles"].keys() == {"0.1", "0.9"}
    assert second["quantiles"]["0.1"] < second["expected"] < second["quantiles"]["0.9"]
    assert (third["value"], third["note"], third["anomalous"]) == (None, "missing", False)


def test_a_forecast_from_here(values: Service) -> None:
    opened(values, "ahead", options={"season_length": 24})
    assert stepped(values, "ahead", [None], horizon=2)["forecast"] is None
    forecast = stepped(values, "ahead", WAVE, horizon=30)["forecast"]
    assert forecast.keys() == {"mean", "median", "quantiles"}
    assert all(len(each) == 30 for each in (forecast["mean"], *forecast["quantiles"].values()))
    assert "forecast" not in stepped(values, "ahead", [20.0])


def test_steps_are_taken_once(values: Service) -> None:
    opened(values, "once")
    asked = {"position": 0, "horizon": 2}
    answer = stepped(values, "once", WAVE[:9], **asked)
    again = stepped(values, "once", WAVE[:9], **asked)
    assert again == answer | {"replayed": True}
    other = values.http.post("/streams/once/steps", json={"values": [1.0], "position": 0})
    assert other.status_code == 409


def test_feedback_moves_the_threshold_of_one_stream(values: Service) -> None:
    for name in ("told", "untold"):
        opened(values, name, options={"season_length": 24})
        stepped(values, name, SPIKED)
    stepped(values, "told", [20.0], feedback=[{"position": 270, "anomalous": False}])
    late = [*WAVE[1:300:2] * 3, 90.0]
    flags = [stepped(values, name, late)["steps"][-1]["anomalous"] for name in ("told", "untold")]
    assert flags[0] is False


def test_a_stream_moves_to_a_new_version(tmp_path: Path) -> None:
    write_untrained_version(tmp_path)
    with running(tmp_path, tasks=TASKS, streams_url="memory://", watch_seconds=0.05) as service:
        opened(service, "moving", on_new_version="replay", options={"threshold": 0.9})
        stepped(service, "moving", WAVE[:60])
        opened(service, "staying")
        stepped(service, "staying", WAVE[:60])
        write_untrained_version(tmp_path, version="2", seed=1)
        while service.http.get("/models").json()["models"][0]["version"] != "2":
            pass
        moved = stepped(service, "moving", WAVE[60:90])
        assert moved["version"] == "2"
        assert (moved["moved"]["steps"], moved["moved"]["complete"]) == (60, True)
        [whole] = found(service, series=WAVE[:90])["results"]
        assert [each["anomaly_score"] for each in moved["steps"]] == whole["scores"][60:]
        assert stepped(service, "staying", WAVE[60:90])["version"] == "1"


def test_a_state_goes_out_and_comes_in(values: Service) -> None:
    opened(values, "out")
    stepped(values, "out", WAVE[:100])
    sealed = values.http.get("/streams/out/state")
    assert sealed.status_code == 200
    headers = {"Content-Type": "application/octet-stream"}
    put = values.http.put("/streams/in/state", content=sealed.content, headers=headers)
    assert put.status_code == 201, put.text
    assert stepped(values, "in", WAVE[100:])["steps"] == stepped(values, "out", WAVE[100:])["steps"]


def test_values_are_counted(values: Service) -> None:
    labels = {"model": "forecast-stream", "version": "1"}
    names = ("unroll_scored_values_total", "unroll_anomalies_total", "unroll_warm_up_values_total")
    before = [sample(name, **labels) for name in names]
    found(values, series=[None, *SPIKED], season_length=24)
    after = [sample(name, **labels) for name in names]
    assert [b - a for a, b in zip(before, after, strict=True)] == [300, 1, 199]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"series": []}, "series"),
        ({"series": [1, "2"]}, "series[1]"),
        ({"series": [[1], [True]]}, "series[1][0]"),
        ({"series": [0.0] * 2001}, "series"),
        ({"threshold": 0}, "threshold"),
        ({"threshold": 1.5}, "threshold"),
        ({"frequency": "fortnight!"}, "frequency"),
        ({"season_length": 0}, "season_length"),
        ({"start": "2026"}, "frequency"),
        ({"horizon": 3}, "horizon"),
    ],
)
def test_what_is_wrong_is_named(values: Service, body: dict[str, Any], field: str) -> None:
    response = values.http.post("/anomalies", json={"series": WAVE} | body)
    assert response.status_code == 422, response.text
    assert [each["field"] for each in response.json()["errors"]] == [field]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"values": []}, "values"),
        ({"values": ["x"]}, "values[0]"),
        ({"values": [[1.0]]}, "values[0]"),
        ({"values": [1.0], "horizon": 0}, "horizon"),
        ({"values": [1.0], "horizon": 10**6}, "horizon"),
        ({"values": [1.0], "outputs": ["quantiles"]}, "outputs"),
        ({"values": [1.0], "feedback": [{"position": 9, "anomalous": True}]}, "feedback"),
        ({"values": [1.0], "feedback": [{"position": 0}]}, "feedback[0].anomalous"),
        ({"inputs": []}, "inputs"),
        ({"inputs": [], "horizon": 3}, "horizon"),
    ],
)
def test_wrong_steps_are_named(values: Service, body: dict[str, Any], field: str) -> None:
    values.http.put("/streams/wrong", json={"model": "forecast-stream"})
    response = values.http.post("/streams/wrong/steps", json=body)
    assert response.status_code == 422, response.text
    assert [each["field"] for each in response.json()["errors"]] == [field]


@pytest.mark.parametrize("options", [{"threshold": 2.0}, {"season_length": "day"}, {"noise": 1}])
def test_wrong_options_are_named(values: Service, options: dict[str, Any]) -> None:
    body = {"model": "forecast-stream", "options": options}
    response = values.http.put("/streams/options", json=body)
    assert response.status_code == 422
    [error] = response.json()["errors"]
    assert error["field"] == f"options.{next(iter(options))}"


def test_graphs_of_tensors_forecast_nothing(values: Service) -> None:
    values.http.put("/streams/tensors", json={"model": "lstm"})
    for name, value in (("horizon", 3), ("feedback", [{"position": 0, "anomalous": True}])):
        body = {"values": [0.5], name: value}
        response = values.http.post("/streams/tensors/steps", json=body)
        assert response.status_code == 422
        assert [each["field"] for each in response.json()["errors"]] == [name]


def test_a_service_without_the_model_says_so(service: Service) -> None:
    response = service.http.post("/anomalies", json={"series": [1, 2, 3]})
    assert response.status_code == 404
    assert "forecast-stream" in response.json()["detail"]


def test_the_threshold_is_the_model_s(values: Service) -> None:
    assert found(values)["results"][0]["threshold"] == FEATURES.threshold
    assert found(values, threshold=0.5)["results"][0]["threshold"] == 0.5


def test_a_threshold_decides_which_values_are_marked(values: Service) -> None:
    for threshold in (0.3, 0.9, 1.0):
        [result] = found(values, threshold=threshold)["results"]
        wanted = [at for at, score in enumerate(result["scores"]) if score >= threshold]
        assert [each["index"] for each in result["anomalies"]] == wanted
    counts = [
        len(found(values, threshold=each)["results"][0]["anomalies"]) for each in (0.3, 0.9, 1.0)
    ]
    assert counts == sorted(counts, reverse=True)
    assert counts[0] > counts[1] > counts[2] == 0


def test_what_is_beyond_doubt_is_marked_in_a_short_series(values: Service) -> None:
    series = [*WAVE[:40], 300.0, *WAVE[41:60]]
    opened(values, "short")
    steps = stepped(values, "short", series)["steps"]
    [result] = found(values, series=series)["results"]
    assert [each["index"] for each in result["anomalies"]] == [40]
    assert [step["position"] for step in steps if step["anomalous"]] == [40]
    assert steps[40]["note"] == "warming up: 41 of 200 values"
    assert found(values, series=WAVE[:60])["results"][0]["anomalies"] == []
