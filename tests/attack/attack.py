"""What an attack is, and what one needs to carry it out. Knows sockets; no route and no bound.

A known attack is one `Attack` in the list `ATTACKS` of a module of this folder; `test_attacks.py`
lists the modules. Its function is given the target and does what an attacker does, over sockets. It
returns every status that it was answered. Rows that send a lot or take long are `long`: only
`make attack` carries them out.
"""

import json
import re
import socket
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

_PATIENCE_SECONDS: Final = 60.0


@dataclass(frozen=True)
class Target:
    """A service that is attacked."""

    port: int

    def connect(self) -> socket.socket:
        """A connection that gives up after a while."""
        connection = socket.create_connection(("127.0.0.1", self.port), timeout=_PATIENCE_SECONDS)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection

    def send(self, *parts: bytes) -> list[int]:
        """Send the parts on one connection; the statuses of all answers until it is closed."""
        return self.send_all(parts)

    def send_all(self, parts: Iterable[bytes]) -> list[int]:
        """The same of a generator, for what is too long to be kept."""
        end = time.monotonic() + _PATIENCE_SECONDS
        with self.connect() as connection:
            try:
                for part in parts:
                    connection.sendall(part)
                    assert time.monotonic() < end, "it takes all that it is sent, and slowly"
            except ConnectionError:
                pass  # it has closed: what it said before may still be here
            return statuses(received(connection))

    def ends(self, connections: Iterable[socket.socket]) -> list[int]:
        """The statuses of what comes on the connections, until each is closed."""
        found = []
        for connection in connections:
            with connection:
                found += statuses(received(connection))
        return found

    def post(self, path: str, content: Any, *headers: str) -> list[int]:
        """POST bytes as they are, or anything else as JSON; the status."""
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        return self.send(post(path, body, "Connection: close", *headers))


@dataclass(frozen=True)
class Attack:
    """One way to bring a service down."""

    name: str
    run: Callable[[Target], Iterable[int]]  # carries it out; every status that was answered
    statuses: Sequence[int]  # that may be answered
    megabytes: int = 64  # by which the service's resident memory may grow meanwhile, at most
    # For which /health/live may be unanswered while the service computes, at most. What is promised
    # is a tenth of a second; the rest is for machines that do something else as well.
    stall_seconds: float = 0.5
    seconds: float = 60.0  # that all of it may take
    long: bool = False  # whether it takes `make attack`
    # UNROLL_* settings by their names; the service runs in a process of its own for each set.
    settings: Mapping[str, str] = field(default_factory=dict)


def head(method: str, path: str, *headers: str) -> bytes:
    """The head of a request."""
    lines = [f"{method} {path} HTTP/1.1", "Host: attacked", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n"


def post(path: str, body: bytes, *headers: str) -> bytes:
    """A request with a JSON body."""
    kind = [] if any(each.lower().startswith("content-type") for each in headers) else [JSON]
    return head("POST", path, f"Content-Length: {len(body)}", *kind, *headers) + body


def received(connection: socket.socket) -> bytes:
    """All that comes until the connection is closed."""
    content = bytearray()
    try:
        while part := connection.recv(1 << 20):
            content += part
    except ConnectionError:
        pass
    return bytes(content)


def statuses(content: bytes) -> list[int]:
    """The status of every answer in `content`."""
    return [int(each) for each in re.findall(rb"HTTP/1\.1 (\d{3}) ", content)]


JSON = "Content-Type: application/json"
