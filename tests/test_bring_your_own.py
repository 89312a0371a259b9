"""docs/bring-your-own.md, run as a reader would: every block, in order, against a real service."""

import json
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import numpy as np
import pytest

from tests.gestures import asked_rows, margins, page_blocks

ROOT = Path(__file__).resolve().parent.parent
ADDRESS = "127.0.0.1:8000"
WATCH_SECONDS = "0.1"
# A reader has installed `unroll`; here it is the one of this checkout.
COMMANDS = {"unroll": "-m app", "python": "-W ignore"}


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
            assert self.outputs[-1] == text
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

    def smallest_margin(self) -> float:
        """By how much the labels lead that the page promises for its rows; below 0: they do not."""
        readings, lengths = asked_rows()
        inputs = [
            {"name": name, "datatype": kind, "shape": list(array.shape), "data": array.tolist()}
            for name, kind, array in (
                ("readings", "FP32", readings),
                ("lengths", "INT64", lengths),
            )
        ]
        answer = httpx.post(
            f"http://{self.address}/v2/models/gestures/infer", json={"inputs": inputs}
        )
        [logits] = answer.json()["outputs"]
        array = np.array(logits["data"], np.float32).reshape(logits["shape"])
        return float(margins(array).min())

    def wait(self, path: str, holds: Callable[[httpx.Response], bool]) -> httpx.Response:
        """Ask until the answer is as wished for."""
        end = time.monotonic() + 60
        while time.monotonic() < end:
            try:
                answer = httpx.get(f"http://{self.address}{path}")
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
        "UNROLL_PORT": str(port),
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


@pytest.mark.slow
def test_the_page_can_be_followed(tmp_path: Path) -> None:
    blocks = page_blocks()
    assert len(blocks) >= 12
    with reading(tmp_path) as reader:
        for kind, text in blocks:
            reader.follow(kind, text)
            if "--version-of" in text:  # as the page says: within UNROLL_WATCH_SECONDS
                reader.wait("/models/gestures", lambda answer: answer.json()["version"] == "2")
            elif "/infer" in text and kind == "sh":
                answer = json.loads(reader.outputs[-1])
                assert (answer["model_name"], answer["model_version"]) == ("gestures", "1")
                [logits] = answer["outputs"]
                assert [value.split(":")[2] for value in logits["data"]] == ["shake", "still"]
                # Far more than a thread, a kernel or a seed changes: see tests/gestures.py.
                assert reader.smallest_margin() > 1.0
            elif "/load" in text:
                answer = reader.wait("/models/gestures", lambda _: True).json()
                assert answer["version"] == "1"
        models = httpx.get(f"http://{reader.address}/models").json()["models"]
        assert {(each["name"], each["task"]) for each in models} >= {("gestures", "tensor")}
        listed = reader.run("unroll models --models-dir models")
        assert re.search(r"gestures\W+2\W+tensor\W+lstm", listed)
