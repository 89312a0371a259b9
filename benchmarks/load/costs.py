"""CPU of an answer and of a refusal, and what these leave of capacity at twice the capacity.

Knows services, clients and the CPU that they take. At twice the capacity C a second, with A answers
among them, A answers and 2 C - A refusals share the time that C answers take: A / C is at most
(a - 2 r) / (b - r), where an answer costs a, a refusal r, and an answer among refusals b. Where the
service and its client share all cores, the client's part counts, too: g of an answer, h in a flood.
Then it is at most (a + g - 2 h - 2 r) / (b - r).
"""

import resource
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from benchmarks.load import report
from benchmarks.load.client import Answers, Client
from benchmarks.load.closed import CLIENTS
from benchmarks.load.corpus import arrivals
from benchmarks.load.networks import LARGE, SMALL
from benchmarks.load.overload import PATIENCE
from benchmarks.load.services import Running, Start, unroll
from benchmarks.load.site import Site

DEADLINE: Final = 1.0  # seconds
_CONNECTIONS: Final = 1000
_BARE: Final = ("-m", "benchmarks.load.bare")


@dataclass(frozen=True)
class Spent:
    """Seconds of CPU of a request, of the service and of the client, and what became of all."""

    service: float
    client: float
    answers: Answers


def costs(site: Site) -> dict[str, Any]:
    """Of both networks. The bounds: one process with a core for the client; two on two cores."""
    facts: dict[str, Any] = {}
    lines = []
    full = site.start("Unroll, refuses all", partial(_refusing, site), "/health/ready")
    bare = site.start("bare", lambda port: Start([*_BARE, str(port)]), "/")
    for network in (SMALL, LARGE):
        service, seconds = site.unroll(), site.plan.capacity_seconds
        site.client(service, network).closed(CLIENTS, 1.0)  # warm
        answer = _spent(service, site.client(service, network), _closed(CLIENTS, seconds))
        capacity = len(answer.answers.of(200)) / seconds
        flood = _fixed(2 * capacity, site.plan.fixed_seconds, site.plan.requests)
        among = _spent(service, site.client(service, network, DEADLINE), flood)
        many = _closed(_CONNECTIONS, seconds)
        with _held(full):
            refusal = _spent(full, site.client(full, network, DEADLINE), many).service
        least = _spent(bare, site.client(bare, network, DEADLINE), many).service
        refused, answered = among.answers.share(429), among.answers.share(200)
        in_flood = (among.service - refused * refusal) / answered
        own = answer.service  # of the capacity, for each answer
        shared = answer.service + answer.client - 2 * among.client
        figures = {
            "answer_us": 1e6 * answer.service,
            "answer_in_flood_us": 1e6 * in_flood,
            "refusal_us": 1e6 * refusal,
            "least_refusal_us": 1e6 * least,
            "client_us": 1e6 * answer.client,
            "client_in_flood_us": 1e6 * among.client,
        }
        for name, time in (("bound", own), ("bound_two_processes", shared)):
            figures[name] = (time - 2 * refusal) / (in_flood - refusal)
            figures[f"{name}_least_refusal"] = (time - 2 * least) / (in_flood - least)
            figures[f"{name}_free_refusal"] = time / in_flood
        facts |= {f"costs_{network}_{name}": value for name, value in figures.items()}
        lines.append((network, *figures.values()))
    columns = "answer", "in a flood", "refusal", "bare", "client", "in a flood"
    bounds = "in time, at most", "bare refusals", "free ones"
    two = "two processes", "bare refusals", "free ones"
    site.tables.append(report.table(("CPU of a request, us", *columns, *bounds, *two), lines))
    return facts


def _refusing(site: Site, port: int) -> Start:
    start = unroll(site.models, port)
    return Start(start.command, {"UNROLL_MAX_IN_FLIGHT": "1"})


@contextmanager
def _held(service: Running) -> Iterator[None]:
    """One request is in flight, whose body does not come: of one at a time that is all."""
    head = b"POST /sentiment HTTP/1.1\r\nHost: here\r\nContent-Type: application/json\r\n"
    with socket.create_connection(("127.0.0.1", service.port)) as one:
        one.sendall(head + b"Content-Length: 1\r\n\r\n")
        yield


def _closed(clients: int, seconds: float) -> Callable[[Client], Answers]:
    return lambda client: client.closed(clients, seconds)


def _fixed(rate: float, seconds: float, requests: int) -> Callable[[Client], Answers]:
    schedule = arrivals(rate, seconds, requests)
    return lambda client: client.fixed(schedule, PATIENCE * DEADLINE)


def _spent(service: Running, client: Client, ask: Callable[[Client], Answers]) -> Spent:
    ours, its = service.cpu_seconds(), _children()
    answers = ask(client)
    asked = len(answers.status)
    return Spent((service.cpu_seconds() - ours) / asked, (_children() - its) / asked, answers)


def _children() -> float:
    """CPU seconds of the clients so far; services are counted when they end."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
