"""What each part of the service buys: variants of it beside FastAPI by hand, in the same minutes.

Knows running services and clients; variants.py says how each variant is started. The rounds go
through all variants for one load before the next load begins.
"""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

from benchmarks.load import closed, report
from benchmarks.load.closed import CLIENTS, ratios
from benchmarks.load.networks import LARGE, SMALL
from benchmarks.load.overload import Overload, overload
from benchmarks.load.services import Running
from benchmarks.load.site import SILENT, Site
from benchmarks.load.variants import Variant

DEADLINE: Final = 1.0  # seconds, of each request of the overload
NETWORKS: Final = (SMALL, LARGE)
MEASURES: Final = {  # of closed.Turn
    "requests/s": "per_second",
    "p50": "p50",
    "CPU of a request": "cpu",
}
LOADS: Final = tuple((network, clients) for network in NETWORKS for clients in (1, CLIENTS))


@dataclass
class Row:
    """What was found of one variant. ratios: to by hand, one a round, by measure and load."""

    ratios: dict[tuple[str, tuple[str, int]], list[float]] = field(default_factory=dict)
    overloads: dict[str, list[Overload]] = field(default_factory=dict)


def ablate(site: Site, variants: Mapping[str, Variant]) -> dict[str, Row]:
    """All variants under all loads. Raises AssertionError if their answers differ."""
    services = {
        name: site.start(name, partial(start, site.models), "/health/ready")
        for name, start in variants.items()
    }
    site.same_answers(list(services.values()))
    rows = {name: Row() for name in variants}
    for network, clients in LOADS:
        _closed(site, services, rows, network, clients)
    for network in NETWORKS:
        for number in range(site.plan.fixed_rounds):
            for name in list(services)[:: -1 if number % 2 else 1]:
                found = _overloaded(site, services[name], network)
                rows[name].overloads.setdefault(network, []).append(found)
    return rows


def _closed(
    site: Site, services: Mapping[str, Running], rows: dict[str, Row], network: str, clients: int
) -> None:
    pairs = [(each, site.client(each, network)) for each in services.values()]
    pairs.append(site.baseline(network))
    closed.warm(pairs, clients)
    turns = closed.rounds(pairs, clients, site.plan.turn(network), site.plan.rounds)
    for name, row in rows.items():
        for measure, what in MEASURES.items():
            row.ratios[measure, (network, clients)] = ratios(turns, name, SILENT, what)


def _overloaded(site: Site, service: Running, network: str) -> Overload:
    capacity = site.capacity(site.client(service, network))
    plan = site.plan
    return overload(
        site.client(service, network, DEADLINE),
        capacity,
        DEADLINE,
        plan.requests,
        seconds=plan.fixed_seconds,
        quiet=plan.fixed_quiet,
        fixed=True,
    )


def tables(rows: Mapping[str, Row]) -> str:
    """A table a measure, median (every round), then the overloads, in Markdown."""
    texts = []
    for measure in MEASURES:
        lines = []
        for name, row in rows.items():
            found = [row.ratios[measure, load] for load in LOADS]
            cells = [f"{statistics.median(each):.2f} ({report.each(each)})" for each in found]
            lines.append((name, *cells))
        loads = [f"{network}, {clients} clients" for network, clients in LOADS]
        texts.append(report.table((f"{measure}, times by hand", *loads), lines))
    return "\n".join((*texts, _overload_table(rows)))


def _overload_table(rows: Mapping[str, Row]) -> str:
    figures: dict[str, Any] = {
        "in time / capacity": lambda found: found.goodput,
        "refusal p99 ms": lambda found: 1000 * found.refusal_p99_seconds,
        "longest gap s": lambda found: found.gap_seconds,
        "recovery s": lambda found: found.recovery_seconds,
    }
    headings = [f"{network}: {each}" for network in NETWORKS for each in figures]
    lines: list[Sequence[Any]] = []
    for name, row in rows.items():
        runs = [row.overloads[network] for network in NETWORKS]
        cells = [report.each([take(run) for run in of]) for of in runs for take in figures.values()]
        lines.append((name, *cells))
    return report.table(("twice the capacity, each run", *headings), lines)
