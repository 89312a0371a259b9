"""Whether steps are taken in a round or by FastAPI, they are answered alike."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.api.application import Application
from app.api.streams.step_rounds import StepRounds
from app.errors import StoreFailed
from app.main import TASKS, create_app
from app.serving.streams.records import Key
from app.serving.streams.store import Commit
from app.settings import load_settings
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
    """(a service with rounds, one without)."""
    root = tmp_path_factory.mktemp("models")
    write_stream_version(root)
    write_single_step(root)
    settings: dict[str, Any] = {
        "tasks": TASKS,
        "streams_url": "memory://",
        "max_body_bytes": 60_000,
    }
    with pytest.MonkeyPatch.context() as patch:  # cheap on a machine that is busy, too
        patch.setattr("app.serving.scheduling.cost_table.CHEAP_SECONDS", 10.0)
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


class Arrived:
    """A request for steps that has arrived. answer: what the round said; run_by_application: it was
    handed on."""

    def __init__(self, stream: str, body: Any = STEP, **changes: Any) -> None:
        self.scope = {
            "type": "http",
            "method": "POST",
            "path": f"/streams/{stream}/steps",
            "query_string": b"",
            "headers": [(b"content-type", b"application/json")],
            "client": ("127.0.0.1", 1),
        } | changes
        self.arrived = time.monotonic()
        self.content: bytes | None = json.dumps(body).encode()
        self.answer: bytes | None = None
        self.run_by_application = False

    def whole_body(self) -> bytes | None:
        return self.content

    def respond(self, answer: bytes) -> None:
        assert self.answer is None
        self.answer = answer

    def run(self) -> None:
        self.run_by_application = True

    @property
    def position(self) -> int | None:
        if self.answer is None:
            return None
        return int(json.loads(self.answer.partition(b"\r\n\r\n")[2])["position"])


Work = Callable[[Application, httpx.AsyncClient], Awaitable[None]]


def play(folder: Path, work: Work, **settings: Any) -> None:
    """Run `work` in the event loop of an application with a stream `s0` and `s1` of an LSTM."""
    write_stream_version(folder / "models")
    known = load_settings(
        models_dir=folder / "models", **{"streams_dir": folder / "streams", **settings}
    )
    app = create_app(known, TASKS)

    async def run() -> None:
        transport = httpx.ASGITransport(app=app)
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=transport, base_url="http://x") as http,
        ):
            await asyncio.to_thread(until, lambda: app.services.repository.status == "ready")
            for name in ("s0", "s1"):
                opened = await http.put(f"/streams/{name}", json={"model": "lstm"})
                assert opened.status_code == 201
            await work(app, http)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("app.serving.scheduling.cost_table.CHEAP_SECONDS", 10.0)
        asyncio.run(run())


async def a_round(app: Application, *requests: Arrived) -> list[Any]:
    """What a round leaves to the application, once all that it has taken is committed."""
    left = StepRounds(app.services).answer(requests)
    await asyncio.to_thread(until, lambda: app.services.lifecycle.in_flight == 0)
    return list(left)


def leases_of(app: Application) -> int:
    return app.services.repository.get("lstm").leases.held


def test_a_round_takes_steps_of_many_streams(tmp_path: Path) -> None:
    async def work(app: Application, http: httpx.AsyncClient) -> None:
        one, other, again = Arrived("s0"), Arrived("s1"), Arrived("s1")
        assert await a_round(app, one, other, again) == [again], "its stream's turn is taken"
        assert (one.position, other.position, again.position) == (2, 2, None)
        assert await a_round(app, again) == []
        assert again.position == 4
        assert (await http.get("/streams/s1")).json()["position"] == 4
        assert leases_of(app) == 0

    play(tmp_path, work)


@pytest.mark.parametrize(
    ("body", "changes"),
    [
        (STEP | {"position": 7}, {}),
        (STEP | {"temperature": 0.5}, {}),
        ({"values": ["a"]}, {}),
        ({"values": [1.0], "horizon": 3}, {}),
        ({"values": [1.0] * 17}, {}),
        (STEP, {"query_string": b"x=1"}),
        (STEP, {"path": "/streams/nobody/steps"}),
        (STEP, {"path": "/streams/s0"}),
        (STEP, {"method": "GET"}),
        (STEP, {"headers": []}),
    ],
)
def test_what_is_not_plain_is_left(tmp_path: Path, body: Any, changes: dict[str, Any]) -> None:
    async def work(app: Application, http: httpx.AsyncClient) -> None:
        odd, plain = Arrived("s0", body, **changes), Arrived("s1")
        assert await a_round(app, odd, plain) == [odd]
        assert plain.position == 2, "one request does not harm another one of its round"
        assert await a_round(app, Arrived("s0")) == [], "its turn was given back"
        assert leases_of(app) == 0

    play(tmp_path, work, streams_url="memory://")


def test_what_another_process_took_first_begins_anew(tmp_path: Path) -> None:
    async def work(app: Application, http: httpx.AsyncClient) -> None:
        streams = app.services.streams
        key = Key("", "s0")
        before = await streams.store.load(key)
        assert await streams.store.commit(Commit(key, before, replace(before, position=5)))
        late, plain = Arrived("s0"), Arrived("s1")
        assert await a_round(app, late, plain) == []
        assert (late.position, late.run_by_application) == (None, True)
        assert (plain.position, plain.run_by_application) == (2, False)
        answer = await http.post("/streams/s0/steps", json=STEP)
        assert answer.json()["position"] == 7

    play(tmp_path, work)


def test_a_store_that_fails_is_told_by_the_application(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def work(app: Application, http: httpx.AsyncClient) -> None:
        streams = app.services.streams

        async def fail(commits: Any) -> Any:
            raise StoreFailed("the disk is full")

        monkeypatch.setattr(streams.store, "commit_all", fail)
        request = Arrived("s0")
        assert await a_round(app, request) == []
        assert (request.position, request.run_by_application) == (None, True)
        assert streams.at_hand(Key("", "s0")) is None, "what the store holds is not known"
        assert (await http.post("/streams/s0/steps", json=STEP)).json()["position"] == 2
        assert leases_of(app) == 0

    play(tmp_path, work)
