"""What was loaded and unloaded outlives a process; one that hangs is seen, told, and replaced."""

import json
import signal
import time
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from tests import fresh
from tests.api.doubles import write_version
from tests.http.test_supervisor import BODY, Fleet, fleet, until

pytestmark = pytest.mark.slow


@pytest.fixture(name="root")
def versions(tmp_path: Path) -> Path:
    root = tmp_path / "models"
    for version in ("1", "2"):
        write_version(root, version=version)
    write_version(root, "other")
    return root


def ask(one: Fleet, method: str, path: str, seconds: float = 5.0, **options: Any) -> httpx.Response:
    """One request on a connection of its own, and again if a process that hangs was given it."""
    end = time.monotonic() + 120
    while True:
        try:
            return fresh.request(method, one.url + path, timeout=seconds, **options)
        except httpx.TransportError:
            assert time.monotonic() < end, "nobody answers"


def load(one: Fleet, version: int | None, **headers: str) -> httpx.Response:
    policy = {"latest": {}} if version is None else {"specific": {"versions": [version]}}
    body = {"parameters": {"config": json.dumps({"version_policy": policy})}}
    path = "/v2/repository/models/forecast/load"
    return ask(one, "POST", path, 10.0, json=body, headers=headers)


def answering(one: Fleet) -> set[str]:
    """The versions that answer, "" for none: of so many connections that each process has some."""
    found = [ask(one, "POST", "/forecast", 30.0, json=BODY).json() for _ in range(16)]
    return {each.get("version", "") for each in found}


def metric(one: Fleet, name: str) -> float:
    """A metric, whichever process is asked; one that hangs says nothing."""
    while True:
        try:
            return one.metric(name)
        except httpx.TransportError:
            pass


def replace(one: Fleet, victim: psutil.Process) -> None:
    """Kill a process, and wait until another one serves in its place."""
    deaths = one.metric("unroll_process_deaths_total")
    victim.kill()
    victim.wait(30)  # until then the kernel may still bring it connections
    until(lambda: one.metric("unroll_process_deaths_total") == deaths + 1)
    until(lambda: one.metric("unroll_workers", model="other") == 2)
    until(one.ready)


def test_what_was_loaded_outlives_a_process(root: Path) -> None:
    with fleet(root) as one:
        assert answering(one) == {"2"}
        assert load(one, 1).status_code == 200
        assert answering(one) == {"1"}
        replace(one, one.children()[0])
        assert answering(one) == {"1"}
        assert ask(one, "POST", "/v2/repository/models/forecast/unload", json={}).status_code == 200
        replace(one, one.children()[1])
        assert answering(one) == {""}
        assert load(one, None).status_code == 200
        assert answering(one) == {"2"}
        replace(one, one.children()[0])
        assert answering(one) == {"2"}


def test_what_was_loaded_outlives_the_service_where_the_folder_does(
    root: Path, tmp_path: Path
) -> None:
    state = str(tmp_path / "state")
    with fleet(root, UNROLL_STATE_DIR=state) as one:
        assert load(one, 1).status_code == 200
        one.parent.send_signal(signal.SIGTERM)
        assert one.parent.wait(60) == 0
    with fleet(root, UNROLL_STATE_DIR=state) as one:
        assert answering(one) == {"1"}
    pins = '{"forecast": "2"}'
    with fleet(root, UNROLL_PINNED_VERSIONS=pins, UNROLL_STATE_DIR=state) as one:
        assert answering(one) == {"2"}  # what the settings say holds from the start


def test_a_process_that_hangs_is_replaced(root: Path) -> None:
    with fleet(root, UNROLL_WORKER_TIMEOUT_SECONDS="10") as one:
        hung, healthy = one.children()
        hung.suspend()
        until(lambda: not hung.is_running())
        until(lambda: len(one.children()) == 2)
        assert healthy.is_running()
        assert load(one, 1).status_code == 200
        until(one.ready)
        assert metric(one, "unroll_process_deaths_total") == 1
        assert answering(one) == {"1"}


def test_a_process_that_does_not_answer_is_told(root: Path) -> None:
    with fleet(root, UNROLL_WORKER_TIMEOUT_SECONDS="600") as one:
        stopped, _ = one.children()
        stopped.suspend()
        answer = load(one, 1, **{"X-Request-Timeout-Ms": "1000"})
        assert answer.status_code == 504
        assert "another process" in answer.json()["error"]

        def silent() -> bool:
            ready = ask(one, "GET", "/health/ready")
            return ready.status_code == 503 and "do not answer: 1" in ready.json()["detail"]

        until(silent)
        assert metric(one, "unroll_silent_processes") == 1
        stopped.resume()
        until(one.ready)
        until(lambda: answering(one) == {"1"})  # it does what it has missed
        until(lambda: metric(one, "unroll_silent_processes") == 0)
        assert metric(one, "unroll_process_deaths_total") == 0
        assert stopped.is_running()


def test_a_process_that_hangs_does_not_hold_up_the_end(root: Path) -> None:
    settings = {"UNROLL_DRAIN_TIMEOUT_SECONDS": "1", "UNROLL_WORKER_TIMEOUT_SECONDS": "0"}
    with fleet(root, 2, **settings) as one:
        hung, _ = one.children()
        hung.suspend()
        one.parent.send_signal(signal.SIGTERM)
        assert one.parent.wait(60) == 1
        assert not hung.is_running()
