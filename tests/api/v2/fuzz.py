"""Inference bodies that no honest client sends, and a service of its own that gets them.

`python -m tests.api.v2.fuzz 1000` sends so many and tells what came back. Seeded: always the same.
"""

import gzip
import json
import random
import socket
import struct
import subprocess
import sys
import tempfile
import time
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import httpx
import psutil

from tests import fresh
from tests.api.v2.triton import FP32, LENGTH, write_models

WARM: Final = 100  # requests before memory is looked at
PATIENCE: Final = 10.0  # seconds that one request may take; none comes near it
ALLOWED: Final = {200, 400, 404, 413, 415, 422, 501}
MIB: Final = 1024 * 1024


@dataclass
class Findings:
    """Answers by status, those that are none, the slowest, and MiB that were not given back."""

    statuses: Counter[int] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    slowest: float = 0.0
    growth: float = 0.0


class Fuzzer:
    """Makes requests: (model, body, headers)."""

    def __init__(self, seed: int) -> None:
        self._rng = random.Random(seed)
        self._kinds: list[Callable[[], tuple[str, bytes, dict[str, str]]]] = [
            self.honest,
            self.cut,
            self.flipped,
            self.lying_size,
            self.wrong_type,
            self.huge_shape,
            self.deep,
            self.noise,
            self.texts,
            self.header,
            self.packed,
            self.values,
            self.outputs,
            self.repeated,
        ]

    def request(self) -> tuple[str, bytes, dict[str, str]]:
        """The next one."""
        return self._rng.choice(self._kinds)()

    def honest(self) -> tuple[str, bytes, dict[str, str]]:
        rows, steps = self._rng.randint(1, 5), self._rng.randint(1, 30)
        tokens = struct.pack(f"<{rows * steps}q", *self._ints(rows * steps, 9))
        ends = struct.pack(f"<{rows}q", *(self._rng.randint(1, steps) for _ in range(rows)))
        sent = [
            self._binary("token_ids", "INT64", [rows, steps], len(tokens)),
            self._binary("lengths", "INT64", [rows], len(ends)),
        ]
        return self._body("lookup", {"inputs": sent}, tokens + ends)

    def cut(self) -> tuple[str, bytes, dict[str, str]]:
        model, body, headers = self.honest()
        return model, body[: self._rng.randrange(len(body))], headers

    def flipped(self) -> tuple[str, bytes, dict[str, str]]:
        model, body, headers = self.honest()
        changed = bytearray(body)
        for _ in range(self._rng.randint(1, 8)):
            changed[self._rng.randrange(len(changed))] ^= 1 << self._rng.randrange(8)
        return model, bytes(changed), headers

    def lying_size(self) -> tuple[str, bytes, dict[str, str]]:
        size = self._rng.choice([0, 1, 7, 9, -1, -(2**63), 2**31, 2**63, 10**30, 8.5, "8", None])
        sent = self._binary("value", "FP32", [1, 2], size)
        return self._body("fp32", {"inputs": [sent]}, self._rng.randbytes(8))

    def wrong_type(self) -> tuple[str, bytes, dict[str, str]]:
        odd: list[Any] = [None, True, 0, -1, 1.5, "", "x" * 1000, [], {}, [[]], [{}], [None]]
        whole: dict[str, Any] = {"inputs": [dict(FP32)], "outputs": [{"name": "same"}]}
        target = self._rng.choice([whole, whole["inputs"][0], whole["outputs"][0]])
        keys = ["inputs", "outputs", "id", "name", "shape", "datatype", "data", "parameters"]
        target[self._rng.choice(keys)] = self._rng.choice(odd)
        return self._body(self._rng.choice(["fp32", "whole", "bytes"]), whole)

    def huge_shape(self) -> tuple[str, bytes, dict[str, str]]:
        sizes = [0, 1, 2, 2**16, 2**31, 2**32, 2**62, 2**63, 10**40]
        shape = [self._rng.choice(sizes) for _ in range(self._rng.choice([1, 2, 2, 2, 3, 500]))]
        if self._rng.random() < 0.5:
            return self._body("fp32", {"inputs": [FP32 | {"shape": shape}]})
        sent = self._binary("value", "FP32", shape, 8)
        return self._body("fp32", {"inputs": [sent]}, bytes(8))

    def deep(self) -> tuple[str, bytes, dict[str, str]]:
        depth = self._rng.choice([10, 100, 190, 1000, 100_000])
        nested = "[" * depth + "1" + "]" * depth
        text = json.dumps({"inputs": [FP32 | {"data": "DEEP"}]}).replace('"DEEP"', nested)
        return "fp32", text.encode(), {}

    def noise(self) -> tuple[str, bytes, dict[str, str]]:
        body = self._rng.randbytes(self._rng.choice([0, 1, 10, 1000, 100_000]))
        model = self._rng.choice(["fp32", "bytes", "lookup", "whole", "bf16", "nope"])
        headers = {LENGTH: "0"} if self._rng.random() < 0.5 else {}
        return model, body, headers

    def texts(self) -> tuple[str, bytes, dict[str, str]]:
        parts = []
        for _ in range(self._rng.randint(0, 5)):
            text = self._rng.randbytes(self._rng.randint(0, 20))
            if self._rng.random() < 0.7:
                text = text.hex().encode()
            lie = self._rng.choice([0, 0, 0, 1, -1, 2**31, 2**32 - 1])
            parts.append(struct.pack("<I", (len(text) + lie) % 2**32) + text)
        buffer = b"".join(parts)
        sent = self._binary("value", "BYTES", [1, self._rng.randint(1, 5)], len(buffer))
        return self._body("bytes", {"inputs": [sent]}, buffer)

    def header(self) -> tuple[str, bytes, dict[str, str]]:
        model, body, _ = self.honest()
        odd = ["0", "1", "-1", "1e3", "5 5", "9" * 100, "abc", "0x10", str(len(body))]
        return model, body, {LENGTH: self._rng.choice(odd)}

    def packed(self) -> tuple[str, bytes, dict[str, str]]:
        model, body, headers = self.honest()
        bomb = self._rng.random() < 0.1
        content = b" " * (64 * MIB) if bomb else body
        encoding = self._rng.choice(["gzip", "deflate"])
        data = gzip.compress(content, 1) if encoding == "gzip" else zlib.compress(content, 1)
        damage = self._rng.choice(["none", "cut", "flip", "twice", "other"])
        if damage == "cut":
            data = data[: len(data) // 2]
        elif damage == "flip":
            at = self._rng.randrange(len(data))
            data = data[:at] + bytes([data[at] ^ 255]) + data[at + 1 :]
        elif damage == "twice":
            data += data
        elif damage == "other":
            encoding = self._rng.choice(["br", "gzip", "deflate", "gzip, deflate", "x" * 100])
        return model, data, headers | {"Content-Encoding": encoding}

    def values(self) -> tuple[str, bytes, dict[str, str]]:
        """Well-formed, and nothing that the graph could like."""
        odd = [2**63 - 1, -(2**63), 10, -11, 0, 1]
        tokens = [self._rng.choice(odd) for _ in range(4)]
        ends = [self._rng.choice(odd) for _ in range(2)]
        sent = [
            {"name": "token_ids", "datatype": "INT64", "shape": [2, 2], "data": tokens},
            {"name": "lengths", "datatype": "INT64", "shape": [2], "data": ends},
        ]
        return self._body("lookup", {"inputs": sent})

    def outputs(self) -> tuple[str, bytes, dict[str, str]]:
        odd = [0, 1, 2**31, 2**63, -1, True, "3", 1.5, None]
        parameters = {"classification": self._rng.choice(odd)}
        if self._rng.random() < 0.3:
            parameters["binary_data"] = self._rng.choice(odd)
        data = [self._rng.choice([1, 1e38, float("nan"), float("inf")]) for _ in range(2)]
        wanted = [{"name": name, "parameters": parameters} for name in ("same", "number")]
        return self._body("fp32", {"inputs": [FP32 | {"data": data}], "outputs": wanted})

    def repeated(self) -> tuple[str, bytes, dict[str, str]]:
        count = self._rng.choice([2, 1000, 20_000])
        key = self._rng.choice(["inputs", "outputs"])
        return self._body("fp32", {"inputs": [FP32]} | {key: [{"name": "same"}] * count})

    def _ints(self, count: int, most: int) -> list[int]:
        return [self._rng.randint(0, most) for _ in range(count)]

    def _binary(self, name: str, datatype: str, shape: list[int], size: Any) -> dict[str, Any]:
        parameters = {"binary_data_size": size}
        return {"name": name, "datatype": datatype, "shape": shape, "parameters": parameters}

    def _body(
        self, model: str, content: Any, buffers: bytes = b""
    ) -> tuple[str, bytes, dict[str, str]]:
        text = json.dumps(content).encode()
        return model, text + buffers, {LENGTH: str(len(text))} if buffers else {}


def fuzz(requests: int, seed: int = 0) -> Findings:
    """Send so many to a service in a process of its own, and look at what became of it."""
    findings, fuzzer = Findings(), Fuzzer(seed)
    with tempfile.TemporaryDirectory() as folder, service(write_models(Path(folder))) as child:
        process, url = child
        with httpx.Client(base_url=url, timeout=PATIENCE) as http:
            before = 0
            for number in range(WARM + requests):
                model, body, headers = fuzzer.request()
                start = time.monotonic()
                response = http.post(f"/v2/models/{model}/infer", content=body, headers=headers)
                findings.slowest = max(findings.slowest, time.monotonic() - start)
                findings.statuses[response.status_code] += 1
                if response.status_code not in ALLOWED:
                    findings.wrong.append(f"{number}: {response.status_code} {response.text[:200]}")
                elif response.status_code != 200 and response.json().keys() != {"error"}:
                    findings.wrong.append(f"{number}: {response.text[:200]}")
                if number == WARM:
                    before = process.memory_info().rss
            findings.growth = (process.memory_info().rss - before) / MIB
            model, body, headers = fuzzer.honest()
            last = http.post(f"/v2/models/{model}/infer", content=body, headers=headers)
            if last.status_code != 200:
                findings.wrong.append(f"afterwards: {last.status_code} {last.text[:200]}")
    return findings


@contextmanager
def service(models: Path) -> Iterator[tuple[psutil.Process, str]]:
    """(the process, its address) of a service that is ready."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    options = ["--models-dir", str(models), "--port", url.rpartition(":")[2]]
    command = [sys.executable, "-m", "app", "serve", *options, "--log-level", "ERROR"]
    with subprocess.Popen(command) as child:
        try:
            end = time.monotonic() + 60
            while not is_ready(url):
                assert time.monotonic() < end, "the service does not get ready"
                assert child.poll() is None, "the service did not start"
                time.sleep(0.05)
            yield psutil.Process(child.pid), url
            assert child.poll() is None, "the service is gone"
        finally:
            child.terminate()


def is_ready(url: str) -> bool:
    try:
        return fresh.get(f"{url}/v2/health/ready").status_code == 200
    except httpx.TransportError:
        return False


if __name__ == "__main__":
    found = fuzz(int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 0)
    print(f"statuses {dict(sorted(found.statuses.items()))}")
    print(f"slowest {found.slowest:.3f} s, memory {found.growth:+.1f} MiB, wrong {found.wrong}")
