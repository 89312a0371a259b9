"""Requests below /v2 that never reach a graph, and the two ways there: the same body always."""

import gc
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client import REGISTRY

from app.errors import QueueFull
from tests.api.service import Service, until
from tests.api.v2.triton import FP32, ROWS, check, post, protocol_service, write_models
from tests.tensors import running_sum, write_tensor_version


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with protocol_service(write_models(tmp_path_factory.mktemp("models"))) as service:
        yield service


@pytest.mark.parametrize("model", ["nope", "fp32.encoder", "x" * 500, "%2e%2e", "fp32%20"])
def test_no_such_model(served: Service, model: str) -> None:
    response = post(served, {"inputs": [FP32]}, model)
    check(response, 404)
    assert len(response.text) < 400


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v2/models/fp32/infer", 405),
        ("PUT", "/v2/models/fp32/infer", 405),
        ("POST", "/v2/models/fp32", 405),
        ("GET", "/v2/nothing", 404),
        ("GET", "/v2/", 404),
        ("GET", "/v2/models", 404),
        ("POST", "/v2/models/a/b/infer", 404),
        ("GET", "/v2/models/fp32/versions/9", 404),
        ("GET", "/v2/models/fp32/versions/9/config", 404),
        ("GET", "/v2/models/nope/stats", 404),
        ("GET", "/v2/models/nope/ready", 404),
    ],
)
def test_other_paths_and_methods(served: Service, method: str, path: str, status: int) -> None:
    check(served.http.request(method, path), status)


def test_nothing_else_has_that_body(served: Service) -> None:
    assert "error" not in served.http.get("/v2x").json()


def test_a_queue_that_is_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(examples: Any, **_: Any) -> None:
        raise QueueFull(f"{len(examples)} inputs are waiting already", retry_after=0.3)

    write_tensor_version(tmp_path, "running-sum", running_sum(), ROWS)
    with protocol_service(tmp_path, max_queue_size=1) as service:
        scheduler = service.app.services.repository.get("running-sum").scheduler
        monkeypatch.setattr(scheduler, "run_inline", lambda examples, *_, **__: [None])
        monkeypatch.setattr(scheduler, "submit_many", refuse)
        tensor = {"name": "values", "datatype": "FP32", "shape": [1, 1], "data": [1]}
        lengths = {"name": "lengths", "datatype": "INT64", "shape": [1], "data": [1]}
        response = post(service, {"inputs": [tensor, lengths]}, "running-sum")
        check(response, 429, "1 inputs are waiting already")
        assert int(response.headers["retry-after"]) >= 1


def test_the_router_answers_as_the_fast_path_does(served: Service) -> None:
    """The same bodies, to the byte."""
    bodies: list[Any] = [{"inputs": [FP32]}, {"inputs": []}, b"{", {"inputs": [FP32], "id": "1"}]
    fast = [post(served, body) for body in bodies]
    with protocol_service(served.app.services.settings.models_dir, fast_path=False) as other:
        routed = [post(other, body) for body in bodies]
    assert [each.content for each in routed] == [each.content for each in fast]
    assert [each.status_code for each in routed] == [200, 422, 400, 200]


def test_what_was_refused_is_freed_at_once(served: Service) -> None:
    """Bodies that are read in a thread, too: without the collector of circles."""
    gc.collect()
    gc.disable()
    try:
        for size in (2_003, 5_003):
            body = {"inputs": [FP32], "outputs": [{"name": "same"}] * size}
            check(post(served, body), 422, "twice")
            del body
            left = [each for each in gc.get_objects() if type(each) is list and len(each) == size]
            assert left == []
    finally:
        gc.enable()


def test_an_inference_is_logged_and_counted_as_other_requests_are(served: Service) -> None:
    labels = {"task": "infer", "model": "fp32", "version": "1", "status": "200"}
    before = REGISTRY.get_sample_value("unroll_requests_total", labels) or 0.0
    tensor = FP32 | {"shape": [2, 1]}
    response = post(served, {"inputs": [tensor]}, headers={"X-Request-ID": "mine-2"})
    assert response.headers["x-request-id"] == "mine-2"
    timing = response.headers["server-timing"]
    assert re.fullmatch(r"queue;dur=[\d.]+, inference;dur=[\d.]+, total;dur=[\d.]+", timing)
    (line,) = served.lines("mine-2")
    assert (line["path"], line["status"]) == ("/v2/models/fp32/infer", 200)
    assert (line["model"], line["version"], line["inputs"]) == ("fp32", "1", 2)
    assert line["duration_ms"] >= line["inference_ms"] > 0
    assert REGISTRY.get_sample_value("unroll_requests_total", labels) == before + 1
    refused = post(served, {"inputs": []}, headers={"X-Request-ID": "mine-3"})
    assert refused.status_code == 422
    (line,) = served.lines("mine-3")
    assert (line["status"], line["error"]) == (422, "invalid-input")


def test_an_inference_has_spans(served: Service, spans: InMemorySpanExporter) -> None:
    for _ in range(3):  # in a worker's thread, and where it is
        spans.clear()
        assert post(served, {"inputs": [FP32]}).status_code == 200
        until(lambda: len(spans.get_finished_spans()) >= 5)
        names = sorted(span.name for span in spans.get_finished_spans())
        route = "POST /v2/models/{name}/infer"
        assert names == sorted(["parse", "queue", "batch", "run", route])
