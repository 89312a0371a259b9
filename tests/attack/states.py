"""Attacks by streams: sealed states that are none, names without end, a great many of them."""

import json
import struct
from collections.abc import Callable

from tests.attack.attack import Attack, Target, head, post
from tests.attack.bodies import LARGEST

_PATH = "/streams/attacked/state"
_KIND = "Content-Type: application/octet-stream"


def _state(header: bytes) -> Callable[[Target], list[int]]:
    """Puts a file in that begins as safetensors do."""

    def run(target: Target) -> list[int]:
        content = struct.pack("<Q", len(header)) + header
        lines = (_KIND, f"Content-Length: {len(content)}", "Connection: close")
        return target.send(head("PUT", _PATH, *lines), content)

    return run


def _tensors() -> bytes:
    """A header of as many tensors as one may have, all of them empty."""
    one = {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]}
    return json.dumps({str(number): one for number in range(3000)} | {"__metadata__": {}}).encode()


def _long_names(target: Target) -> list[int]:
    """Paths as long as they may be, each of them another one."""
    found = []
    for number in range(60):
        for path in ("/streams/{}/steps", "/v2/models/{}/infer"):
            requests = [
                post(path.format(f"{number:05}{part:05}" + "a" * 60_000), b"{}")
                for part in range(20)
            ]
            found += target.send(*requests, head("GET", "/health/live", "Connection: close"))
    return found


def _many(target: Target) -> list[int]:
    """20,000 streams, each opened and asked for a list of all."""
    found = []
    for first in range(0, 20_000, 500):
        requests = []
        for number in range(first, first + 500):
            line = f"/streams/many-{number}"
            body = b'{"model":"lstm"}'
            lines = ("Content-Type: application/json", f"Content-Length: {len(body)}")
            requests.append(head("PUT", line, *lines) + body)
        requests.append(head("GET", "/streams?limit=1000", "Connection: close"))
        found += target.send(*requests)
    return found


ATTACKS = [
    Attack(
        "a state whose header is a body of lists",
        _state(b"[" + b",".join([b"[]"] * (LARGEST // 3)) + b"]"),
        [413, 422],
    ),
    Attack("a state of lists in lists", _state(b"[" * 200_000), [422]),
    Attack("a state of a list", _state(b"[]"), [422]),
    Attack("a state of three thousand tensors", _state(_tensors()), [422]),
    Attack("paths as long as they may be", _long_names, [200, 404, 422], megabytes=32),
    Attack("twenty thousand streams", _many, [200, 201], seconds=300, long=True),
]
