"""Rounds answer as the endpoint does, or leave a request to it. Knows the doubles only."""

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.api.v2.rounds import Rounds
from tests.api.service import Service
from tests.api.v2.triton import protocol_service, write_models

ROW: dict[str, Any] = {
    "inputs": [{"name": "value", "datatype": "INT64", "shape": [1, 2], "data": [1, 2]}]
}
PATH = "/v2/models/int64/infer"


class Arrived:
    """A request that has arrived; `answer` is what was said in the round."""

    def __init__(
        self, body: Any = ROW, *headers: tuple[str, str], path: str = PATH, method: str = "POST"
    ) -> None:
        sent = [(name.lower().encode(), value.encode()) for name, value in headers]
        self.scope = {"type": "http", "method": method, "path": path, "headers": sent}
        self.arrived = time.monotonic()
        self.content: bytes | None = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.answer: bytes | None = None

    def whole_body(self) -> bytes | None:
        return self.content

    def respond(self, answer: bytes) -> None:
        assert self.answer is None
        self.answer = answer

    def run(self) -> None:
        raise AssertionError("a round leaves it to others to hand requests on")


@pytest.fixture(name="models", scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_models(tmp_path_factory.mktemp("models"))


@pytest.fixture(name="service", scope="module")
def running_service(models: Path) -> Iterator[Service]:
    """These networks are cheap on a machine that is busy, too."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("app.serving.scheduling.cost_table.CHEAP_SECONDS", 10.0)
        with protocol_service(models) as one:
            yield one


@pytest.fixture(name="asgi", scope="module")
def service_without_rounds(models: Path) -> Iterator[Service]:
    with protocol_service(models, fast_path=False) as one:
        yield one


@pytest.fixture(name="rounds")
def rounds_of(service: Service) -> Rounds:
    return Rounds(service.app.services)


def test_a_plain_request_is_answered_as_by_the_endpoint(
    rounds: Rounds, service: Service, asgi: Service
) -> None:
    request = Arrived(ROW, ("X-Request-ID", "mine"))
    assert rounds.answer([request]) == []
    assert request.answer is not None
    head, _, body = request.answer.decode().partition("\r\n\r\n")
    lines = dict(line.split(": ", 1) for line in head.split("\r\n"))
    timing = r"queue;dur=[0-9.]+, inference;dur=[0-9.]+, total;dur=[0-9.]+"
    assert re.fullmatch(timing, lines.pop("server-timing"))
    other = asgi.http.post(PATH, json=ROW, headers={"X-Request-ID": "mine"})
    fields = dict(other.headers)
    assert re.fullmatch(timing, fields.pop("server-timing"))
    del fields["date"]
    assert lines == fields
    assert body == other.text
    assert service.http.post(PATH, json=ROW).text == body


def test_many_get_their_own_in_one_round(rounds: Rounds) -> None:
    requests = [
        Arrived({"inputs": [ROW["inputs"][0] | {"data": [number, 2 * number]}], "id": str(number)})
        for number in range(50)
    ]
    assert rounds.answer(requests) == []
    for number, request in enumerate(requests):
        assert request.answer is not None
        answer = json.loads(request.answer.partition(b"\r\n\r\n")[2])
        assert answer["id"] == str(number)
        assert str(number) in json.dumps(answer["outputs"][0]["data"])


@pytest.mark.parametrize(
    "request_",
    [
        Arrived(ROW, ("X-Request-Timeout-Ms", "soon")),
        Arrived(ROW, ("X-Request-Timeout-Ms", "0")),
        Arrived(ROW, ("Content-Encoding", "gzip")),
        Arrived(ROW, ("X-Twice", "1"), ("X-Twice", "2")),
        Arrived({"inputs": []}),
        Arrived(b"{"),
        Arrived({"inputs": [ROW["inputs"][0] | {"data": [1]}]}),
        Arrived({"inputs": [ROW["inputs"][0] | {"shape": [2, 1]}]}),
        Arrived(path="/v2/models/nobody/infer"),
        Arrived(path="/v2/models/int64/versions/7/infer"),
        Arrived(path="/v2/models/int64/foo/1/infer"),
        Arrived(path="/forecast"),
        Arrived(method="GET"),
    ],
)
def test_what_is_not_plain_is_left_to_the_endpoint(rounds: Rounds, request_: Arrived) -> None:
    plain = Arrived()
    assert rounds.answer([request_, plain]) == [request_]
    assert request_.answer is None
    assert plain.answer is not None, "one request does not harm another one of its round"


def test_a_body_that_is_still_to_come_is_left_to_the_endpoint(rounds: Rounds) -> None:
    request = Arrived()
    request.content = None
    assert rounds.answer([request]) == [request]


def test_leases_are_given_back(rounds: Rounds, service: Service) -> None:
    leases = service.app.services.repository.get("int64").leases
    rounds.answer([Arrived(), Arrived(b"{"), Arrived({"inputs": []})])
    assert leases.held == 0


def test_keys_are_asked_for(models: Path) -> None:
    with protocol_service(models, api_keys="a-secret-key") as locked:
        assert locked.http.post(PATH, json=ROW).status_code == 401
        for value in ("wrong", "a-secret-key-"):
            assert locked.http.post(PATH, json=ROW, headers={"X-API-Key": value}).status_code == 401
        right = {"X-API-Key": "a-secret-key"}
        assert locked.http.post(PATH, json=ROW, headers=right).status_code == 200


def test_a_draining_service_leaves_everything_to_the_endpoint(models: Path) -> None:
    with protocol_service(models) as one:
        one.app.services.lifecycle.drain()
        request = Arrived()
        assert Rounds(one.app.services).answer([request]) == [request]


def test_it_is_counted_and_logged_as_any_other(service: Service) -> None:
    def page() -> dict[str, float]:
        text = service.http.get("/metrics").text
        lines = [line.rpartition(" ") for line in text.splitlines() if 'model="int64"' in line]
        return {name: float(value) for name, _, value in lines}

    service.http.post(PATH, json=ROW)
    before = page()
    parent = f"00-{'a' * 32}-{'b' * 16}-01"
    headers = {"X-Request-ID": "counted", "traceparent": parent}
    assert service.http.post(PATH, json=ROW, headers=headers).status_code == 200
    after = page()
    grown = {name.partition("{")[0] for name in after if after[name] == before.get(name, 0) + 1}
    assert grown >= {
        "unroll_requests_total",
        "unroll_request_seconds_count",
        "unroll_input_length_count",
        "unroll_queue_seconds_count",
        "unroll_inference_seconds_count",
        "unroll_batch_size_count",
    }
    [line] = [each for each in service.lines("counted") if each["event"] == "request"]
    expected = {"method": "POST", "path": PATH, "status": 200, "model": "int64", "inputs": 1}
    assert line.items() >= (expected | {"trace_id": "a" * 32, "span_id": "b" * 16}).items()
