"""Nobody reads what the process writes: nothing of it waits, whoever writes it."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import pytest

from tests import fresh
from tests.api.doubles import write_version
from tests.http.test_supervisor import BODY, until

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = """
import logging, sys, threading, warnings
from pathlib import Path
from app.telemetry import log, uncaught

log.configure("json", "INFO")
uncaught.take_over()

def crash():
    raise ValueError("in a thread")

class Late:
    def __del__(self):
        raise ValueError("where nobody can catch it")

for number in range(100):
    warnings.warn(f"careful {number} {'x' * 100}")
    logging.getLogger("uvicorn.error").warning("Invalid HTTP request received.")
thread = threading.Thread(target=crash)
thread.start()
thread.join()
Late()
Path(sys.argv[1]).write_text("done")
"""


@contextmanager
def full_pipe() -> Iterator[int]:
    """Where to write into a pipe that takes nothing more."""
    reading, writing = os.pipe()
    try:
        os.set_blocking(writing, False)
        for size in (4096, 1):
            with suppress(BlockingIOError):
                while os.write(writing, b"x" * size):
                    pass
        os.set_blocking(writing, True)
        yield writing
    finally:
        os.close(reading)
        os.close(writing)


def test_warnings_and_what_nobody_catches_wait_for_nobody(tmp_path: Path) -> None:
    done = tmp_path / "done"
    command = [sys.executable, "-c", SCRIPT, str(done)]
    with full_pipe() as writing:
        subprocess.run(command, cwd=ROOT, stdout=writing, stderr=writing, timeout=120, check=True)
    assert done.read_text(encoding="utf-8") == "done"


def test_they_are_lines_of_the_log(tmp_path: Path) -> None:
    command = [sys.executable, "-c", SCRIPT, str(tmp_path / "done")]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert ended.returncode == 0
    assert ended.stdout == ""
    lines = ended.stderr.splitlines()
    assert all(each.startswith("{") for each in lines), "one JSON object a line"
    for words in ("careful 99", "in a thread", "where nobody can catch it", "Invalid HTTP"):
        assert any(words in each for each in lines), words


@pytest.mark.parametrize("module", ["tests.api.service", "tests.api.fleet"])
def test_a_service_answers_though_nobody_reads_its_log(tmp_path: Path, module: str) -> None:
    write_version(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    variables = {
        "UNROLL_PORT": str(port),
        "UNROLL_WORKERS": "2" if module == "tests.api.fleet" else "1",
        "UNROLL_LOG_LEVEL": "DEBUG",
        "UNROLL_WORKER_THREADS": "1",
    }
    command = [sys.executable, "-m", module, str(tmp_path)]
    with (
        full_pipe() as writing,
        subprocess.Popen(
            command, cwd=ROOT, env=os.environ | variables, stdout=writing, stderr=writing
        ) as process,
    ):
        try:
            url = f"http://127.0.0.1:{port}"
            until(lambda: _status(f"{url}/health/ready") == 200)
            for _ in range(1200):  # each is a line of uvicorn's, or of ours
                _send(port, b"no request at all\r\n\r\n")
                _send(port, b"GET /nowhere HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            assert fresh.post(f"{url}/forecast", json=BODY, timeout=30).status_code == 200
            assert _status(f"{url}/health/live") == 200
            process.terminate()
            assert process.wait(60) == 0
        finally:
            process.kill()


def _status(url: str) -> int:
    try:
        return fresh.get(url, timeout=30).status_code
    except httpx.TransportError:
        return 0


def _send(port: int, content: bytes) -> None:
    """Send it, and wait until the service closes."""
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        connection.sendall(content)
        while connection.recv(4096):
            pass
