"""Starts the services that are compared, and reads what they take. Knows processes; no request."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import httpx
import psutil

ROOT: Final = Path(__file__).resolve().parent.parent.parent


@dataclass(frozen=True)
class Start:
    """How a service is started: what follows `python`, more environment, and in which folder."""

    command: list[str]
    environment: dict[str, str] = field(default_factory=dict)
    folder: Path = ROOT


@dataclass(frozen=True)
class Running:
    """A service that answers: where, and which process (its parent, if it has several)."""

    name: str
    port: int
    process: psutil.Process

    def processes(self) -> list[psutil.Process]:
        return [self.process, *self.process.children(recursive=True)]

    def cpu_seconds(self) -> float:
        """User and system time of all its processes so far."""
        times = [each.cpu_times() for each in self.processes()]
        return float(sum(each.user + each.system for each in times))

    def stall(self, seconds: float) -> None:
        """Stop all its processes for so long, as a machine that is busy elsewhere does."""
        processes = self.processes()
        try:
            for each in processes:
                each.suspend()
            time.sleep(seconds)
        finally:
            for each in processes:
                each.resume()

    def resident_mib(self) -> float:
        return float(sum(each.memory_info().rss for each in self.processes())) / 2**20

    def threads(self) -> int:
        return sum(each.num_threads() for each in self.processes())

    def descriptors(self) -> int:
        return sum(each.num_fds() for each in self.processes())


def unroll(models: Path, port: int, workers: int = 1) -> Start:
    """The service itself; its log is written, as JSON."""
    command = ["-m", "app", "serve", "--models-dir", str(models), "--log-format", "json"]
    command += ["--workers", str(workers)] if workers > 1 else []
    return Start([*command, "--port", str(port)])


def by_hand(models: Path, port: int, *options: str) -> Start:
    """FastAPI by hand; see there for the options."""
    return Start(["-m", "benchmarks.load.by_hand", *options, str(models), str(port)])


@contextmanager
def running(name: str, how: Callable[[int], Start], path: str, log: Path) -> Iterator[Running]:
    """A service started as `how` says for a free port, stopped at the end.

    It is there once `path` answers with 200. Its output goes to the file `log`, as it would to a
    container's.
    """
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    start = how(port)
    with log.open("wb") as output:
        child = subprocess.Popen(
            [sys.executable, *start.command],
            cwd=start.folder,
            env=os.environ | {"OMP_NUM_THREADS": "1"} | start.environment,
            stdout=output,
            stderr=output,
        )
    try:
        _wait(child, f"http://127.0.0.1:{port}{path}", log)
        yield Running(name, port, psutil.Process(child.pid))
    finally:
        child.terminate()
        child.wait(60)


def _wait(child: subprocess.Popen[bytes], url: str, log: Path) -> None:
    while True:
        if child.poll() is not None:
            raise SystemExit(f"it did not start: {log.read_text(encoding='utf-8')[-2000:]}")
        try:
            if httpx.get(url).status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)
