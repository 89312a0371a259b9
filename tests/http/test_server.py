"""A process that is told to stop: not ready, finishes what it accepted, exit code 0."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests import fresh
from tests.api.doubles import write_version

ROOT = Path(__file__).resolve().parents[2]


@contextmanager
def process(models_dir: Path, **variables: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """(the process, its address); killed at the end if it still runs."""
    command = [sys.executable, "-m", "tests.api.service", str(models_dir)]
    environment = os.environ | {"UNROLL_PORT": "0", "UNROLL_WORKER_THREADS": "1"} | variables
    with subprocess.Popen(
        command, cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True
    ) as child:
        try:
            yield child, address_of(child)
        finally:
            child.kill()


def address_of(child: subprocess.Popen[str]) -> str:
    """The address is in the log; models have loaded when it says so."""
    assert child.stderr is not None
    address, loaded = "", False
    while not (address and loaded):
        line = json.loads(child.stderr.readline())
        loaded = loaded or line["event"] == "loaded"
        _, _, rest = line["event"].partition(" running on ")
        address = address or rest.split(" ")[0]
    return address


def until_computing(address: str) -> None:
    """Return when one request is being answered."""
    while "unroll_in_flight 1.0" not in fresh.get(f"{address}/metrics").text:
        pass


def until_draining(address: str) -> None:
    """Return when the signal has arrived."""
    while fresh.get(f"{address}/health/ready").status_code != 503:
        pass


@pytest.fixture(name="models_dir")
def slow_model(tmp_path: Path) -> Path:
    write_version(tmp_path, predict_seconds=2)
    return tmp_path


def test_accepted_work_is_finished(models_dir: Path) -> None:
    body = {"series": [1, 2], "horizon": 1}
    with (
        process(models_dir) as (child, address),
        httpx.Client(base_url=address, timeout=10) as http,
        ThreadPoolExecutor(1) as other,
    ):
        assert http.get("/health/ready").status_code == 200
        working = other.submit(fresh.post, f"{address}/forecast", json=body, timeout=10)
        until_computing(address)
        child.send_signal(signal.SIGTERM)
        until_draining(address)
        # Fresh connections: the door is still open, but it says no.
        assert fresh.get(f"{address}/health/live").status_code == 200
        refused = fresh.post(f"{address}/forecast", json=body)
        assert refused.status_code == 503
        assert refused.headers["connection"] == "close"
        assert working.result().status_code == 200
        assert child.wait(10) == 0


def test_work_that_takes_too_long_is_cut(models_dir: Path) -> None:
    with (
        process(models_dir, UNROLL_DRAIN_TIMEOUT_SECONDS="0.2") as (child, address),
        ThreadPoolExecutor(1) as other,
    ):
        body = {"series": [1], "horizon": 1}
        working = other.submit(fresh.post, f"{address}/forecast", json=body, timeout=20)
        until_computing(address)
        child.send_signal(signal.SIGTERM)
        assert child.wait(10) == 0
        working.exception()  # answered or cut off: either is fine


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_second_signal_ends_it_at_once(tmp_path: Path, number: signal.Signals) -> None:
    write_version(tmp_path, predict_seconds=30)
    with process(tmp_path) as (child, address), ThreadPoolExecutor(1) as other:
        working = other.submit(
            fresh.post, f"{address}/forecast", json={"series": [1], "horizon": 1}
        )
        until_computing(address)
        child.send_signal(number)
        until_draining(address)
        child.send_signal(number)
        assert child.wait(5) == 128 + number  # neither what computes nor the drain timeout
        assert isinstance(working.exception(), httpx.TransportError)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_an_idle_service_stops_at_once(models_dir: Path, number: signal.Signals) -> None:
    with process(models_dir) as (child, _):
        child.send_signal(number)
        assert child.wait(10) == 0  # far less than the drain timeout
