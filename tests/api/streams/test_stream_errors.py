"""What goes wrong with streams is told, and takes no step."""

import time
from pathlib import Path
from typing import Any

import pytest

from app.main import TASKS
from tests.api.service import Service, running, until
from tests.streams import write_stream_version


@pytest.fixture(scope="module")
def models_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("models")
    write_stream_version(root)
    return root


def problem(service: Service, method: str, path: str, status: int, **body: object) -> str:
    """The kind of problem that is answered."""
    response = service.http.request(method, path, json=body or None)
    assert response.status_code == status, response.text
    found: str = response.json()["type"]
    return found.removeprefix("urn:unroll:problem:")


def test_an_expired_stream_is_told_from_one_that_never_was(models_dir: Path) -> None:
    with running(models_dir, tasks=TASKS, streams_url="memory://") as service:
        body = {"model": "lstm", "ttl_seconds": 0.2}
        assert service.http.put("/streams/short", json=body).status_code == 201
        until(lambda: service.http.get("/streams/short").status_code == 404)
        assert problem(service, "GET", "/streams/short", 404) == "stream-expired"
        kind = problem(service, "POST", "/streams/short/steps", 404, values=[1])
        assert kind == "stream-expired"
        assert problem(service, "DELETE", "/streams/short", 404) == "stream-expired"
        assert problem(service, "GET", "/streams/none", 404) == "stream-not-found"
        assert service.http.put("/streams/short", json=body).status_code == 201


def test_a_step_prolongs_the_life_of_a_stream(models_dir: Path) -> None:
    with running(models_dir, tasks=TASKS, streams_url="memory://") as service:
        service.http.put("/streams/long", json={"model": "lstm", "ttl_seconds": 1})
        end = time.monotonic() + 2.5
        while time.monotonic() < end:
            response = service.http.post("/streams/long/steps", json={"values": [1]})
            assert response.status_code == 200, response.text
            time.sleep(0.1)


def test_a_body_of_steps_has_4_mebibytes_at_most(models_dir: Path) -> None:
    with running(models_dir, tasks=TASKS, streams_url="memory://") as service:
        service.http.put("/streams/one", json={"model": "lstm"})
        body = b'{"values":[1]' + b" " * (4 * 2**20 - 14) + b"}"
        headers = {"Content-Type": "application/json"}
        for content, status in ((body, 200), (body + b" ", 413)):
            response = service.http.post("/streams/one/steps", content=content, headers=headers)
            assert response.status_code == status, response.text


def test_no_more_streams_than_the_settings_allow(models_dir: Path) -> None:
    settings: dict[str, Any] = {"streams_url": "memory://", "max_streams": 2}
    with running(models_dir, tasks=TASKS, **settings) as service:
        for name in ("one", "two"):
            assert service.http.put(f"/streams/{name}", json={"model": "lstm"}).status_code == 201
        response = service.http.put("/streams/three", json={"model": "lstm"})
        assert response.status_code == 429
        assert int(response.headers["retry-after"]) > 0
        assert response.json()["type"] == "urn:unroll:problem:too-many-streams"
        assert service.http.put("/streams/one", json={"model": "lstm"}).status_code == 200
        assert problem(service, "POST", "/streams/one/fork", 429, stream="three")
        service.http.delete("/streams/one")
        assert service.http.put("/streams/three", json={"model": "lstm"}).status_code == 201


def test_an_answer_that_is_too_large_to_be_kept_takes_no_step(models_dir: Path) -> None:
    settings: dict[str, Any] = {"streams_url": "memory://", "max_stream_bytes": 400}
    with running(models_dir, tasks=TASKS, **settings) as service:
        service.http.put("/streams/small", json={"model": "lstm"})
        kind = problem(service, "POST", "/streams/small/steps", 422, values=[1.0] * 100)
        assert kind == "invalid-input"
        assert service.http.get("/streams/small").json()["position"] == 0
        response = service.http.post("/streams/small/steps", json={"values": [1.0] * 3})
        assert response.json()["position"] == 3


def test_a_step_that_fails_behind_others_is_told(
    models_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings: dict[str, Any] = {"streams_url": "memory://", "max_stream_bytes": 400}
    with running(models_dir, tasks=TASKS, **settings) as service:
        service.http.put("/streams/small", json={"model": "lstm"})
        scheduler = service.app.services.repository.get("lstm").scheduler
        monkeypatch.setattr(scheduler, "run_inline", lambda *_, **__: [None])  # it must wait
        kind = problem(service, "POST", "/streams/small/steps", 422, values=[1.0] * 100)
        assert kind == "invalid-input"


def test_a_store_that_cannot_keep_is_told_and_all_else_works(
    models_dir: Path, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with running(models_dir, tasks=TASKS, streams_dir=tmp_path / "file" / "x") as service:
        response = service.http.put("/streams/one", json={"model": "lstm"})
        assert response.status_code == 503
        assert response.headers["retry-after"] == "1"
        assert response.json()["type"] == "urn:unroll:problem:store-failed"
        assert problem(service, "GET", "/streams/one", 404) == "stream-not-found"
        assert service.http.get("/health/ready").status_code == 200


def test_a_redis_that_is_not_there_is_told(models_dir: Path) -> None:
    with running(models_dir, tasks=TASKS, streams_url="redis://127.0.0.1:1/0") as service:
        for method, path in (("PUT", "/streams/a"), ("GET", "/streams/a"), ("GET", "/streams")):
            body: dict[str, Any] = {"model": "lstm"} if method == "PUT" else {}
            assert problem(service, method, path, 503, **body) == "store-failed"
        assert service.http.get("/health/ready").status_code == 200


def test_streams_belong_to_their_keys(models_dir: Path) -> None:
    settings: dict[str, Any] = {"streams_url": "memory://", "api_keys": "first,second"}
    with running(models_dir, tasks=TASKS, wait=False, **settings) as service:
        until(lambda: service.http.get("/health/ready").status_code == 200)
        first, second = ({"X-API-Key": key} for key in ("first", "second"))
        put: dict[str, Any] = {"json": {"model": "lstm"}}
        assert service.http.put("/streams/mine", headers=first, **put).status_code == 201
        assert service.http.get("/streams/mine", headers=second).status_code == 404
        steps: dict[str, Any] = {"json": {"values": [1.0]}}
        response = service.http.post("/streams/mine/steps", headers=second, **steps)
        assert response.status_code == 404
        assert service.http.delete("/streams/mine", headers=second).status_code == 404
        assert service.http.get("/streams", headers=second).json()["streams"] == []
        assert service.http.put("/streams/mine", headers=second, **put).status_code == 201
        service.http.post("/streams/mine/steps", headers=second, **steps)
        assert service.http.get("/streams/mine", headers=first).json()["position"] == 0
        bearer = {"Authorization": "Bearer first"}
        assert service.http.get("/streams/mine", headers=bearer).json()["position"] == 0
        assert service.http.get("/streams/mine").status_code == 401
