"""Runs an application for tests, under the real server on a real socket. Knows no route.

`python -m tests.api.service MODELS_DIR` runs it with the doubles in a process of its own, for
tests that send signals.
"""

import io
import json
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from app.api.application import Application
from app.http.dispatch import Dispatcher
from app.http.server import DrainingServer, connection_class, make_server, serve
from app.main import create_app
from app.serving.models.loader import TaskTypes
from app.settings import load_settings
from app.telemetry import log
from tests.api.doubles import TASKS

# One stream for all services of a test run: the process has one log configuration.
LOG = io.StringIO()


@dataclass(frozen=True)
class Service:
    """A running service: an http client for it, the port, the application, the server."""

    http: httpx.Client
    port: int
    app: Application
    server: DrainingServer

    def forecast(self, **body: Any) -> httpx.Response:
        """POST /forecast; three values and two steps unless told otherwise."""
        return self.http.post("/forecast", json={"series": [1, 2, 3], "horizon": 2} | body)

    def lines(self, request_id: str) -> list[dict[str, Any]]:
        """What was logged for one request; waits a moment, since the answer goes out first."""
        end = time.monotonic() + 10.0
        while time.monotonic() < end:
            mine = [line for line in LOG.getvalue().splitlines() if request_id in line]
            found = [line for line in map(json.loads, mine) if line.get("request_id") == request_id]
            if any(line["event"] == "request" for line in found):
                return found
            time.sleep(0.01)
        raise AssertionError(f"no log line for {request_id}")

    @contextmanager
    def connection(self) -> Iterator[socket.socket]:
        """A bare connection, for what no well-behaved client would send."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=10) as connection:
            yield connection


def raw(body: Any, *headers: str, path: str = "/v2/models/int64/infer") -> bytes:
    """A whole POST request with a JSON body."""
    content = json.dumps(body).encode()
    lines = [f"POST {path} HTTP/1.1", "Host: x", f"Content-Length: {len(content)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + content


def answers(connection: socket.socket, count: int) -> list[tuple[int, dict[str, str], bytes]]:
    """(status, headers, body) of so many answers, in order; each must say how long it is."""
    found: list[tuple[int, dict[str, str], bytes]] = []
    content = b""
    while len(found) < count:
        head, end, rest = content.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {
            name.lower(): value for name, _, value in (each.partition(": ") for each in lines)
        }
        size = int(headers.get("content-length", -1))
        if end and 0 <= size <= len(rest):
            found.append((int(first[9:12]), headers, rest[:size]))
            content = rest[size:]
            continue
        part = connection.recv(65536)
        assert part, "it was closed too early"
        content += part
    assert not content
    return found


def send_in_two(connection: socket.socket, request: bytes, cut: int) -> None:
    """Send a request in two parts; nothing is answered in between."""
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection.sendall(request[:cut])
    connection.settimeout(0.05)
    try:
        early = connection.recv(1)
    except TimeoutError:
        early = b""
    assert not early
    connection.settimeout(10)
    connection.sendall(request[cut:])


@contextmanager
def running(
    models_dir: Path,
    *,
    wait: bool = True,
    tasks: TaskTypes = TASKS,
    fast_path: bool = True,
    **settings: Any,
) -> Iterator[Service]:
    """Run the application in a thread, with the doubles; with `wait`, yield when it is ready.

    fast_path: False has FastAPI's router find every endpoint, and an ASGI call for each request.
    """
    log.configure("json", "DEBUG", LOG)
    known = load_settings(
        models_dir=models_dir, host="127.0.0.1", port=0, **({"worker_threads": 1} | settings)
    )
    app = create_app(known, tasks, fast_path=fast_path)
    server = make_server(app, known)
    if not fast_path:
        server.config.http = connection_class(Dispatcher(app.shed), known)
    thread = threading.Thread(target=server.run, name="service")
    thread.start()
    try:
        until(lambda: server.started)
        port = server.servers[0].sockets[0].getsockname()[1]
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as http:
            if wait:
                until(lambda: http.get("/health/ready").status_code == 200)
            yield Service(http, port, app, server)
    finally:
        server.should_exit = True
        thread.join(30)
        assert not thread.is_alive()


def until(condition: Any, seconds: float = 30.0) -> None:
    """Wait until `condition()` holds; fail after `seconds`."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it never happened"
        time.sleep(0.01)


def main() -> None:
    settings = load_settings(models_dir=Path(sys.argv[1]), log_format="json")
    serve(create_app(settings, TASKS), settings)


if __name__ == "__main__":
    main()
