"""One test over all routes and statuses: every error has the one body, and /docs declares it."""

import json
import math
import re
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.api.bodies.fields import shown
from app.api.errors import ERRORS, STATUSES
from app.errors import UnrollError
from tests.api.doubles import write_version
from tests.api.service import Service, running

BODY = {"series": [1, 2, 3], "horizon": 2}
JSON = {"Content-Type": "application/json"}


@dataclass(frozen=True)
class Case:
    """A request that must fail, and how. `route` is the path as /docs writes it, if it does."""

    status: int
    slug: str
    send: Callable[[Service], httpx.Response]
    route: str | None = "/forecast"


def post(**options: Any) -> Callable[[Service], httpx.Response]:
    return lambda service: service.http.post("/forecast", **({"json": BODY} | options))


def request(method: str, path: str) -> Callable[[Service], httpx.Response]:
    return lambda service: service.http.request(method, path)


def raw(content: bytes | Iterator[bytes], **headers: str) -> Callable[[Service], httpx.Response]:
    return lambda service: service.http.post("/forecast", content=content, headers=JSON | headers)


def draining(send: Callable[[Service], httpx.Response]) -> Callable[[Service], httpx.Response]:
    def drain_and_send(service: Service) -> httpx.Response:
        service.app.services.lifecycle.drain()
        try:
            return send(service)
        finally:
            service.app.services.lifecycle.closed_at = math.inf

    return drain_and_send


CASES = {
    "empty body": Case(400, "malformed-request", raw(b"")),
    "cut short": Case(400, "malformed-request", raw(b'{"series": [1, 2')),
    "not utf-8": Case(400, "malformed-request", raw(b'{"series": "\xff"}')),
    "half a surrogate": Case(400, "malformed-request", raw(b'{"model": "\\ud800"}')),
    "too deep": Case(400, "malformed-request", raw(b"[" * 1000)),
    "two values": Case(400, "malformed-request", raw(b"{} {}")),
    "no such path": Case(404, "not-found", request("GET", "/nothing"), None),
    "a slash too many": Case(404, "not-found", request("POST", "/forecast/"), None),
    "a strange path": Case(404, "not-found", request("GET", "/%0a%00" + "x" * 500), None),
    "unknown model": Case(404, "model-not-found", post(json=BODY | {"model": "nope"})),
    "unknown model below /models": Case(
        404, "model-not-found", request("GET", "/models/nope"), "/models/{name}"
    ),
    "unknown version below /models": Case(
        404,
        "model-not-found",
        request("GET", "/models/forecast/versions/9"),
        "/models/{name}/versions/{version}",
    ),
    "wrong method": Case(405, "method-not-allowed", request("GET", "/forecast"), None),
    "delete": Case(405, "method-not-allowed", request("DELETE", "/models/forecast"), None),
    "announced size": Case(413, "body-too-large", raw(b"[" + b"1," * 600)),
    "chunked size": Case(413, "body-too-large", raw(iter([b"[1,2,"] * 300))),
    "no media type": Case(
        415, "unsupported-media-type", post(json=None, content=json.dumps(BODY).encode())
    ),
    "a form": Case(415, "unsupported-media-type", post(json=None, data={"horizon": "2"})),
    "text": Case(
        415, "unsupported-media-type", raw(b"{}", **{"Content-Type": "text/plain; charset=utf-8"})
    ),
    "not an object": Case(422, "invalid-input", post(json=[1, 2])),
    "null": Case(422, "invalid-input", raw(b"null")),
    "no fields": Case(422, "invalid-input", post(json={})),
    "wrong element": Case(422, "invalid-input", post(json=BODY | {"series": ["\u2028\n"]})),
    "bad deadline": Case(422, "invalid-input", post(headers={"X-Request-Timeout-Ms": "soon"})),
    "queue could never hold it": Case(
        422, "invalid-input", post(json={"series": [[1]] * 4, "horizon": 1})
    ),
    "network failed": Case(500, "inference-failed", post(json=BODY | {"series": [-666]})),
    "draining": Case(503, "not-ready", draining(post())),
    "draining, ready?": Case(
        503, "not-ready", draining(request("GET", "/health/ready")), "/health/ready"
    ),
    "deadline": Case(
        504,
        "deadline-exceeded",
        post(json=BODY | {"model": "slow"}, headers={"X-Request-Timeout-Ms": "30"}),
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_every_error_has_the_one_body(narrow: Service, case: Case) -> None:
    response = case.send(narrow)
    check(response, case.status, case.slug)
    if case.route is not None:
        paths = narrow.http.get("/openapi.json").json()["paths"]
        (operation,) = paths[case.route].values()
        declared = operation["responses"][str(case.status)]["content"]["application/problem+json"]
        assert case.slug in declared["examples"]


def check(response: httpx.Response, status: int, slug: str) -> None:
    """The shape that every problem has."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    problem = response.json()
    assert problem.keys() - {"errors"} == {
        *("type", "title", "status", "detail", "instance", "request_id")
    }
    assert problem["type"] == f"urn:unroll:problem:{slug}"
    assert problem["status"] == status
    assert problem["request_id"] == response.headers["x-request-id"]
    assert problem["title"]
    assert problem["detail"]
    assert "server-timing" in response.headers
    assert ("errors" in problem) == (status == 422)
    for error in problem.get("errors", []):
        assert error.keys() == {"field", "message", "allowed"}
    assert not re.search(r"Traceback|pydantic|\.py|0x[0-9a-f]{6}", response.text)


def test_the_cases_cover_the_table() -> None:
    # These need a service of their own: below, in test_work.py and in test_keys.py.
    elsewhere = {"internal-error", "queue-full", "unauthorized"}
    # And these below /v2 only: test_repository_control.py.
    elsewhere |= {"forbidden", "model-refused", "not-implemented"}
    # And these of streams: tests/api/streams.
    elsewhere |= {"stream-not-found", "stream-expired", "stream-exists", "wrong-position"}
    elsewhere |= {"version-replaced", "other-graph", "too-many-streams", "store-failed"}
    tested = {case.slug for case in CASES.values()} | elsewhere
    kinds = [*ERRORS.values(), *STATUSES.values()]
    assert {kind.slug for kind in kinds} == tested


def test_every_domain_error_has_a_row() -> None:
    def kind(error: type[UnrollError]) -> int:
        return next(ERRORS[base].status for base in error.__mro__ if base in ERRORS)

    assert all(kind(error) for error in UnrollError.__subclasses__())


def test_a_crash_tells_nothing(tmp_path: Path) -> None:
    write_version(tmp_path)
    with running(tmp_path) as service:
        # Something nobody thought of: the task itself is gone.
        model = service.app.services.repository.get("forecast")
        object.__setattr__(model, "task", None)
        response = service.forecast()
        check(response, 500, "internal-error")
        events = [line["event"] for line in service.lines(response.headers["x-request-id"])]
        assert events == ["request_crashed", "request"]
        assert service.http.get("/health/live").status_code == 200


def test_a_request_for_which_there_is_no_memory_may_be_sent_again(tmp_path: Path) -> None:
    class Full:
        def encode(self, *_: object, **options: object) -> None:
            raise MemoryError

    write_version(tmp_path)
    with running(tmp_path) as service:
        model = service.app.services.repository.get("forecast")
        object.__setattr__(model, "task", Full())
        response = service.forecast()
        check(response, 503, "not-ready")
        assert response.headers["retry-after"] == "1"
        assert "memory" in response.json()["detail"]


def test_wrong_method_says_which_are_right(service: Service) -> None:
    assert service.http.get("/forecast").headers["allow"] == "POST"


def test_many_errors_are_cut_short(service: Service) -> None:
    response = service.http.post("/forecast", json={f"field{i}": i for i in range(500)})
    assert len(response.json()["errors"]) == 20


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (float("inf"), "Infinity"),
        ("abc", '"abc"'),
        ("x" * 1000, '"' + "x" * 60 + '..."'),
        (None, "null"),
        (True, "true"),
        (False, "false"),
        (float("nan"), "NaN"),
        (float("-inf"), "-Infinity"),
        ([1], "a list"),
        ({"a": 1}, "an object"),
        (1.5, "1.5"),
        (10**100, "1" + "0" * 59 + "..."),
    ],
)
def test_values_are_shown_as_json(value: object, text: str) -> None:
    assert shown(value) == text


def test_a_head_without_a_body_leaves_the_connection_usable(service: Service) -> None:
    with closing(httpx.Client(base_url=service.http.base_url)) as client:
        assert client.get("/nothing").status_code == 404
        assert client.get("/health/live").status_code == 200
