"""Writes app/api/answers.json: what /docs shows as answers. Knows which requests are asked.

`python -m tests.answers` asks the shipped models, and a small network for streams. Answers that
cannot be had here, such as those of a task without a shipped model, are left as they were.
"""

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import httpx

from app.api.openapi import ANSWERS
from app.main import TASKS
from tests.api.service import Service, running, until
from tests.streams import write_stream_version

_MODELS: Final = Path(__file__).resolve().parents[1] / "models"
_DIGITS: Final = 4
_LONGEST: Final = 2  # of lists in a manifest and in statistics, which are long
_LONG: Final = {"versions", "stats"}
_Answers = dict[str, Any]


def shipped(service: Service) -> _Answers:
    """Answers of shipped models, by operation."""
    http, answers = service.http, {}
    paths = http.get("/openapi.json").json()["paths"]
    for path in (
        "/forecast",
        "/backtest",
        "/sentiment",
        "/classify",
        "/authorship",
        "/caption",
        "/translate",
        "/generate",
        *("/v1/timeseries/forecast", "/invocations", "/v2/forecast", "/v2/cross_validation"),
        *("/v2/anomaly_detection", "/v2/online_anomaly_detection"),
    ):
        body = paths[path]["post"]["requestBody"]["content"]["application/json"]
        first = next(iter(body["examples"].values()))["value"]
        answers[f"POST {path}"] = http.post(path, json=first)
    for path in (
        "/models",
        "/health/live",
        "/health/ready",
        "/v2/health/live",
        "/v2/health/ready",
        "/v2",
        *("/v1/timeseries/models", "/model_params", "/validate_api_key", "/ping"),
    ):
        answers[f"GET {path}"] = http.get(path)
    answers["GET /models/{name}"] = http.get("/models/forecast")
    answers["GET /models/{name}/versions/{version}"] = http.get("/models/forecast/versions/1")
    for path in ("", "/ready", "/config", "/stats"):
        answers[f"GET /v2/models/{{name}}{path}"] = http.get(f"/v2/models/sentiment{path}")
    answers["GET /v2/models/stats"] = http.get("/v2/models/stats")
    answers["POST /v2/repository/index"] = http.post("/v2/repository/index")
    return {name: _content(answer) for name, answer in answers.items() if answer.status_code == 200}


def streams(service: Service) -> _Answers:
    """Answers of a small LSTM and of its streams."""
    http, stream = service.http, "/streams/pump-7"
    answers = {"PUT /streams/{stream}": http.put(stream, json={"model": "lstm"})}
    steps = {"position": 0, "values": [[0.5], [0.7]]}
    answers["POST /streams/{stream}/steps"] = http.post(f"{stream}/steps", json=steps)
    answers["GET /streams/{stream}"] = http.get(stream)
    fork = http.post(f"{stream}/fork", json={"stream": "pump-7-what-if"})
    answers["POST /streams/{stream}/fork"] = fork
    sealed = http.get(f"{stream}/state").content
    kind = {"Content-Type": "application/octet-stream"}
    answers["PUT /streams/{stream}/state"] = http.put(
        "/streams/pump-8/state", content=sealed, headers=kind
    )
    answers["GET /streams"] = http.get("/streams")
    tensors = [
        {"name": "values", "datatype": "FP32", "shape": [1, 2, 1], "data": [0.5, 0.7]},
        {"name": "lengths", "datatype": "INT64", "shape": [1], "data": [2]},
    ]
    answers["POST /v2/models/{name}/infer"] = http.post(
        "/v2/models/lstm/infer", json={"id": "42", "inputs": tensors}
    )
    return {name: _content(answer) for name, answer in answers.items()}


def _content(answer: httpx.Response) -> Any:
    assert answer.is_success, answer.text
    content = answer.json() if answer.content else None
    return _short(content, _LONGEST if _LONG & {*answer.url.path.split("/")} else 10**6)


def _short(value: Any, longest: int) -> Any:
    """The same with fewer digits, and with no list that is longer."""
    if isinstance(value, float):
        return float(f"{value:.{_DIGITS}g}")
    if isinstance(value, list):
        return [_short(each, longest) for each in value[:longest]]
    if isinstance(value, dict):
        return {name: _short(each, longest) for name, each in value.items()}
    return value


def main() -> None:
    known: _Answers = json.loads(ANSWERS.read_text(encoding="utf-8"))
    with (
        TemporaryDirectory() as folder,
        running(_MODELS, wait=False, tasks=TASKS, streams_dir=Path(folder)) as service,
    ):
        until(lambda: service.http.get("/health/ready").status_code == 200, seconds=300)
        known |= shipped(service)
    with TemporaryDirectory() as folder:
        write_stream_version(Path(folder), "lstm")
        with running(Path(folder), tasks=TASKS, streams_url="memory://") as service:
            known |= streams(service)
    ANSWERS.write_text(json.dumps(known, indent=1, sort_keys=True) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
