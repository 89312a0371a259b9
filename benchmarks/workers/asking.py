"""What both supervisors are asked from outside: processes, statuses, metrics. Measures nothing."""

import http.client
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import httpx
import psutil

from benchmarks.load.networks import LARGE, SMALL
from benchmarks.load.services import Running

_PATIENCE: Final = 120.0


def children(service: Running) -> list[psutil.Process]:
    """The processes that serve, and not what Python starts beside them."""
    return [each for each in service.process.children() if _serves(each)]


def _serves(process: psutil.Process) -> bool:
    try:
        return "resource_tracker" not in " ".join(process.cmdline())
    except psutil.Error:  # it has ended
        return False


def kill(service: Running) -> float:
    """Kill one process that serves; seconds until two answer."""
    child = children(service)[0]
    began = time.monotonic()
    child.kill()
    wait(lambda: child not in children(service) and len(children(service)) == 2)
    wait(lambda: all_answer(service, 200))
    return time.monotonic() - began


def url(service: Running, path: str = "") -> str:
    return f"http://127.0.0.1:{service.port}{path}"


def page(service: Running) -> list[str]:
    """The lines of the page of metrics."""
    return httpx.get(url(service, "/metrics"), timeout=10).text.splitlines()


def counted(service: Running) -> float:
    """Requests to the small network, as the page has them."""
    lines = (each for each in page(service) if each.startswith("unroll_requests_total{"))
    return sum(float(each.rpartition(" ")[2]) for each in lines if f'model="{SMALL}"' in each)


def inferences(service: Running) -> int:
    """Those of the small network, as the statistics of the inference protocol have them."""
    answer = httpx.get(url(service, f"/v2/models/{SMALL}/stats"), timeout=10).json()
    return int(answer["model_stats"][0]["inference_count"])


def post(service: Running, path: str, body: Any = None) -> int:
    """The status on a connection of its own, which any process may get; 0 for none."""
    connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=60)
    headers = {"Content-Type": "application/json"}
    try:
        connection.request("POST", path, json.dumps(body or {}), headers)
        return connection.getresponse().status
    except OSError:
        return 0
    finally:
        connection.close()


def infer(service: Running) -> int:
    """The status of a request to the large network."""
    return post(service, "/sentiment", {"text": "w2 w3", "model": LARGE})


def all_answer(service: Running, status: int) -> bool:
    """Whether everybody answers so, as far as twenty connections tell."""
    return all(infer(service) == status for _ in range(20))


def ready(service: Running) -> int:
    try:
        return httpx.get(url(service, "/health/ready"), timeout=1).status_code
    except httpx.TransportError:
        return 0


def wait(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + _PATIENCE
    while not condition():
        if time.monotonic() > end:
            raise SystemExit("it did not happen in time")
        time.sleep(0.05)


@dataclass
class Asked:
    """Requests by what came of them, each as the moment in which it was sent.

    fine: answered with 200; refused: answered otherwise; lost: the connection broke.
    """

    fine: list[float] = field(default_factory=list)
    refused: list[float] = field(default_factory=list)
    lost: list[float] = field(default_factory=list)


@contextmanager
def load(service: Running, texts: int = 1) -> Iterator[Asked]:
    """Four clients that ask on kept connections, so many texts at a time."""
    found, stop = Asked(), threading.Event()

    def ask() -> None:
        body = {"text": ["w2 w3 w4 " * 30] * texts, "model": LARGE}
        with httpx.Client(base_url=url(service), timeout=30) as client:
            while not stop.is_set():
                sent = time.monotonic()
                try:
                    status = client.post("/sentiment", json=body).status_code
                    (found.fine if status == 200 else found.refused).append(sent)
                except httpx.ConnectError:  # nobody listens, so nothing was begun
                    time.sleep(0.01)
                except httpx.TransportError:
                    found.lost.append(sent)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for each in threads:
        each.start()
    try:
        yield found
    finally:
        stop.set()
        for each in threads:
            each.join()
