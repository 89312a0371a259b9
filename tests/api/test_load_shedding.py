"""Who is refused before anything is made of a request, and what the answer says."""

import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import REGISTRY

from app.api.errors import ERRORS, MEDIA_TYPE, Problem
from app.api.lifecycle import Lifecycle
from app.api.limits import patience_of
from app.api.load_shedding import LoadShedder
from app.errors import QueueFull
from app.main import TASK_PATHS
from app.telemetry.deferred import run_deferred
from tests.api.service import Service, running, until
from tests.api.v2.triton import protocol_service, write_models

LONGEST = 30.0
Headers = list[tuple[bytes, bytes]]


@dataclass
class Load:
    """What lies before a request."""

    waiting: int = 0
    seconds: float = 0.0

    def is_too_long(self, patience: float) -> bool:
        return self.seconds > patience


def shedder(lifecycle: Lifecycle | None = None, full: float = 1e9, most: int = 10) -> LoadShedder:
    """full: a queue that takes so many seconds."""
    return LoadShedder(
        lifecycle or Lifecycle(),
        lambda path: TASK_PATHS.get(path, "infer" if path.startswith("/v2/models/") else ""),
        lambda task, seconds: seconds < full if full < 1e9 else False,
        max_in_flight=most,
        request_seconds=LONGEST,
    )


def parsed(answer: bytes | None) -> tuple[dict[str, str], bytes]:
    assert answer is not None
    head, _, body = answer.partition(b"\r\n\r\n")
    lines = [line.partition(": ") for line in head.decode().split("\r\n")]
    return {name: value for name, _, value in lines}, body


def test_nothing_that_asks_no_network_is_refused() -> None:
    shed = shedder(most=0)
    for path in ("/", "/health/ready", "/metrics", "/models", "/v2", "/v2/health/live", "/docs"):
        assert shed(path, [], Load(10**6, 1e9)) is None
    assert shed("/forecast", [], Load()) is not None


def test_what_waits_counts_as_in_flight() -> None:
    lifecycle = Lifecycle()
    shed = shedder(lifecycle)
    lifecycle.in_flight = 4
    assert shed("/forecast", [], Load(waiting=5)) is None
    assert shed("/forecast", [], Load(waiting=6)) is not None
    lifecycle.in_flight = 10
    assert shed("/forecast", [], Load()) is not None


def test_a_request_is_refused_by_the_time_that_it_has() -> None:
    def headers(timeout: bytes) -> Headers:
        return [(b"x-request-timeout-ms", timeout)]

    shed = shedder()
    assert shed("/forecast", headers(b"500"), Load(seconds=0.4)) is None
    assert shed("/forecast", headers(b"500"), Load(seconds=0.6)) is not None
    assert shed("/forecast", headers(b"999999"), Load(seconds=LONGEST + 1)) is not None
    full = shedder(full=1.0)
    assert full("/forecast", headers(b"500"), Load(waiting=1)) is not None
    assert full("/forecast", [], Load(waiting=1)) is None
    assert full("/forecast", headers(b"500"), Load()) is None, "nothing can wait in a queue"


def test_patience_is_read_without_complaint() -> None:
    def headers(*values: bytes) -> Headers:
        return [(b"x-request-timeout-ms", each) for each in values]

    assert patience_of(headers(b"250"), LONGEST) == 0.25
    assert patience_of(headers(b"99999"), LONGEST) == LONGEST
    for wrong in (b"", b"-1", b"soon", b"1" * 20, b"\xb2"):
        assert patience_of(headers(wrong), LONGEST) == LONGEST
    assert patience_of([], LONGEST) == LONGEST


def test_every_refusal_has_the_id_of_its_request() -> None:
    shed = shedder(most=0)
    ids = {parsed(shed("/forecast", [], Load()))[0]["x-request-id"] for _ in range(5)}
    assert len(ids) == 5
    sent, _ = parsed(shed("/forecast", [(b"x-request-id", b"mine")], Load()))
    assert sent["x-request-id"] == "mine"
    insane, _ = parsed(shed("/forecast", [(b"x-request-id", b"a b\xff")], Load()))
    assert insane["x-request-id"] != "a b\xff"


@pytest.mark.parametrize("path", ["/forecast", "/v2/models/any/infer"])
def test_a_refusal_is_what_the_application_would_answer(service: Service, path: str) -> None:
    """Once refused at the head, once by an endpoint that raises the same error."""
    headers, body = parsed(shedder(most=0)(path, [(b"x-request-id", b"mine")], Load()))
    assert headers["content-length"] == str(len(body))
    kind = ERRORS[QueueFull]
    if path.startswith("/v2"):
        assert headers["content-type"] == "application/json"
        assert body == b'{"error":"0 requests are being answered already"}'
    else:
        expected = Problem(
            type=kind.type,
            title=kind.title,
            status=kind.status,
            detail="0 requests are being answered already",
            instance=path,
            request_id="mine",
        )
        assert headers["content-type"] == MEDIA_TYPE
        assert body.decode() == expected.model_dump_json(exclude_none=True)


def test_every_refusal_is_counted_once() -> None:
    def counted() -> float:
        run_deferred()
        labels = {"task": "backtest", "model": "", "version": "", "status": "429"}
        return REGISTRY.get_sample_value("unroll_requests_total", labels) or 0.0

    shed = LoadShedder(
        Lifecycle(), lambda path: "backtest", lambda *_: False, max_in_flight=0, request_seconds=1
    )
    before = counted()
    for times in (3, 2, 0, 1):
        for _ in range(times):
            shed("/backtest", [], Load())
        before += times
        assert counted() == before


def test_headers_are_those_of_a_refusal_by_the_application(tmp_path: Path) -> None:
    write_models(tmp_path)
    with protocol_service(tmp_path, max_in_flight=1) as one:
        one.app.services.lifecycle.in_flight = 1
        at_head = one.http.post("/v2/models/int64/infer", json={})
        assert at_head.status_code == 429
        one.app.services.lifecycle.in_flight = 0
        other = one.http.post("/v2/models/int64/infer", json={})
        assert other.status_code == 422
    assert at_head.headers.keys() == other.headers.keys() | {"retry-after"}


def test_who_is_refused_is_told_when_to_come_back(models_dir: Path) -> None:
    with running(models_dir, max_in_flight=1) as service:
        other = threading.Thread(target=lambda: service.forecast(model="slow"))
        other.start()
        until(lambda: service.app.services.lifecycle.in_flight == 1)
        name = {"X-Request-ID": "mine"}
        refused = service.http.post("/forecast", json={"series": [1], "horizon": 1}, headers=name)
        assert refused.status_code == 429
        assert refused.headers["content-type"] == MEDIA_TYPE
        assert refused.headers["retry-after"] == "1"
        problem = refused.json()
        assert problem["type"] == "urn:unroll:problem:queue-full"
        assert problem.keys() == Problem.model_fields.keys() - {"errors", "position"}
        assert problem["request_id"] == refused.headers["x-request-id"] == "mine"
        tensors = service.http.post("/v2/models/any/infer", json={"inputs": []})
        assert (tensors.status_code, list(tensors.json())) == (429, ["error"])
        closing = service.http.post("/forecast", json={}, headers={"Connection": "close"})
        assert (closing.status_code, closing.headers["connection"]) == (429, "close")
        assert service.http.get("/health/live").status_code == 200, "only what asks a network"
        page = service.http.get("/metrics").text
        assert 'unroll_rejections_total{model="",reason="overload"} ' in page
        other.join()
        assert service.forecast().status_code == 200


def test_a_queue_that_is_full_refuses_its_task_at_the_head(
    models_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before a body is read; another model of the task, or another task, is not concerned."""
    with running(models_dir) as service:
        shed = service.app.shed
        loaded = service.app.services.repository.loaded()
        doing = [each for each in loaded if each.manifest.task == "forecast"]
        assert len(doing) > 1
        free: Any = Load(waiting=1)
        timeout = [(b"x-request-timeout-ms", b"500")]
        assert shed("/forecast", timeout, free) is None
        for model in doing:
            assert shed("/forecast", timeout, free) is None, "one of them is not full"
            monkeypatch.setattr(model.scheduler, "is_full", lambda seconds: seconds < 1)
        _, body = parsed(shed("/forecast", timeout, free))
        assert b"inputs are waiting that take too long to compute" in body
        assert shed("/forecast", [], free) is None, "it has time enough"
        assert shed("/sentiment", timeout, free) is None
