"""Whether FastAPI sees a request for steps or not, it is answered alike."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.main import TASKS
from tests.api.service import Service, running, until
from tests.samples import sample
from tests.streams import write_single_step, write_stream_version

STEP = {"values": [0.5, -1.0]}
# Path, body, headers: each is sent to a stream of its own that has taken two steps.
REQUESTS: dict[str, tuple[Any, dict[str, str]]] = {
    "steps": (STEP, {}),
    "one step as tensors": (
        {"inputs": [{"name": "values", "datatype": "FP32", "shape": [1, 1, 1], "data": [2]}]},
        {},
    ),
    "at its position": (STEP | {"position": 2}, {}),
    "again": (STEP | {"position": 0}, {}),
    "elsewhere": (STEP | {"position": 7}, {}),
    "outputs": (STEP | {"outputs": ["next_h"]}, {}),
    "an unknown output": (STEP | {"outputs": ["no"]}, {}),
    "an unknown field": (STEP | {"no": 1}, {}),
    "a wrong value": ({"values": ["a"]}, {}),
    "no steps": ({"values": []}, {}),
    "nothing": ({}, {}),
    "no object": ([1], {}),
    "no JSON": (b"{", {}),
    "NaN": (b'{"values": [NaN]}', {}),
    "twice the same field": (b'{"values": [1], "values": [2]}', {}),
    "with a charset": (STEP, {"Content-Type": "application/json; charset=utf-8"}),
    "no JSON by its type": (STEP, {"Content-Type": "text/plain"}),
    "compressed": (STEP, {"Content-Encoding": "gzip"}),
    "with time": (STEP, {"X-Request-Timeout-Ms": "5000"}),
    "with no time": (STEP, {"X-Request-Timeout-Ms": "0"}),
    "with a trace": (STEP, {"traceparent": f"00-{'1' * 32}-{'2' * 16}-01"}),
    "too long": ({"values": [0.25] * 10_500}, {}),
    "long": ({"values": [0.25] * 9000}, {}),
}


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Service, Service]]:
    """(a service with the path, one without)."""
    root = tmp_path_factory.mktemp("models")
    write_stream_version(root)
    write_single_step(root)
    settings: dict[str, Any] = {
        "tasks": TASKS,
        "streams_url": "memory://",
        "max_body_bytes": 60_000,
    }
    with running(root, **settings) as one, running(root, fast_path=False, **settings) as other:
        yield one, other


def ask(service: Service, name: str, body: Any, headers: dict[str, str]) -> httpx.Response:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    sent = {"Content-Type": "application/json", "X-Request-ID": "the-same"} | headers
    return service.http.post(f"/streams/{name}/steps", content=content, headers=sent)


def facts(response: httpx.Response) -> tuple[Any, ...]:
    names = {name for name in response.headers if name != "content-length"}
    return response.status_code, names, response.headers["content-type"], response.json()


@pytest.mark.parametrize("case", REQUESTS)
def test_both_answer_alike(both: tuple[Service, Service], case: str) -> None:
    body, headers = REQUESTS[case]
    name = case.replace(" ", "-")
    found = []
    for service in both:
        service.http.put(f"/streams/{name}", json={"model": "lstm"})
        assert ask(service, name, STEP, {}).status_code == 200
        first = facts(ask(service, name, body, headers))
        at = service.http.get(f"/streams/{name}").json()["position"]
        found.append((first, at, facts(ask(service, name, {"values": [1.0]}, {}))))
    assert found[0] == found[1]


def test_both_answer_alike_about_streams_that_are_not_there(
    both: tuple[Service, Service],
) -> None:
    for name in ("never-was", "a%20b", "a" * 129):
        one, other = [facts(ask(service, name, STEP, {})) for service in both]
        assert one == other
        assert one[0] in (404, 422)


def test_a_graph_of_single_steps_takes_many(both: tuple[Service, Service]) -> None:
    found = []
    for service in both:
        service.http.put("/streams/rows", json={"model": "sum"})
        found.append(facts(ask(service, "rows", {"values": [[1, 2], [3, 4]]}, {})))
    assert found[0] == found[1]
    assert found[0][0] == 200


def test_it_is_counted_and_logged(both: tuple[Service, Service]) -> None:
    service, _ = both
    service.http.put("/streams/counted", json={"model": "lstm"})
    labels = {"task": "stream", "model": "lstm", "version": "1", "status": "200"}
    before = sample("unroll_requests_total", **labels)
    response = ask(service, "counted", STEP, {"X-Request-ID": "counted-1"})
    assert response.headers["x-request-id"] == "counted-1"
    assert "total;dur=" in response.headers["server-timing"]
    [line] = [each for each in service.lines("counted-1") if each["event"] == "request"]
    assert (line["status"], line["path"], line["model"]) == (200, "/streams/counted/steps", "lstm")
    until(lambda: sample("unroll_requests_total", **labels) == before + 1)
    assert service.app.services.lifecycle.in_flight == 0
    [model] = [each for each in service.app.services.repository.loaded() if each.name == "lstm"]
    assert model.leases.held == 0


def test_keys_hold(tmp_path: Path) -> None:
    write_stream_version(tmp_path)
    settings: dict[str, Any] = {"streams_url": "memory://", "api_keys": "first,second"}
    with running(tmp_path, tasks=TASKS, **settings) as service:
        first, second = ({"X-API-Key": key} for key in ("first", "second"))
        service.http.put("/streams/mine", json={"model": "lstm"}, headers=first)
        assert ask(service, "mine", STEP, first).json()["position"] == 2
        assert ask(service, "mine", STEP, second).status_code == 404
        assert ask(service, "mine", STEP, {}).status_code == 401
        assert ask(service, "mine", STEP, {"X-API-Key": "third"}).status_code == 401
        assert ask(service, "mine", STEP, first).json()["position"] == 4
