"""Versions come and go under constant load over HTTP: no request fails, every answer is true."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.main import TASKS
from app.serving.runtime.session import Session
from app.tasks.forecast.task import ForecastTask
from app.telemetry import log
from tests.api.doubles import write_version
from tests.api.service import LOG, Service, running, until
from tests.forecaster import FEATURES, quantile_graph, write_still_version

pytestmark = pytest.mark.slow

CYCLES = 20
CLIENTS = 4
# The longer ones are prepared in a thread: between the look-up of the model and the queue a swap
# has all the time it wants.
SERIES = {length: [float((7 * step) % 13) for step in range(length)] for length in (5, 300, 8_000)}


def expected(version: str) -> dict[int, Any]:
    """Per length, the forecast that a version gives; version 3 is three times as wide as 1."""
    task = ForecastTask(FEATURES, Session(quantile_graph(float(version))))
    return {
        length: json.loads(json.dumps(task.predict([task.encode(series, 2)])[0].to_json()))
        for length, series in SERIES.items()
    }


# The same network by its tensors: quantiles -width, 0 and width, whatever is asked.
TENSORS = [
    {"name": "context", "datatype": "FP32", "shape": [1, 3, 2], "data": [0.5] * 6},
    {"name": "lengths", "datatype": "INT64", "shape": [1], "data": [3]},
    {"name": "future", "datatype": "FP32", "shape": [1, 1, 2], "data": [0.5] * 2},
]


def publish(root: Path, version: str) -> None:
    """As `app.training.common.publish` does it: whole, and then renamed into its place."""
    work = root.parent / "work"
    folder = write_still_version(work, "forecast", version, float(version))
    folder.rename(root / "forecast" / version)


def ask_until(done: threading.Event, service: Service) -> list[tuple[int, int, Any]]:
    """(status, length, answer) of requests one after the other; length 0 by tensors."""
    answers: list[tuple[int, int, Any]] = []
    address = f"http://127.0.0.1:{service.port}"
    with httpx.Client(base_url=address, timeout=30) as http:
        while not done.is_set():
            for length, series in SERIES.items():
                body = {"series": series, "horizon": 2}
                response = http.post("/forecast", json=body)
                answers.append((response.status_code, length, response.json()))
            response = http.post("/v2/models/forecast/infer", json={"inputs": TENSORS})
            answers.append((response.status_code, 0, response.json()))
    return answers


def test_publishing_and_rolling_back_under_constant_load(tmp_path: Path) -> None:
    root = tmp_path / "models"
    write_still_version(root)
    done = threading.Event()
    with running(root, tasks=TASKS, watch_seconds=0.02, worker_threads=2) as service:
        repository = service.app.services.repository

        def served() -> str:
            version: str = service.http.get("/health/ready").json()["models"]["forecast"]
            return version

        with ThreadPoolExecutor(CLIENTS) as pool:
            clients = [pool.submit(ask_until, done, service) for _ in range(CLIENTS)]
            try:
                for version in map(str, range(2, CYCLES + 2)):
                    publish(root, version)
                    until(lambda version=version: served() == version)
                    repository.load("forecast", "1")
                    assert served() == "1"
                    repository.load("forecast")
                    assert served() == version
            finally:
                done.set()
        answers = [answer for client in clients for answer in client.result()]

    assert [answer for answer in answers if answer[0] != 200] == []
    truth = {str(version): expected(str(version)) for version in range(1, CYCLES + 2)}
    versions = set()
    for _, length, answer in answers:
        if length:
            versions.add(answer["version"])
            assert answer["forecasts"] == [truth[answer["version"]][length]]
        else:
            width = float(answer["model_version"])
            assert answer["outputs"][0]["data"] == [-width, 0.0, width]
    assert len(versions) > CYCLES / 2, "the load was there all the time"


def test_a_request_may_outlive_its_version(tmp_path: Path) -> None:
    """It is prepared, queued and computed by the version that it found, however long that takes."""
    write_version(tmp_path, "forecast", "1", encode_seconds=0.1, predict_seconds=0.1)
    with running(tmp_path, watch_seconds=0) as service, ThreadPoolExecutor(1) as other:
        task: Any = service.app.services.repository.get("forecast").task
        replayed = task.encoded
        asked = other.submit(service.forecast, series=[[1, 2]] * 6)  # in a thread: it is a list
        until(lambda: task.encoded > replayed)
        write_version(tmp_path, "forecast", "2")
        service.app.services.repository.load("forecast")
        assert service.forecast().json()["version"] == "2"
        answer = asked.result(10)
        assert answer.status_code == 200
        assert answer.json()["version"] == "1"


def test_a_client_that_does_not_read_its_answer_holds_no_version(tmp_path: Path) -> None:
    write_version(tmp_path, "forecast", "1")
    with running(tmp_path, watch_seconds=0, max_horizon=1_000_000) as service:
        body = json.dumps({"series": [0.123456789] * 2, "horizon": 200_000}).encode()
        with service.connection() as connection:
            connection.sendall(
                b"POST /forecast HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                b"Content-Length: " + str(len(body)).encode() + b"\r\n\r\n" + body
            )
            assert connection.recv(15) == b"HTTP/1.1 200 OK"
            write_version(tmp_path, "forecast", "2")
            assert service.app.services.repository.load("forecast").version == "2"
            log.flush()
            retired = [
                json.loads(line)
                for line in LOG.getvalue().splitlines()
                if '"model_retired"' in line
            ]
            assert retired[-1]["finished"] is True


def test_what_is_unloaded_is_not_found(tmp_path: Path) -> None:
    write_version(tmp_path, "forecast", "1")
    write_version(tmp_path, "other", "1", task="other")
    with running(tmp_path, watch_seconds=0) as service:
        service.app.services.repository.unload("forecast")
        assert service.forecast().status_code == 404
        assert service.http.get("/health/ready").json()["models"] == {"other": "1"}
        service.app.services.repository.unload("other")
        assert service.http.get("/health/ready").status_code == 503
        service.app.services.repository.load("forecast")
        assert service.forecast().status_code == 200


def test_a_refused_version_is_listed(tmp_path: Path) -> None:
    write_version(tmp_path, "forecast", "1")
    with running(tmp_path, watch_seconds=0.02) as service:
        folder = write_version(tmp_path.parent / f"{tmp_path.name}-work", "forecast", "2")
        (folder / "README.md").write_text("Somebody was here.\n", encoding="utf-8")
        folder.rename(tmp_path / "forecast" / "2")
        until(lambda: service.http.get("/models").json()["refused"])
        answer = service.http.get("/models").json()
        assert [(each["name"], each["version"]) for each in answer["models"]] == [("forecast", "1")]
        [refused] = answer["refused"]
        assert (refused["name"], refused["version"]) == ("forecast", "2")
        assert 'unroll_refused_versions{model="forecast"} 1.0' in service.http.get("/metrics").text
        assert service.forecast().json()["version"] == "1"
