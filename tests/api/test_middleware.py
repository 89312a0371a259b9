"""Request ids, Server-Timing, the log line and the request metrics."""

import re
from pathlib import Path

import pytest
from prometheus_client import REGISTRY

from tests.api.service import Service, running
from tests.samples import sample


def counted(task: str, model: str, version: str, status: str) -> float:
    return sample("unroll_requests_total", task=task, model=model, version=version, status=status)


def total_length() -> float:
    return sample("unroll_input_length_sum", task="forecast", model="forecast")


@pytest.mark.parametrize("request_id", ["a", "trace-1.2:3_4", "x" * 128])
def test_a_sane_request_id_is_echoed(service: Service, request_id: str) -> None:
    response = service.http.get("/health/live", headers={"X-Request-ID": request_id})
    assert response.headers["x-request-id"] == request_id


@pytest.mark.parametrize("request_id", ["", "a b", "x" * 129, "{'a'}", "a\tb", "\xe4"])
def test_any_other_is_replaced(service: Service, request_id: str) -> None:
    headers = {b"X-Request-ID": request_id.encode("latin-1")}
    response = service.http.get("/health/live", headers=headers)
    assert re.fullmatch("[0-9a-f]{32}", response.headers["x-request-id"])


def test_ids_differ(service: Service) -> None:
    ids = {service.http.get("/health/live").headers["x-request-id"] for _ in range(5)}
    assert len(ids) == 5


def test_server_timing(service: Service) -> None:
    timing = service.forecast(model="slow").headers["server-timing"]
    found = re.fullmatch(r"queue;dur=([\d.]+), inference;dur=([\d.]+), total;dur=([\d.]+)", timing)
    assert found
    queue, inference, total = map(float, found.groups())
    assert 390 < inference < total
    assert queue + inference <= total
    assert re.fullmatch(r"total;dur=[\d.]+", service.http.get("/models").headers["server-timing"])


def test_one_log_line_per_request(service: Service) -> None:
    request_id = service.forecast(series=[[1], [2]]).headers["x-request-id"]
    (line,) = service.lines(request_id)
    assert line["event"] == "request"
    assert line["level"] == "info"
    assert (line["method"], line["path"], line["status"]) == ("POST", "/forecast", 200)
    assert (line["model"], line["version"], line["inputs"]) == ("forecast", "2", 2)
    assert 0 <= line["inference_ms"] <= line["duration_ms"]
    assert "queue_ms" in line


def test_errors_are_logged_with_their_kind(service: Service) -> None:
    response = service.forecast(horizon=0)
    (line,) = service.lines(response.headers["x-request-id"])
    assert (line["status"], line["error"]) == (422, "invalid-input")


def test_probes_are_quiet(service: Service) -> None:
    for path in ("/health/live", "/health/ready", "/metrics"):
        (line,) = service.lines(service.http.get(path).headers["x-request-id"])
        assert line["level"] == "debug"


def test_requests_are_counted(service: Service) -> None:
    labels = ("forecast", "forecast", "2", "200")
    before = counted(*labels)
    length_before = total_length()
    service.lines(service.forecast(series=[[1, 2], [3]]).headers["x-request-id"])
    assert counted(*labels) == before + 1
    assert total_length() == length_before + 3
    assert REGISTRY.get_sample_value("unroll_in_flight") == 0


def test_what_clients_send_makes_no_new_labels(service: Service) -> None:
    before = counted("forecast", "", "", "404")
    service.lines(service.forecast(model="made-up").headers["x-request-id"])
    assert counted("forecast", "", "", "404") == before + 1
    assert "made-up" not in service.http.get("/metrics").text


def test_other_scopes_pass(tmp_path: Path) -> None:
    with running(tmp_path, wait=False) as service, service.connection() as connection:
        connection.sendall(
            b"GET /forecast HTTP/1.1\r\nHost: test\r\nConnection: Upgrade\r\n"
            b"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
            b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
        )
        assert re.match(rb"HTTP/1\.1 40[345]", connection.recv(65536))
