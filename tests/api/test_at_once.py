"""Cheap networks are answered without the application, and nobody can tell, but by the time."""

import json
import re
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from app.http.call import Call
from tests.api.service import Service, answers, by_the_router, send_in_two, until
from tests.api.v2.triton import protocol_service, write_models

ROW = {"inputs": [{"name": "value", "datatype": "INT64", "shape": [1, 2], "data": [1, 2]}]}
PATH = "/v2/models/int64/infer"


@pytest.fixture(name="models", scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return write_models(tmp_path_factory.mktemp("models"))


@pytest.fixture(name="service", scope="module")
def running_service(models: Any) -> Iterator[Service]:
    """On a machine that is busy, too, these networks are cheap, and a body follows its head."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("app.serving.scheduling.cost_table.CHEAP_SECONDS", 10.0)
        patch.setattr("app.http.connection._BODY_SECONDS", 30.0)
        with protocol_service(models) as one:
            yield one


@pytest.fixture(name="counts")
def counted(service: Service, monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """How many calls were answered without the application, and how many were declined."""
    counts = {"reply": 0, "decline": 0}

    def counting(name: str) -> Callable[..., None]:
        original = getattr(Call, name)

        def call(self: Call, *arguments: Any) -> None:
            counts[name] += 1
            original(self, *arguments)

        return call

    for name in counts:
        monkeypatch.setattr(Call, name, counting(name))
    return counts


def raw(body: Any, *headers: str, path: str = PATH) -> bytes:
    content = json.dumps(body).encode()
    lines = [f"POST {path} HTTP/1.1", "Host: x", f"Content-Length: {len(content)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + content


def read(connection: socket.socket, count: int) -> list[tuple[int, dict[str, str], Any]]:
    """(status, headers, JSON) of so many answers, in their order."""
    return [(*each[:2], json.loads(each[2])) for each in answers(connection, count)]


def answer(service: Service, body: Any, **options: Any) -> tuple[int, dict[str, str], Any]:
    response = service.http.post(PATH, json=body, **options)
    return response.status_code, dict(response.headers), response.json()


def test_the_answer_is_that_of_the_application(service: Service, counts: dict[str, int]) -> None:
    headers = {"X-Request-ID": "at-once", "Accept-Encoding": "identity"}
    status, fields, content = answer(service, ROW, headers=headers)
    assert counts == {"reply": 1, "decline": 0}
    with by_the_router(service):
        routed = answer(service, ROW, headers=headers)
    assert counts == {"reply": 1, "decline": 0}
    assert (status, content) == (routed[0], routed[2])
    assert fields.keys() == routed[1].keys()
    timing = r"queue;dur=[0-9.]+, inference;dur=[0-9.]+, total;dur=[0-9.]+"
    for each in (fields, routed[1]):
        assert re.fullmatch(timing, each.pop("server-timing"))
        each.pop("date")
    assert fields == routed[1]


def test_it_is_counted_and_logged_as_any_other(service: Service, counts: dict[str, int]) -> None:
    def page() -> dict[str, float]:
        text = service.http.get("/metrics").text
        lines = [line.rpartition(" ") for line in text.splitlines() if 'model="int64"' in line]
        return {name: float(value) for name, _, value in lines}

    answer(service, ROW)
    before = page()
    parent = f"00-{'a' * 32}-{'b' * 16}-01"
    answer(service, ROW, headers={"X-Request-ID": "counted", "traceparent": parent})
    after = page()
    assert counts["reply"] == 2
    grown = {name.partition("{")[0] for name in after if after[name] == before.get(name, 0) + 1}
    assert grown >= {
        "unroll_requests_total",
        "unroll_request_seconds_count",
        "unroll_input_length_count",
        "unroll_queue_seconds_count",
        "unroll_inference_seconds_count",
        "unroll_batch_size_count",
    }
    statistics = service.http.get("/v2/models/int64/stats").json()["model_stats"][0]
    assert statistics["inference_stats"]["success"]["count"] >= 2
    [line] = [each for each in service.lines("counted") if each["event"] == "request"]
    expected = {"method": "POST", "path": PATH, "status": 200, "model": "int64", "inputs": 1}
    assert line.items() >= (expected | {"trace_id": "a" * 32, "span_id": "b" * 16}).items()


@pytest.mark.parametrize(
    "change",
    [
        {"headers": {"X-Request-Timeout-Ms": "soon"}},
        {"headers": {"X-Request-Timeout-Ms": "0"}},
        {"json": {"inputs": []}},
        {"json": {"inputs": [ROW["inputs"][0] | {"data": [1]}]}},
        {"json": {"inputs": [ROW["inputs"][0] | {"shape": [2, 1]}]}},
        {"url": "/v2/models/nobody/infer"},
        {"url": "/v2/models/int64/versions/7/infer"},
    ],
)
def test_what_is_not_plain_is_left_to_the_application(
    service: Service, counts: dict[str, int], change: dict[str, Any]
) -> None:
    asked = {"url": PATH, "json": ROW} | change
    response = service.http.post(**asked)
    assert counts == {"reply": 0, "decline": 1}
    with by_the_router(service):
        routed = service.http.post(**asked)
    assert (response.status_code, response.json()) == (routed.status_code, routed.json())


def test_what_nobody_foresaw_harms_only_whoever_asked(
    service: Service, counts: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The application meets it as well, and answers."""

    def crash(*_: object) -> None:
        raise ZeroDivisionError

    held = [model.leases._held for model in service.app.state.repository.loaded()]
    for function in ("read_rows", "write_outputs"):
        with monkeypatch.context() as broken:
            broken.setattr(f"app.api.at_once.{function}", crash)
            assert answer(service, ROW)[0] == 200
    assert counts == {"reply": 0, "decline": 2}
    assert answer(service, ROW)[0] == 200
    assert held == [model.leases._held for model in service.app.state.repository.loaded()]


def test_time_that_a_declined_call_has_waited_counts(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = Call.__init__

    def long_ago(self: Call, *arguments: Any) -> None:
        original(self, *arguments)
        self.arrived -= 60.0

    assert answer(service, ROW | {"parameters": {"timeout": 1}})[0] == 504, "a microsecond"
    monkeypatch.setattr(Call, "__init__", long_ago)
    assert answer(service, ROW)[0] == 504


def test_pipelined_requests_are_answered_in_order(service: Service, counts: dict[str, int]) -> None:
    wrong: Any = {"inputs": []}
    bodies: list[Any] = [ROW, wrong, ROW, ROW, wrong]
    requests = [raw(body, f"X-Request-ID: r{place}") for place, body in enumerate(bodies)]
    with service.connection() as connection:
        connection.sendall(b"".join(requests))
        found = read(connection, len(bodies))
        connection.sendall(raw(ROW, "X-Request-ID: last"))
        found += read(connection, 1)
    assert [headers["x-request-id"] for _, headers, _ in found] == [
        *(f"r{place}" for place in range(len(bodies))),
        "last",
    ]
    assert [status for status, _, _ in found] == [200, 422, 200, 200, 422, 200]
    assert counts["reply"] >= 2


def test_a_declined_one_and_those_behind_it_come_in_order(service: Service) -> None:
    with service.connection() as connection:
        connection.sendall(raw({"inputs": []}, "X-Request-ID: a") + raw(ROW, "X-Request-ID: b"))
        assert [headers["x-request-id"] for _, headers, _ in read(connection, 2)] == ["a", "b"]


def test_a_body_that_takes_its_time_is_left_to_the_application(
    service: Service, counts: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.http.connection._BODY_SECONDS", 0.01)
    whole = raw(ROW)
    with service.connection() as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.sendall(whole[:-5])
        until(lambda: service.app.state.lifecycle.in_flight == 1)
        connection.sendall(whole[-5:])
        assert [status for status, _, _ in read(connection, 1)] == [200]
    assert counts == {"reply": 0, "decline": 0}


def test_a_body_in_parts(service: Service, counts: dict[str, int]) -> None:
    whole = raw(ROW)
    with service.connection() as connection:
        for cut in (30, len(whole) - 5):
            send_in_two(connection, whole, cut)
            assert [status for status, _, _ in read(connection, 1)] == [200]
    assert counts["reply"] >= 1


def test_who_leaves_harms_nobody(service: Service) -> None:
    for _ in range(20):
        with service.connection() as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            connection.sendall(raw(ROW))
    assert answer(service, ROW)[0] == 200
    until(lambda: service.app.state.lifecycle.in_flight == 0)


def test_many_at_once_get_their_own(service: Service, counts: dict[str, int]) -> None:
    def ask(number: int) -> None:
        values = list(range(number, number + 1 + number % 7))
        row = {"name": "value", "datatype": "INT64", "shape": [1, len(values)], "data": values}
        _, _, content = answer(service, {"inputs": [row]})
        same = next(each for each in content["outputs"] if each["name"] == "same")
        assert (same["shape"], same["data"]) == ([1, len(values)], values)

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(ask, range(300)))
    assert counts["reply"] > 200


def test_keys_are_asked_for(models: Any) -> None:
    with protocol_service(models, api_keys="a-secret-key") as locked:
        assert answer(locked, ROW)[0] == 401
        assert answer(locked, ROW, headers={"X-API-Key": "a-secret-key"})[0] == 200


def test_what_takes_too_long_is_refused_before_it_is_read(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The loop seems to have a long way to go; then it has not."""
    door = service.app.state.door
    monkeypatch.setattr(door, "_backlog", lambda: 1.0)
    with service.connection() as connection:
        for number in range(5):  # from the second one on, before anybody reads them as HTTP
            name = f"r{number}"
            connection.sendall(raw(ROW, "X-Request-Timeout-Ms: 100", f"x-request-id: {name}"))
            [(status, headers, content)] = read(connection, 1)
            assert (status, headers["x-request-id"]) == (429, name)
            assert headers["retry-after"] == "1"
            assert content.keys() == {"error"}
        connection.sendall(raw(ROW))
        assert read(connection, 1)[0][0] == 200, "it has more time"
        monkeypatch.setattr(door, "_backlog", lambda: 0.0)
        time.sleep(0.01)
        connection.sendall(raw(ROW, "X-Request-Timeout-Ms: 100"))
        assert read(connection, 1)[0][0] == 200


@pytest.mark.parametrize(
    "request_",
    [
        raw(ROW, "Transfer-Encoding: chunked"),
        raw(ROW, "Content-Length: 3"),
        raw(ROW, "Connection: close"),
        raw(ROW, "Expect: 100-continue"),
        raw(ROW, " folded"),
        raw(ROW)[:-1],
        raw(ROW) + b"P",
        raw(ROW, path="/health/live"),
        raw(ROW, path=PATH + "?x=1"),
        b"GET / HTTP/1.1\r\ncontent-length: 0\r\n\r\n",
        b"",
    ],
)
def test_only_what_is_one_whole_request_beyond_doubt_is_refused_unread(
    service: Service, monkeypatch: pytest.MonkeyPatch, request_: bytes
) -> None:
    monkeypatch.setattr(service.app.state.door, "refuses", lambda *_: "full")
    gate = service.app.state.gate
    assert gate(PATH, [], []) is not None
    assert gate.unread(raw(ROW), []) is not None
    assert gate.unread(request_, []) is None
