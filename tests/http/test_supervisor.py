"""Several processes behind one port, for real: started, killed, drained, asked for their sums."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests import fresh
from tests.api.doubles import write_version

ROOT = Path(__file__).resolve().parents[2]
BODY = {"series": [1, 2, 3], "horizon": 1}

pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class Fleet:
    """A running service of several processes; its parent, its address."""

    parent: subprocess.Popen[bytes]
    url: str

    def children(self) -> list[psutil.Process]:
        children: list[psutil.Process] = psutil.Process(self.parent.pid).children()
        return children

    def forecast(self) -> int:
        """The status of a request over a connection of its own: any of the processes answers."""
        return fresh.post(f"{self.url}/forecast", json=BODY, timeout=30).status_code

    def ready(self) -> bool:
        try:
            return fresh.get(f"{self.url}/health/ready", timeout=30).status_code == 200
        except httpx.TransportError:
            return False

    def metric(self, name: str, **labels: str) -> float:
        """The sum of the samples of that name with those labels."""
        page = fresh.get(f"{self.url}/metrics", timeout=30).text
        return sum(
            sample.value
            for family in text_string_to_metric_families(page)
            for sample in family.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        )


@contextmanager
def fleet(models_dir: Path, workers: int = 2, **variables: str) -> Iterator[Fleet]:
    """A ready service; nothing of it is left behind."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    environment = os.environ | {
        "UNROLL_PORT": str(port),
        "UNROLL_WORKERS": str(workers),
        "UNROLL_WORKER_THREADS": "1",
        "UNROLL_WATCH_SECONDS": "0",
        **variables,
    }
    command = [sys.executable, "-m", "tests.api.fleet", str(models_dir)]
    parent = subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.DEVNULL)
    children: list[psutil.Process] = []
    try:
        one = Fleet(parent, f"http://127.0.0.1:{port}")
        until(one.ready)
        children = one.children()
        yield one
    finally:
        parent.kill()  # its children end by themselves, or should
        for child in children:
            with suppress(psutil.NoSuchProcess):
                child.kill()
        parent.wait()


def until(condition: object, seconds: float = 120.0) -> None:
    """Wait until `condition()` holds; the patience is for slow machines."""
    assert callable(condition)
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it never happened"
        time.sleep(0.05)


@pytest.fixture(name="models_dir", scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("models")
    write_version(root)
    write_version(root, "other")
    return root


@pytest.fixture(name="slow_dir")
def slow_models(tmp_path: Path) -> Path:
    write_version(tmp_path, predict_seconds=3.0)
    return tmp_path


def test_sums_deaths_and_unloading(models_dir: Path) -> None:
    with fleet(models_dir) as one:
        before = one.children()
        assert len(before) == 2
        assert {one.forecast() for _ in range(20)} == {200}
        assert one.metric("unroll_requests_total", status="200", task="forecast") == 20
        assert one.metric("unroll_request_seconds_count", task="forecast") == 20
        assert one.metric("unroll_batch_size_sum", model="forecast") == 20
        assert one.metric("unroll_workers", model="forecast") == 2
        assert one.metric("unroll_model_info", model="forecast") == 1
        assert one.metric("unroll_build_info") == 1
        assert one.metric("unroll_in_flight") == 0
        assert one.metric("unroll_processes") == 2
        assert one.metric("unroll_process_deaths_total") == 0
        assert one.metric("process_resident_memory_bytes") > 60 * 2**20
        statistics = fresh.get(f"{one.url}/v2/models/forecast/stats", timeout=30).json()
        assert statistics["model_stats"][0]["inference_count"] == 20

        # What a process has counted is not lost with it, and another one takes its place.
        before[0].kill()
        before[0].wait(30)  # until then the kernel may still bring it connections
        until(lambda: one.metric("unroll_process_deaths_total") == 1)
        until(lambda: one.metric("unroll_workers", model="forecast") == 2)
        assert one.metric("unroll_requests_total", status="200", task="forecast") == 20
        assert one.metric("unroll_processes") == 2
        assert before[0] not in one.children()
        until(one.ready)
        assert {one.forecast() for _ in range(10)} == {200}
        assert one.metric("unroll_requests_total", status="200", task="forecast") == 30

        # What is unloaded is unloaded everywhere.
        control = f"{one.url}/v2/repository/models/forecast"
        assert fresh.post(f"{control}/unload", json={}, timeout=30).status_code == 200
        assert {one.forecast() for _ in range(10)} == {404}
        assert fresh.post(f"{control}/load", json={}, timeout=30).status_code == 200
        assert {one.forecast() for _ in range(10)} == {200}

        children = one.children()
        one.parent.send_signal(signal.SIGTERM)
        assert one.parent.wait(60) == 0
        assert not any(each.is_running() for each in children)


def test_accepted_work_is_finished(slow_dir: Path) -> None:
    with fleet(slow_dir) as one, ThreadPoolExecutor(4) as others:
        working = [others.submit(one.forecast) for _ in range(4)]
        until(lambda: one.metric("unroll_in_flight") == 4)
        one.parent.send_signal(signal.SIGTERM)
        assert {each.result() for each in working} == {200}
        assert one.parent.wait(60) == 0


def test_a_second_signal_ends_it_at_once(tmp_path: Path) -> None:
    write_version(tmp_path, predict_seconds=8.0)
    with fleet(tmp_path) as one, ThreadPoolExecutor(1) as others:
        working = others.submit(one.forecast)
        until(lambda: one.metric("unroll_in_flight") == 1)
        one.parent.send_signal(signal.SIGTERM)
        until(lambda: not one.ready())
        one.parent.send_signal(signal.SIGTERM)
        one.parent.wait(60)
        error = working.exception()
        assert error is not None or working.result() != 200  # cut off: it was not waited for


def test_without_the_parent_the_processes_end(models_dir: Path) -> None:
    with fleet(models_dir) as one:
        children = one.children()
        one.parent.kill()
        until(lambda: not any(each.is_running() for each in children))


def test_a_port_that_is_taken(models_dir: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        command = [sys.executable, "-m", "app", "serve", "--workers", "2", "--port", port]
        done = subprocess.run(
            [*command, "--models-dir", str(models_dir)],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=120,
        )
    assert done.returncode == 2
    assert "UNROLL_PORT" in done.stderr
