"""What normal requests feel of a stall of the machine, and of a client with hopeless deadlines.

Knows one running service and clients over a fixed set of connections; not how it is started.
"""

import threading
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from benchmarks.load.client import READY_SECONDS, Answers, Client
from benchmarks.load.closed import CLIENTS
from benchmarks.load.corpus import arrivals
from benchmarks.load.overload import PATIENCE, recovery
from benchmarks.load.services import Running

STALL_SECONDS: Final = 0.3
STALL_LOAD: Final = 0.5  # of capacity
FLOOD_LOAD: Final = 0.3  # of capacity, by the normal clients beside a flood
HOPELESS: Final = 0.001  # seconds, the deadline of each request of the flood


@dataclass(frozen=True)
class Steady:
    """Shares of what was asked, 0 to 1; seconds. late: neither refused nor answered in time."""

    refused: float
    late: float
    p50: float
    p99: float


@dataclass(frozen=True)
class Stalled:
    """Of the requests due from the stall's start to a second after its end: how many were what."""

    asked: int
    refused: int
    late: int
    recovery_seconds: float


@dataclass(frozen=True)
class Flooded:
    """Normal requests before and beside a flood; the flood's answers by HTTP status, a second."""

    before: Steady
    beside: Steady
    flood: Mapping[int, float]


def steady_of(answers: Answers, deadline: float) -> Steady:
    refused = answers.share(429)
    in_time = answers.in_time(deadline) / max(1, len(answers.status))
    late = max(0.0, 1 - refused - in_time)
    return Steady(refused, late, answers.percentile(50), answers.percentile(99))


def steady(client: Client, rate: float, deadline: float, requests: int, seconds: float) -> Steady:
    """Poisson arrivals at `rate`; the first fifth, in which caches fill, does not count."""
    answers = client.fixed(arrivals(rate, seconds, requests), PATIENCE * deadline)
    return steady_of(answers.between(seconds / 5, seconds), deadline)


def stalled(
    service: Running, client: Client, capacity: float, deadline: float, requests: int, part: float
) -> Stalled:
    """Ask at STALL_LOAD; after `part` seconds the service stands still; then `part` once more."""
    moments: list[float] = []

    def stall() -> None:
        moments.append(time.monotonic())
        service.stall(STALL_SECONDS)
        moments.append(time.monotonic())

    total = 2 * part + STALL_SECONDS
    timer = threading.Timer(READY_SECONDS + part, stall)
    timer.start()
    answers = client.fixed(arrivals(STALL_LOAD * capacity, total, requests), PATIENCE * deadline)
    timer.join()
    begin, end = (at - answers.started for at in moments)
    met = answers.between(begin, end + 1)
    usual = answers.between(begin / 2, begin).percentile(95)
    refused = len(met.of(429))
    return Stalled(
        asked=len(met.due),
        refused=refused,
        late=len(met.due) - refused - met.in_time(deadline),
        recovery_seconds=recovery(answers, end, total, usual),
    )


def flooded(
    client: Client,
    hopeless: Client,
    capacity: float,
    deadline: float,
    requests: int,
    part: float,
) -> Flooded:
    """Ask at FLOOD_LOAD for `part` seconds; then another client floods the service for as long.

    The flood is CLIENTS connections of `hopeless`, each asking again when it has its answer.
    """
    found: list[Answers] = []
    flood = threading.Timer(
        READY_SECONDS + part, lambda: found.append(hopeless.closed(CLIENTS, part))
    )
    flood.start()
    schedule = arrivals(FLOOD_LOAD * capacity, 2 * part, requests)
    answers = client.fixed(schedule, PATIENCE * deadline)
    flood.join()
    begin = found[0].started - answers.started
    statuses = Counter(found[0].status.tolist())
    return Flooded(
        before=steady_of(answers.between(begin / 5, begin), deadline),
        beside=steady_of(answers.between(begin, begin + part), deadline),
        flood={status: count / part for status, count in sorted(statuses.items())},
    )
