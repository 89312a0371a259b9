"""Live and ready through loading, serving and draining; the metrics page."""

from pathlib import Path

import pytest

from tests.api.doubles import write_version
from tests.api.service import Service, answers, running, until
from tests.api.test_errors import check


def test_ready(service: Service) -> None:
    assert service.http.get("/health/live").json() == {"status": "live"}
    response = service.http.get("/health/ready")
    assert response.status_code == 200
    assert response.json() == {
        "status": "ready",
        "models": {"forecast": "2", "other": "1", "slow": "1"},
    }


def test_not_ready_while_loading(tmp_path: Path) -> None:
    write_version(tmp_path, load_seconds=0.5)
    with running(tmp_path, wait=False) as service:
        assert service.http.get("/health/live").status_code == 200
        for response in (service.http.get("/health/ready"), service.forecast()):
            check(response, 503, "not-ready")
            assert "loaded" in response.json()["detail"]
            assert response.headers["retry-after"] == "1"
        until(lambda: service.http.get("/health/ready").status_code == 200)


def test_never_ready_without_a_model(tmp_path: Path) -> None:
    with running(tmp_path, wait=False) as service:
        until(lambda: "no model" in service.http.get("/health/ready").text)
        assert service.http.get("/health/live").status_code == 200
        assert service.http.get("/models").json() == {"models": [], "candidates": [], "refused": []}
        assert service.forecast().status_code == 503


def test_a_stop_while_loading(tmp_path: Path) -> None:
    write_version(tmp_path, load_seconds=0.3)
    with running(tmp_path, wait=False) as service:
        assert service.http.get("/health/ready").status_code == 503


def test_what_came_before_the_stop_is_answered(tmp_path: Path) -> None:
    write_version(tmp_path)
    body = b'{"series": [1, 2, 3], "horizon": 2}'
    head = (
        b"POST /forecast HTTP/1.1\r\nHost: test\r\nContent-Type: application/json\r\n"
        b"Content-Length: %d\r\n\r\n" % len(body)
    )
    with running(tmp_path) as service, service.connection() as connection:
        lifecycle = service.app.services.lifecycle
        connection.sendall(head)
        until(lambda: lifecycle.in_flight == 1)
        lifecycle.drain()
        assert service.forecast().status_code == 503
        connection.sendall(body)
        [(status, _, _)] = answers(connection, 1)
        assert status == 200


def test_a_pinned_version(models_dir: Path) -> None:
    with running(models_dir, pinned_versions={"forecast": "1"}) as service:
        assert service.forecast().json()["version"] == "1"


def test_metrics(models_dir: Path) -> None:
    with running(models_dir) as service:
        service.forecast()
        response = service.http.get("/metrics")
    assert response.headers["content-type"].startswith("text/plain; version=")
    assert 'unroll_model_info{model="forecast",task="forecast",version="2"} 1.0' in response.text
    assert "unroll_in_flight 0.0" in response.text


@pytest.mark.parametrize(
    "path",
    [
        *("/health/live", "/health/ready", "/metrics", "/models", "/models/forecast"),
        *("/models/forecast/versions/2", "/docs", "/openapi.json"),
    ],
)
def test_head_is_get_without_a_body(service: Service, path: str) -> None:
    head, get = service.http.head(path), service.http.get(path)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-type"] == get.headers["content-type"]
    allowed = service.http.delete(path).headers["allow"]
    assert set(allowed.split(", ")) == {"GET", "HEAD"}
