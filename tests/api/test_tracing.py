"""The spans of a request, its trace in the log, and that neither holds what was sent."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import ClassVar

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from app.telemetry import log, tracing
from tests.api.doubles import write_version
from tests.api.service import LOG, Service, running, until

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
TRACEPARENT = f"00-{TRACE}-{PARENT}-01"


@pytest.fixture(name="service", scope="module")
def doubles(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    root = tmp_path_factory.mktemp("models")
    write_version(root)
    with running(root, max_batch_size=2) as one:
        yield one


def finished(spans: InMemorySpanExporter, count: int) -> dict[str, list[ReadableSpan]]:
    """By name, once there are so many; the answer goes out before the last of them."""
    until(lambda: len(spans.get_finished_spans()) >= count)
    found: dict[str, list[ReadableSpan]] = {}
    for each in spans.get_finished_spans():
        found.setdefault(each.name, []).append(each)
    return found


def test_the_trace_is_in_the_log_while_tracing_is_off(service: Service) -> None:
    assert not tracing.enabled()
    for headers, expected in (
        ({"traceparent": TRACEPARENT}, (TRACE, PARENT)),
        ({"traceparent": "00-nonsense"}, (None, None)),
        ({}, (None, None)),
    ):
        response = service.http.get("/models", headers=headers)
        (line,) = service.lines(response.headers["x-request-id"])
        assert (line.get("trace_id"), line.get("span_id")) == expected


def test_the_spans_of_a_request(service: Service, spans: InMemorySpanExporter) -> None:
    response = service.http.post(
        "/forecast",
        json={"series": [[1, 2], [3]], "horizon": 1},
        headers={"traceparent": TRACEPARENT, "X-Request-ID": "of-the-spans"},
    )
    found = finished(spans, 5)
    assert set(found) == {"POST /forecast", "parse", "encode", "queue", "batch"}
    (root,) = found.pop("POST /forecast")
    assert root.kind is SpanKind.SERVER
    assert root.parent is not None
    assert f"{root.parent.span_id:016x}" == PARENT
    assert root.attributes == {
        "http.request.method": "POST",
        "http.response.status_code": 200,
        "http.route": "/forecast",
        "unroll.request_id": "of-the-spans",
        "unroll.model": "forecast",
        "unroll.version": "1",
        "unroll.inputs": 2,
    }
    for each in (root, *(span for group in found.values() for span in group)):
        assert each.context is not None
        assert f"{each.context.trace_id:032x}" == TRACE
        assert each.start_time is not None
        assert each.end_time is not None
        assert root.start_time is not None
        assert root.end_time is not None
        # Recorded by another clock, so a little is allowed.
        assert root.start_time - 10**6 <= each.start_time <= each.end_time <= root.end_time + 10**6
        if each is not root:
            assert root.context is not None
            assert each.parent is not None
            assert each.parent.span_id == root.context.span_id
    assert all((span.attributes or {})["unroll.batch_size"] >= 1 for span in found["batch"])  # type: ignore[operator]
    (line,) = service.lines(response.headers["x-request-id"])
    assert root.context is not None
    assert line["trace_id"] == TRACE
    assert line["span_id"] == f"{root.context.span_id:016x}"


def test_a_request_without_a_parent_starts_a_trace(
    service: Service, spans: InMemorySpanExporter
) -> None:
    response = service.http.get("/models/nothing-like-this")
    ((root,),) = finished(spans, 1).values()
    assert root.name == "GET /models/{name}"
    assert root.parent is None
    assert root.context is not None
    (line,) = service.lines(response.headers["x-request-id"])
    assert line["trace_id"] == f"{root.context.trace_id:032x}"


def test_probes_make_no_spans(service: Service, spans: InMemorySpanExporter) -> None:
    for path in ("/health/live", "/health/ready", "/metrics"):
        service.lines(service.http.get(path).headers["x-request-id"])
    assert not spans.get_finished_spans()


def test_a_caller_that_does_not_sample_is_followed(
    service: Service, spans: InMemorySpanExporter
) -> None:
    headers = {"traceparent": f"00-{TRACE}-{PARENT}-00"}
    response = service.http.get("/models", headers=headers)
    (line,) = service.lines(response.headers["x-request-id"])
    assert line["trace_id"] == TRACE
    assert not spans.get_finished_spans()


def test_a_failure_shows_its_kind_and_nothing_else(
    service: Service, spans: InMemorySpanExporter
) -> None:
    response = service.forecast(series=[-666], model="forecast")
    assert response.status_code == 500
    service.http.request("PROPFIND", "/private", headers={"X-API-Key": "private"})
    service.forecast(series=["private"])
    until(lambda: len([s for s in spans.get_finished_spans() if s.kind is SpanKind.SERVER]) == 3)
    failed, other, wrong = (
        span for span in spans.get_finished_spans() if span.kind is SpanKind.SERVER
    )
    assert failed.status.status_code is StatusCode.ERROR
    assert (failed.attributes or {})["error.type"] == "inference-failed"
    assert other.name == "_OTHER"
    assert (wrong.attributes or {})["error.type"] == "invalid-input"
    for span in spans.get_finished_spans():
        assert not span.events
        assert "private" not in span.to_json()
        assert "secret" not in span.to_json()


def test_a_failure_in_a_worker_is_logged_under_its_request(service: Service) -> None:
    response = service.http.post(
        "/forecast",
        json={"series": [-666], "horizon": 1},
        headers={"traceparent": TRACEPARENT},
    )
    failed, line = service.lines(response.headers["x-request-id"])
    assert failed["event"] == "inference_failed"
    assert line["event"] == "request"
    assert failed["trace_id"] == line["trace_id"] == TRACE


class Collector(BaseHTTPRequestHandler):
    received: ClassVar[list[tuple[str, bytes]]] = []

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.received.append((self.path, body))
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


def test_spans_reach_a_collector(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    with HTTPServer(("127.0.0.1", 0), Collector) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        endpoint = f"http://127.0.0.1:{server.server_port}"
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)
        monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment=test")
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        tracing.configure("otlp")
        response = service.http.get("/models")
        service.lines(response.headers["x-request-id"])
        tracing.configure("off")  # sends what is left, as the end of the process does
        server.shutdown()
    assert not tracing.enabled()
    ((path, body),) = Collector.received
    assert path == "/v1/traces"
    (sent,) = ExportTraceServiceRequest.FromString(body).resource_spans
    resource = {each.key: each.value.string_value for each in sent.resource.attributes}
    assert resource["service.name"] == "unroll"
    assert resource["deployment.environment"] == "test"
    assert [span.name for span in sent.scope_spans[0].spans] == ["GET /models"]


def test_lines_and_spans_hold_nothing_of_what_is_sent(
    service: Service, spans: InMemorySpanExporter
) -> None:
    log.flush()
    before = len(LOG.getvalue())
    sent = {"series": [271828.25, 2, 3], "horizon": 2, "start": "private", "frequency": "private"}
    for body in (sent, sent | {"series": ["private"]}, sent | {"private": 1}, [sent], "private"):
        response = service.http.post("/forecast?private=1", json=body)
        service.lines(response.headers["x-request-id"])
    # The test's own client logs what it asks for, into the same process's log.
    lines = [line for line in LOG.getvalue()[before:].splitlines() if '"logger": "app.' in line]
    logged = "".join(lines)
    assert len(lines) == 5
    assert "private" not in logged
    assert "271828" not in logged
    for span in spans.get_finished_spans():
        assert "private" not in span.to_json()
        assert "271828" not in span.to_json()
