"""Requests a second, CPU and latency under 32 clients and under one, all services in turns.

Knows running services and clients; not how they are started. One round asks every service for a
few seconds, one right after the other, so that whatever else the machine does meets all of them;
ratios are taken within a round, and the median of the rounds counts.
"""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from benchmarks.load.client import Answers, Client
from benchmarks.load.services import Running

CLIENTS: Final = 32
_WARM: Final = 0.3  # of each turn, not counted: connections open, caches fill


@dataclass(frozen=True)
class Turn:
    """What one service did in one turn. Seconds; `cpu` per request."""

    per_second: float
    cpu: float
    p50: float
    p99: float


def rounds(
    services: Sequence[tuple[Running, Client]], clients: int, seconds: float, count: int
) -> dict[str, list[Turn]]:
    """`count` turns of every service, in turns. Raises RuntimeError if any answer was not 200."""
    turns: dict[str, list[Turn]] = {service.name: [] for service, _ in services}
    for number in range(count):
        # Every other round backwards: nobody is always the one who comes after the heaviest.
        for service, client in services[:: -1 if number % 2 else 1]:
            turns[service.name].append(_turn(service, client, clients, seconds, number))
    return turns


def warm(services: Sequence[tuple[Running, Client]], clients: int) -> None:
    for _, client in services:
        client.closed(clients, 1.0)


def _turn(service: Running, client: Client, clients: int, seconds: float, seed: int) -> Turn:
    before = service.cpu_seconds()
    answers = client.closed(clients, seconds, seed + 1)
    cpu = service.cpu_seconds() - before
    wrong = answers.status[answers.status != 200]
    if len(wrong):
        raise RuntimeError(f"{service.name}: {len(wrong)} answers were not 200, such as {wrong[0]}")
    kept = answers.answered_between(_WARM * seconds, seconds)
    if not len(kept.due):
        raise RuntimeError(
            f"{service.name} answered nothing in {seconds} s: longer turns are needed"
        )
    return Turn(
        per_second=rate(kept, (1 - _WARM) * seconds),
        cpu=cpu / len(answers.status),
        p50=kept.percentile(50),
        p99=kept.percentile(99),
    )


def rate(answers: Answers, seconds: float) -> float:
    return len(answers.of(200)) / seconds


def ratio(
    turns: Mapping[str, Sequence[Turn]], ours: str, other: str, what: str = "per_second"
) -> float:
    """The median over the rounds of ours over the other's."""
    return statistics.median(ratios(turns, ours, other, what))


def ratios(
    turns: Mapping[str, Sequence[Turn]], ours: str, other: str, what: str = "per_second"
) -> list[float]:
    """Ours over the other's, of each round."""
    pairs = zip(turns[ours], turns[other], strict=True)
    return [getattr(mine, what) / getattr(its, what) for mine, its in pairs]


def median(turns: Sequence[Turn], what: str) -> float:
    values: list[float] = [getattr(each, what) for each in turns]
    return statistics.median(values)
