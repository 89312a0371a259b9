"""Two replicas behind a real nginx, without affinity, on one real Redis: what works, and how."""

import re
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
import redis
import uvicorn

from app.api.errors import ERRORS
from app.errors import StoreFailed
from tests.api.streams.crash import MODEL, Client, Report, compare, running
from tests.deploy.files import DEFAULTS, seconds
from tests.deploy.proxy import CONFIGURATION, NGINX, NO_NGINX
from tests.deploy.replicas import WATCH_SECONDS, Replicas, get, infer, post, put, started
from tests.serving.streams.stores import NO_REDIS, REDIS
from tests.streams import write_stream_version

CLIENTS: Final = 8
STEPS: Final = 400  # of each client


@pytest.fixture(scope="module")
def nginx_and_redis() -> None:
    if NGINX is None:
        pytest.skip(NO_NGINX)
    if REDIS is None:
        pytest.skip(NO_REDIS)


@pytest.fixture(name="replicas", scope="module")
def shared_replicas(
    nginx_and_redis: None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Replicas]:
    """Two that live as long as these tests."""
    with ExitStack() as stack:
        yield started(tmp_path_factory.mktemp("replicas"), stack)


def loaded(
    replicas: Replicas, name: str, count: int = CLIENTS
) -> tuple[list[Client], list[threading.Thread]]:
    """Clients that take steps through the proxy, each of a stream of its replicas."""
    clients = [Client(f"{name}-{n}", [replicas.proxy.port], STEPS, seed=n) for n in range(count)]
    threads = [threading.Thread(target=each.run, args=(threading.Event(),)) for each in clients]
    for thread in threads:
        thread.start()
    return clients, threads


def half_done(clients: list[Client]) -> None:
    end = time.monotonic() + 120
    while sum(len(each.answers) for each in clients) < len(clients) * STEPS / 2:
        assert time.monotonic() < end
        time.sleep(0.005)


def report_of(clients: list[Client], port: int) -> Report:
    report = Report()
    for client in clients:
        compare(report, client, port)
    assert not report.refused
    assert report.steps == len(clients) * STEPS
    assert (report.lost, report.twice, report.different) == (0, 0, 0), report
    return report


def both_answer(replicas: Replicas) -> None:
    """Ten requests through the proxy are on the replicas' pages of metrics, some on each."""
    before = replicas.counted("unroll_requests_total")
    for _ in range(10):
        assert infer(replicas.url).status_code == 200
    end = time.monotonic() + 30
    while True:  # counted a moment after the answer
        after = replicas.counted("unroll_requests_total")
        counted = [b - a for a, b in zip(before, after, strict=True)]
        if sum(counted) == 10 or time.monotonic() > end:
            break
        time.sleep(0.1)
    assert sum(counted) == 10
    assert min(counted) > 0


def test_the_configuration_fits_the_service() -> None:
    text = re.sub(r"#.*", "", CONFIGURATION.read_text(encoding="utf-8"))
    found = dict(re.findall(r"(?m)^\s*(\w+) (\S+);$", text))
    assert int(found["client_max_body_size"].removesuffix("m")) * 2**20 > DEFAULTS.max_body_bytes
    assert seconds(found["proxy_read_timeout"]) > DEFAULTS.request_timeout_seconds
    closes = uvicorn.Config("app", log_config=None).timeout_keep_alive
    assert seconds(found["keepalive_timeout"]) < closes, "or a request meets a closing connection"


@pytest.mark.slow
def test_a_stream_steps_on_either_replica(replicas: Replicas) -> None:
    clients, threads = loaded(replicas, "s", 1)
    for thread in threads:
        thread.join()
    report = report_of(clients, replicas.processes[0].port)
    assert report.retried == 0
    taken = replicas.counted("unroll_stream_steps_total")
    assert sum(taken) == STEPS, "each step is counted by the one replica that took it"
    assert min(taken) > STEPS / 4
    # The position tells a replica that what it holds in memory has passed: nothing was in vain.
    assert sum(replicas.counted("unroll_stream_conflicts_total")) == 0
    # Opened, looked at, copied and ended by whichever has the turn.
    with httpx.Client(base_url=replicas.url, timeout=60) as http:
        assert http.get("/streams/s-0").json()["position"] == STEPS
        fork = http.post("/streams/s-0/fork", json={"stream": "what-if"})
        assert (fork.status_code, fork.json()["position"]) == (201, STEPS)
        listed = http.get("/streams", params={"model": MODEL}).json()["streams"]
        assert {each["stream"] for each in listed} == {"s-0", "what-if"}
        for name in ("s-0", "what-if"):
            assert http.delete(f"/streams/{name}").status_code == 204
            assert http.get(f"/streams/{name}").status_code == 404


@pytest.mark.slow
def test_load_and_unload_are_one_replicas(replicas: Replicas) -> None:
    assert replicas.served() == ["1", "1"]
    path = f"/v2/repository/models/{MODEL}"
    assert post(f"{replicas.url}{path}/unload").status_code == 200
    served = replicas.served()
    assert sorted(served, key=str) == ["1", None]
    # To reach all of them each is asked.
    for url in replicas.urls:
        assert post(f"{url}{path}/load").status_code == 200
    assert replicas.served() == ["1", "1"]


@pytest.mark.slow
def test_with_a_folder_that_they_share_they_are_alls(tmp_path: Path) -> None:
    """Without a proxy: each is asked in turn."""
    write_stream_version(tmp_path / "models", MODEL, hidden=8)
    shared = {"UNROLL_STATE_DIR": str(tmp_path / "state"), "UNROLL_WATCH_SECONDS": "0.5"}
    with running(tmp_path / "models", 2, shared) as processes:
        urls = [f"http://127.0.0.1:{each.port}" for each in processes]
        for url, asked, status in ((urls[0], "unload", 503), (urls[1], "load", 200)):
            assert post(f"{url}/v2/repository/models/{MODEL}/{asked}").status_code == 200
            end = time.monotonic() + 60
            while {get(f"{each}/health/ready").status_code for each in urls} != {status}:
                assert time.monotonic() < end
                time.sleep(0.1)


@pytest.mark.slow
def test_what_is_published_is_alls(replicas: Replicas) -> None:
    work = replicas.models.parent / "work"
    folder = write_stream_version(work, MODEL, "2", hidden=8, seed=1)
    shutil.move(folder, replicas.models / MODEL / "2")
    end = time.monotonic() + 60
    while replicas.served() != ["2", "2"]:
        assert time.monotonic() < end
        time.sleep(WATCH_SECONDS / 5)
    # To go back one is asked, and the others see it in the repository.
    path = f"/v2/repository/models/{MODEL}/versions/1/promote"
    assert post(f"{replicas.url}{path}").status_code == 200
    while replicas.served() != ["1", "1"]:
        assert time.monotonic() < end, replicas.served()
        time.sleep(WATCH_SECONDS / 5)


@pytest.mark.slow
def test_metrics_are_asked_of_each_replica(replicas: Replicas) -> None:
    assert get(f"{replicas.url}/metrics").status_code == 404
    both_answer(replicas)


@pytest.mark.slow
def test_pieces_pass_as_they_come(replicas: Replicas) -> None:
    body: dict[str, Any] = {"prompt": "abc", "max_length": 400, "seed": 1}
    events = {"Accept": "text/event-stream"}
    with httpx.stream(
        "POST", f"{replicas.url}/generate", json=body, headers=events, timeout=60
    ) as response:
        pieces = list(response.iter_raw())
    assert response.status_code == 200
    assert b"event: answer" in pieces[-1] or b"event: answer" in b"".join(pieces[-2:])
    assert len(pieces) > 5


@pytest.mark.slow
def test_what_is_refused_is_told_in_words(replicas: Replicas) -> None:
    too_long = b" " * (DEFAULTS.max_body_bytes + 1)
    path = f"{replicas.url}/v2/models/{MODEL}/infer"
    response = post(path, content=too_long)
    assert response.status_code == 413
    assert str(DEFAULTS.max_body_bytes) in response.json()["error"]
    # A page that the service itself has sent, as a browser says.
    own_page = {"Origin": replicas.url}
    assert post(path, json={}, headers=own_page).status_code == 422
    assert post(path, json={}, headers={"Origin": "http://else"}).status_code == 403


@pytest.mark.slow
def test_one_is_replaced_without_an_error(replicas: Replicas) -> None:
    clients, threads = loaded(replicas, "replaced")
    half_done(clients)
    replicas.proxy.reload(without=replicas.processes[0].port)
    assert replicas.processes[0].stop() == 0
    for thread in threads:
        thread.join()
    assert report_of(clients, replicas.processes[1].port).retried == 0
    replicas.processes[0].start()
    replicas.proxy.reload()
    both_answer(replicas)


@pytest.mark.slow
def test_one_is_killed_and_started_again_under_load(replicas: Replicas) -> None:
    clients, threads = loaded(replicas, "killed")
    half_done(clients)
    replicas.processes[0].kill()
    replicas.processes[0].start()  # it answers 503 while it loads its models
    for thread in threads:
        thread.join()
    report = report_of(clients, replicas.processes[1].port)
    # Each client has one request at a time: what was in flight there, and nothing after it.
    assert report.retried <= CLIENTS


@pytest.mark.slow
def test_one_that_is_not_ready_is_passed_over(replicas: Replicas) -> None:
    unready = replicas.urls[0]
    for name in (MODEL, "generate"):
        path = f"/v2/repository/models/{name}/unload"
        assert post(f"{unready}{path}").status_code == 200
    assert get(f"{unready}/health/ready").status_code == 503
    for _ in range(10):
        assert infer(replicas.url).status_code == 200
    for name in (MODEL, "generate"):
        path = f"/v2/repository/models/{name}/load"
        assert post(f"{unready}{path}").status_code == 200


@pytest.mark.slow
def test_a_store_that_fails_is_told_and_asked_once(replicas: Replicas) -> None:
    opened = f"{replicas.url}/streams/full"
    before = sum(replicas.counted("unroll_stream_store_failures_total"))
    with redis.Redis.from_url(replicas.redis) as store:
        store.config_set("maxmemory", 1)
        try:
            response = put(opened, json={"model": MODEL})
        finally:
            store.config_set("maxmemory", 0)
    assert response.status_code == 503
    assert response.headers["content-type"] == "application/problem+json"
    assert response.headers["retry-after"] == "1"
    kind = ERRORS[StoreFailed]
    told = response.json()
    assert (told["type"], told["title"], told["status"]) == (kind.type, kind.title, kind.status)
    assert sum(replicas.counted("unroll_stream_store_failures_total")) == before + 1
    assert put(opened, json={"model": MODEL}).status_code == 201


@pytest.mark.slow
def test_ready_is_whether_anybody_is(replicas: Replicas) -> None:
    """The last one: it leaves nobody."""
    url = f"{replicas.url}/health/ready"
    first, second = replicas.processes
    first.kill()
    assert {get(url).status_code for _ in range(4)} == {200}
    second.kill()
    assert get(url).status_code == 502
