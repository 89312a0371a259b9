"""What every experiment stands on: the networks, what is asked, who answers, and how long.

Services are started when they are first asked for. Knows services, clients and networks; no
experiment.
"""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path
from typing import Any, Final

import httpx
import numpy as np

from benchmarks.load import closed, corpus
from benchmarks.load.client import Client, build
from benchmarks.load.closed import CLIENTS
from benchmarks.load.networks import LARGE, SMALL, publish_large, publish_small
from benchmarks.load.services import Running, Start, by_hand, running, unroll

UNROLL, TWO = "Unroll", "Unroll, 2 processes"
HAND, HAND_TWO, SILENT = "by hand", "by hand, 2 workers", "by hand, no access log"
FIFO = "first come, padded, 32"
LIST = "small, as a list"  # the requests of the small network to SILENT: a single list of ids


@dataclass(frozen=True)
class Plan:
    """How much is measured. deadlines: seconds, those of an overload."""

    requests: int = 2000
    rounds: int = 5
    seconds: float = 4.0
    large_seconds: float = 8.0
    capacity_seconds: float = 4.0
    overload_seconds: float = 15.0
    curve_seconds: float = 6.0
    curve_shares: tuple[float, ...] = (0.2, 0.4, 0.6, 0.8, 0.9, 1.0, 1.2)
    policy_rows: int = 2000
    policy_seconds: float = 15.0
    deadlines: dict[str, float] = field(default_factory=lambda: {SMALL: 0.25, LARGE: 1.0})
    # Of the experiments over a fixed set of connections:
    fixed_rounds: int = 3
    fixed_seconds: float = 8.0
    fixed_quiet: float = 3.0
    fixed_deadlines: dict[str, tuple[float, ...]] = field(
        default_factory=lambda: {SMALL: (0.25, 1.0, 2.0), LARGE: (1.0, 4.0)}
    )

    def turn(self, network: str) -> float:
        """Seconds of one turn of a closed loop."""
        return self.seconds if network == SMALL else self.large_seconds


class Site:
    """One of each service, which stay until `stack` ends. tables: what was found so far."""

    def __init__(self, plan: Plan, folder: Path, stack: ExitStack) -> None:
        self.plan = plan
        self.tables: list[str] = []
        self.folder = folder
        self.models = folder / "models"
        publish_small(self.models)
        publish_large(self.models)
        assert {each.name for each in self.models.iterdir()} == {SMALL, LARGE}
        self._program = build(folder)
        self._stack = stack
        rows = corpus.rows(plan.requests)
        self._requests = {
            SMALL: [corpus.post("/v2/models/small/infer", _tensors(row)) for row in rows],
            LIST: [corpus.post("/small", {"token_ids": row}) for row in rows],
            LARGE: [
                corpus.post("/sentiment", {"text": text, "model": LARGE})
                for text in corpus.texts(plan.requests)
            ],
        }
        self.service = cache(self._service)
        self._file = cache(self._write)
        self._known_rates: dict[str, float] = {}

    def _service(self, name: str) -> Running:
        models = self.models
        ways: dict[str, tuple[Callable[[int], Start], str]] = {
            UNROLL: (partial(unroll, models), "/health/ready"),
            TWO: (partial(unroll, models, workers=2), "/health/ready"),
            HAND: (lambda port: by_hand(models, port), "/docs"),
            HAND_TWO: (lambda port: by_hand(models, port, "--workers", "2"), "/docs"),
            SILENT: (lambda port: by_hand(models, port, "--no-access-log"), "/docs"),
            FIFO: (lambda port: by_hand(models, port, "--fifo", "32"), "/docs"),
        }
        return self.start(name, *ways[name])

    def start(self, name: str, how: Callable[[int], Start], path: str) -> Running:
        """A service of any kind, which stays as long as the others; see services.running."""
        log = self.folder / f"{name.replace(' ', '-')}.log"
        return self._stack.enter_context(running(name, how, path, log))

    def unroll(self) -> Running:
        return self.service(UNROLL)

    def client(self, service: Running, requests: str, deadline: float | None = None) -> Client:
        """Asks `service` for a network; each request tells its deadline, in seconds, if given."""
        return Client(self._program, service.port, self._file(requests, deadline))

    def baseline(self, network: str) -> tuple[Running, Client]:
        """FastAPI by hand as fast as it gets: no access log, the body a single list or text."""
        service = self.service(SILENT)
        return service, self.client(service, LIST if network == SMALL else LARGE)

    def _write(self, requests: str, deadline: float | None) -> Path:
        bodies, name = self._requests[requests], requests.replace(" ", "-")
        if deadline is not None:
            header = f"X-Request-Timeout-Ms: {round(1000 * deadline)}\r\n\r\n".encode()
            bodies = [each.replace(b"\r\n\r\n", b"\r\n" + header, 1) for each in bodies]
            name += f"-{round(1000 * deadline)}ms"
        return corpus.write_requests(self.folder / f"{name}.requests", bodies)

    def capacity(self, client: Client, clients: int = CLIENTS) -> float:
        """Requests a second that `clients` get, of a few seconds."""
        client.closed(clients, 1.0)
        seconds = self.plan.capacity_seconds
        answers = client.closed(clients, seconds).answered_between(0, seconds)
        return closed.rate(answers, seconds)

    def rate(self, network: str) -> float:
        """Unroll's capacity as last kept by `keep_rate`, or measured now."""
        if network not in self._known_rates:
            self.keep_rate(network, self.capacity(self.client(self.unroll(), network)))
        return self._known_rates[network]

    def keep_rate(self, network: str, per_second: float) -> None:
        self._known_rates[network] = per_second

    def same_answers(self, others: Sequence[Running] = ()) -> None:
        """Whoever is compared must say the same. Raises AssertionError."""
        services = [*map(self.service, (UNROLL, HAND, FIFO, SILENT)), *others]
        for network in (SMALL, LARGE):
            body = self._requests[network][0]
            first, *rest = (_answer(each, body) for each in services)
            for other in rest:
                _assert_same(first, other)
        logits = _answer(services[0], self._requests[SMALL][0])["outputs"][0]["data"]
        _assert_same(logits, _answer(self.service(SILENT), self._requests[LIST][0])["logits"])


def _tensors(row: list[int]) -> dict[str, Any]:
    """A row of token ids as the Open Inference Protocol has it in JSON."""
    return {
        "inputs": [
            {"name": "token_ids", "datatype": "INT64", "shape": [1, len(row)], "data": row},
            {"name": "lengths", "datatype": "INT64", "shape": [1], "data": [len(row)]},
        ]
    }


def _answer(service: Running, request: bytes) -> Any:
    head, _, content = request.partition(b"\r\n\r\n")
    url = f"http://127.0.0.1:{service.port}{head.split(b' ')[1].decode()}"
    headers: Final = {"Content-Type": "application/json"}
    return httpx.post(url, content=content, headers=headers).raise_for_status().json()


def _assert_same(first: Any, second: Any) -> None:
    ours, others = sorted(_leaves(first)), sorted(_leaves(second))
    assert [place for place, _ in ours] == [place for place, _ in others]
    for (place, mine), (_, its) in zip(ours, others, strict=True):
        same = mine == its or (
            isinstance(mine, float) and np.isclose(mine, its, rtol=1e-4, atol=1e-6)
        )
        assert same, (place, mine, its)


def _leaves(value: Any, place: str = "") -> list[tuple[str, Any]]:
    """Every value in a JSON value, with where it stands."""
    if isinstance(value, dict):
        pairs = list(value.items())
    elif isinstance(value, list):
        pairs = [(str(index), each) for index, each in enumerate(value)]
    else:
        return [(place, value)]
    return [leaf for key, each in pairs for leaf in _leaves(each, f"{place}.{key}")]
