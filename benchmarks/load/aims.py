"""Unroll against the fastest FastAPI by hand, and under loads that go wrong in some runs only.

By hand: no access log, the small network's row as a single list. Ours: the Open Inference Protocol
as JSON for the small network, text for the large one, everything on. But for the first, every load
comes over a fixed set of a thousand connections. Knows services, clients and networks.
"""

import statistics
from typing import Any, Final

from benchmarks.load import closed, report
from benchmarks.load.closed import CLIENTS, median, ratios
from benchmarks.load.disturbances import HOPELESS, flooded, stalled, steady
from benchmarks.load.networks import LARGE, SMALL
from benchmarks.load.overload import HEADINGS, Overload, overload
from benchmarks.load.site import SILENT, TWO, UNROLL, Site

STEADY: Final = 0.8  # of capacity
DEADLINE: Final = 1.0  # seconds, where the deadline is not what is varied
NETWORKS: Final = (SMALL, LARGE)


class Aims:
    """The experiments whose figures have a mark to reach."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._plan = site.plan

    def baseline(self) -> dict[str, Any]:
        """One client and 32, ours and by hand one right after the other in each round."""
        site, facts, lines = self._site, dict[str, Any](), []
        site.same_answers()
        for network in NETWORKS:
            ours = site.unroll(), site.client(site.unroll(), network)
            pair = [ours, site.baseline(network)]
            for clients in (1, CLIENTS):
                closed.warm(pair, clients)
                turns = closed.rounds(pair, clients, self._plan.turn(network), self._plan.rounds)
                speeds = ratios(turns, UNROLL, SILENT)
                times = ratios(turns, UNROLL, SILENT, "p50")
                facts[f"baseline_{network}_c{clients}_speedup"] = statistics.median(speeds)
                facts[f"baseline_{network}_c{clients}_p50_ratio"] = statistics.median(times)
                lines.append(
                    (
                        f"{network}, {clients} clients",
                        median(turns[UNROLL], "per_second"),
                        median(turns[SILENT], "per_second"),
                        statistics.median(speeds),
                        report.each(speeds),
                        1000 * median(turns[UNROLL], "p50"),
                        1000 * median(turns[SILENT], "p50"),
                        statistics.median(times),
                        report.each(times),
                    )
                )
        counts = "ours/s", "by hand/s", "ratio", "each round"
        columns = (*counts, "p50 ms", "by hand", "ratio", "each round")
        site.tables.append(report.table(("by hand without a log, one list", *columns), lines))
        return facts

    def steady(self) -> dict[str, Any]:
        """STEADY of capacity: who is refused, and the slowest beside the median at half load."""
        site, facts, lines = self._site, dict[str, Any](), []
        for network in NETWORKS:
            service, over = site.unroll(), []
            client = site.client(service, network, DEADLINE)
            most = 0.0
            for _ in range(self._plan.fixed_rounds):
                capacity = site.capacity(site.client(service, network))
                how = DEADLINE, self._plan.requests, self._plan.fixed_seconds
                half = steady(client, 0.5 * capacity, *how)
                full = steady(client, STEADY * capacity, *how)
                over.append(full.p99 / half.p50)
                most = max(most, full.refused)
                times = 1000 * half.p50, 1000 * full.p50, 1000 * full.p99
                lines.append((network, capacity, full.refused, full.late, *times, over[-1]))
            facts[f"steady_{network}_refused_share"] = most
            facts[f"steady_{network}_p99_over_p50"] = statistics.median(over)
        times_of = "p50 ms at 0.5", f"p50 ms at {STEADY:g}", f"p99 ms at {STEADY:g}"
        headings = (f"{STEADY:g} of capacity", "capacity", "refused", "late or lost", *times_of)
        site.tables.append(report.table((*headings, "p99 / p50 at 0.5"), lines))
        return facts

    def fixed(self) -> dict[str, Any]:
        """Twice the capacity, by processes and deadlines; several runs, since some differ."""
        facts: dict[str, Any] = {}
        lines: list[tuple[Any, ...]] = []
        every: list[Overload] = []
        for network in NETWORKS:
            for name, suffix in ((UNROLL, ""), (TWO, "_two_processes")):
                for deadline in self._plan.fixed_deadlines[network]:
                    for _ in range(self._plan.fixed_rounds):
                        capacity, found = self._overloaded(network, name, deadline)
                        key = f"fixed_{network}{suffix}_goodput"
                        facts[key] = min(found.goodput, facts.get(key, found.goodput))
                        every.append(found)
                        what = f"{network}, {name}, {deadline:g} s"
                        lines.append((what, capacity, *found.cells()))
        refusals = [1000 * each.refusal_p99_seconds for each in every if each.refused]
        facts["fixed_refusal_p99_ms"] = max(refusals, default=None)
        facts["fixed_gap_s"] = max(each.gap_seconds for each in every)
        facts["fixed_recovery_s"] = max(each.recovery_seconds for each in every)
        headings = ("twice the capacity, 1,000 connections", "capacity", *HEADINGS)
        self._site.tables.append(report.table(headings, lines))
        return facts

    def _overloaded(self, network: str, name: str, deadline: float) -> tuple[float, Overload]:
        """(capacity a second, what came of twice as much), measured one after the other."""
        site, service = self._site, self._site.service(name)
        clients = CLIENTS * (2 if name == TWO else 1)
        capacity = site.capacity(site.client(service, network), clients)
        return capacity, overload(
            site.client(service, network, deadline),
            capacity,
            deadline,
            self._plan.requests,
            seconds=self._plan.fixed_seconds,
            quiet=self._plan.fixed_quiet,
            fixed=True,
        )

    def deadlines(self) -> dict[str, Any]:
        """A client that floods with deadlines of a millisecond, beside normal ones."""
        site, facts, lines = self._site, dict[str, Any](), []
        for network in NETWORKS:
            service = site.unroll()
            normal = site.client(service, network, DEADLINE)
            hopeless = site.client(service, network, HOPELESS)
            for _ in range(self._plan.fixed_rounds):
                capacity = site.capacity(site.client(service, network))
                how = DEADLINE, self._plan.requests, self._plan.fixed_seconds
                found = flooded(normal, hopeless, capacity, *how)
                beside, key = found.beside, f"short_deadlines_{network}_refused_share"
                facts[key] = max(beside.refused, facts.get(key, 0.0))
                p99 = 1000 * found.before.p99, 1000 * beside.p99
                flood = ", ".join(f"{rate:.0f} x {status}" for status, rate in found.flood.items())
                shares = found.before.refused, beside.refused, beside.late
                lines.append((network, *shares, *p99, flood))
        columns = (
            "refused before",
            "refused",
            "late or lost",
            "p99 ms before",
            "p99 ms",
            "flood, 1/s",
        )
        site.tables.append(report.table(("beside deadlines of 1 ms", *columns), lines))
        return facts

    def stall(self) -> dict[str, Any]:
        """The service stands still for a moment at half load: who is refused afterwards."""
        site, facts, lines = self._site, dict[str, Any](), []
        facts["stall_recovery_s"] = 0.0
        for network in NETWORKS:
            service = site.unroll()
            client = site.client(service, network, DEADLINE)
            for _ in range(self._plan.fixed_rounds):
                capacity = site.capacity(site.client(service, network))
                how = DEADLINE, self._plan.requests, self._plan.fixed_quiet
                found = stalled(service, client, capacity, *how)
                share, key = found.refused / found.asked, f"stall_{network}_refused_share"
                facts[key] = max(share, facts.get(key, 0.0))
                recovered = found.recovery_seconds
                facts["stall_recovery_s"] = max(recovered, facts["stall_recovery_s"])
                lines.append((network, found.asked, found.refused, found.late, recovered))
        headings = ("300 ms of standing still", "due", "refused", "late or lost", "recovery s")
        site.tables.append(report.table(headings, lines))
        return facts
