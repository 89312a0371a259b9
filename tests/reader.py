"""Somebody who follows a page of docs/ block by block, against a real service. Knows no page."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from tests import fresh

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
ADDRESS = "127.0.0.1:8000"
WATCH_SECONDS = "0.1"
# How close parts are to the whole depends on the processor.
_CLOSENESS = re.compile(r"(?<=are answered as the whole), .*")
# A reader has installed `unroll`; here it is the one of this checkout.
COMMANDS = {"unroll": "-m app", "python": "-W ignore"}


def blocks_of(page: Path) -> list[tuple[str, str]]:
    """Language and text of every block of a page."""
    text = page.read_text(encoding="utf-8")
    return re.findall(r"^```(\w+)\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)


@dataclass
class Reader:
    """Somebody who follows the page in an empty folder."""

    folder: Path
    environment: dict[str, str]
    address: str
    service: subprocess.Popen[bytes] | None = None
    outputs: list[str] = field(default_factory=list)

    def follow(self, kind: str, text: str) -> None:
        """Do what a block says; what a `text` block shows must have been printed."""
        text = text.replace(ADDRESS, self.address)
        if kind == "python":
            name = text.removeprefix("# ").splitlines()[0]
            (self.folder / name).write_text(text, encoding="utf-8")
        elif kind == "text":
            assert _CLOSENESS.sub("", self.outputs[-1]) == _CLOSENESS.sub("", text)
        elif text.startswith("unroll serve"):
            self.service = subprocess.Popen(
                text.split(), cwd=self.folder, env=self.environment, stderr=subprocess.DEVNULL
            )
            self.wait("/health/ready", lambda answer: answer.status_code == 200)
        else:
            self.outputs.append(self.run(text))

    def run(self, text: str) -> str:
        """The standard output of a block of the shell."""
        done = subprocess.run(
            ["bash", "-e", "-c", text],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def wait(self, path: str, holds: Callable[[httpx.Response], bool]) -> httpx.Response:
        """Ask until the answer is as wished for."""
        end = time.monotonic() + 60
        while time.monotonic() < end:
            try:
                answer = fresh.get(f"http://{self.address}{path}")
                if holds(answer):
                    return answer
            except httpx.TransportError:
                pass
            time.sleep(0.05)
        raise AssertionError(f"{path} never answered as it should")


@contextmanager
def reading(folder: Path) -> Iterator[Reader]:
    """A reader with the service's command; the service, if it was started, ends with them."""
    bin_folder = folder / "bin"
    bin_folder.mkdir()
    for name, options in COMMANDS.items():
        command = f'#!/bin/sh\nexec "{sys.executable}" {options} "$@"\n'
        (bin_folder / name).write_text(command, encoding="utf-8")
        (bin_folder / name).chmod(0o755)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    environment = os.environ | {
        "PATH": f"{bin_folder}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "COLUMNS": "80",
        "OMP_NUM_THREADS": "1",  # many small steps: threads would wait for each other
        "UNROLL_MODELS_DIR": "models",  # a reader has no models yet
        "UNROLL_PORT": str(port),
        "UNROLL_URL": f"http://127.0.0.1:{port}",
        "UNROLL_WATCH_SECONDS": WATCH_SECONDS,
        "UNROLL_WORKER_THREADS": "1",
    }
    work = folder / "work"
    work.mkdir()
    reader = Reader(work, environment, f"127.0.0.1:{port}")
    try:
        yield reader
    finally:
        if reader.service is not None:
            reader.service.terminate()
            reader.service.wait(30)
        pid = work / "service.pid"  # where a page has its service started in the background
        if pid.exists():
            with suppress(ProcessLookupError):
                os.kill(int(pid.read_text()), signal.SIGKILL)
