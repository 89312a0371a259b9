"""Unroll beside several services by hand, and the figures of it. Knows services, clients, networks.

The rows against the fastest of those are in aims.py.
"""

from collections.abc import Sequence
from typing import Any

import httpx
import numpy as np

from benchmarks.load import closed, policies, report
from benchmarks.load.closed import CLIENTS, Turn, median, ratio
from benchmarks.load.corpus import rows
from benchmarks.load.networks import LARGE, SMALL
from benchmarks.load.overload import latency_curve, overload
from benchmarks.load.site import FIFO, HAND, HAND_TWO, TWO, UNROLL, Site


class Bench:
    """The experiments that compare Unroll with several services by hand."""

    def __init__(self, site: Site) -> None:
        self.plan = site.plan
        self.curves_drawn: dict[str, dict[str, report.Curve]] = {}
        self._site = site

    def small(self) -> dict[str, Any]:
        """The small network: what a request costs beside it."""
        self._site.same_answers()
        turns = self._turns(SMALL, (UNROLL, TWO, HAND, HAND_TWO), CLIENTS)
        per_second = median(turns[UNROLL], "per_second")
        self._site.keep_rate(SMALL, per_second)
        return {
            "small_c32_per_second": per_second,
            "small_c32_by_hand_per_second": median(turns[HAND], "per_second"),
            "small_c32_speedup_one_process": ratio(turns, UNROLL, HAND),
            "small_c32_speedup_two_processes": ratio(turns, TWO, HAND),
            "small_c32_speedup_two_against_two_workers": ratio(turns, TWO, HAND_TWO),
            "small_c32_cpu_ratio": ratio(turns, UNROLL, HAND, "cpu"),
            "small_c32_cpu_us": 1e6 * median(turns[UNROLL], "cpu"),
            "small_c32_by_hand_cpu_us": 1e6 * median(turns[HAND], "cpu"),
        }

    def large(self) -> dict[str, Any]:
        """The large network: who shares a batch."""
        before = self._steps()
        turns = self._turns(LARGE, (UNROLL, HAND, HAND_TWO, FIFO), CLIENTS)
        steps, padded = np.subtract(self._steps(), before)
        per_second = median(turns[UNROLL], "per_second")
        self._site.keep_rate(LARGE, per_second)
        known = [np.array(each, np.int64) for each in rows(self.plan.policy_rows)]
        best = policies.offline_best(self._site.models / LARGE / "1", known)
        return {
            "large_c32_per_second": per_second,
            "large_c32_by_hand_per_second": median(turns[HAND], "per_second"),
            "large_c32_speedup_vs_by_hand": ratio(turns, UNROLL, HAND),
            "large_c32_speedup_vs_by_hand_two_workers": ratio(turns, UNROLL, HAND_TWO),
            "large_c32_speedup_vs_fifo32": ratio(turns, UNROLL, FIFO),
            "large_c32_p99_ms": 1000 * median(turns[UNROLL], "p99"),
            "large_c32_p99_ratio": ratio(turns, UNROLL, HAND, "p99"),
            "large_useful_step_share": 1 - padded / steps,
            "large_offline_best_per_second": best,
            "large_share_of_offline_best": per_second / best,
        }

    def overload(self) -> dict[str, Any]:
        """Twice the capacity of each network, offered to Unroll and to what is written by hand."""
        facts: dict[str, Any] = {}
        lines, refusals, recoveries = [], [], []
        for network, deadline in self.plan.deadlines.items():
            for name in (UNROLL, HAND):
                service = self._site.service(name)
                capacity = self._site.capacity(self._site.client(service, network))
                found = overload(
                    self._site.client(service, network, deadline),
                    capacity,
                    deadline,
                    self.plan.requests,
                    seconds=self.plan.overload_seconds,
                )
                refused = 1000 * found.refusal_p99_seconds
                suffix = network if name == UNROLL else f"{network}_by_hand"
                facts[f"overload_goodput_{suffix}"] = found.goodput
                facts[f"overload_capacity_{suffix}"] = capacity
                facts[f"overload_recovery_{suffix}_s"] = found.recovery_seconds
                counts = found.goodput, found.refused, found.late
                lines.append((f"{network}, {name}", *counts, refused, found.recovery_seconds))
                if name == UNROLL:
                    refusals += [refused] if found.refused else []
                    recoveries.append(found.recovery_seconds)
        facts["overload_refusal_p99_ms"] = max(refusals, default=None)
        facts["overload_recovery_s"] = max(recoveries)
        headings = ("twice the capacity", "in time / capacity", "refused", "late or lost")
        self._site.tables.append(report.table((*headings, "refusal p99 ms", "recovery s"), lines))
        return facts

    def curves(self) -> dict[str, Any]:
        """Latency against offered load, in shares of Unroll's capacity."""
        for network, names in ((SMALL, (UNROLL, TWO, HAND)), (LARGE, (UNROLL, HAND_TWO, FIFO))):
            rates = [share * self._site.rate(network) for share in self.plan.curve_shares]
            patience = 4 * self.plan.deadlines[network]
            self.curves_drawn[network] = {
                name: latency_curve(
                    self._site.client(self._site.service(name), network),
                    rates,
                    self.plan.requests,
                    self.plan.curve_seconds,
                    patience,
                )
                for name in names
            }
        return {}

    def policies(self) -> dict[str, Any]:
        """Ways to form batches, without HTTP."""
        folder = self._site.models / LARGE / "1"
        best, found = policies.compare(folder, self.plan.policy_rows, self.plan.policy_seconds)
        lines: list[tuple[Any, ...]] = [("offline best", best, 1.0, None, None, None)]
        for each in found:
            share, useful = each.rows_per_second / best, each.useful
            times = 1000 * each.p50, 1000 * each.p99
            lines.append((each.name, each.rows_per_second, share, useful, *times))
        headings = ("without HTTP", "rows/s", "of the best", "useful steps")
        paced = f"ms at {policies.LOAD:g} of the best"
        self._site.tables.append(report.table((*headings, f"p50 {paced}", f"p99 {paced}"), lines))
        return {
            "policy_share_of_offline_best": found[-1].rows_per_second / best,
            "policy_useful_step_share": found[-1].useful,
            "policy_p99_ms": 1000 * found[-1].p99,
        }

    def _turns(self, network: str, names: Sequence[str], clients: int) -> dict[str, list[Turn]]:
        services = [self._site.service(name) for name in names]
        pairs = [(each, self._site.client(each, network)) for each in services]
        closed.warm(pairs, clients)
        turns = closed.rounds(pairs, clients, self.plan.turn(network), self.plan.rounds)
        lines = []
        for name, each in turns.items():
            speed = median(each, "per_second"), ratio(turns, name, HAND)
            times = 1000 * median(each, "p50"), 1000 * median(each, "p99")
            lines.append((name, *speed, 1e6 * median(each, "cpu"), *times))
        headings = (f"{network} network, {clients} clients", "requests/s", "against by hand")
        self._site.tables.append(report.table((*headings, "CPU us", "p50 ms", "p99 ms"), lines))
        return turns

    def _steps(self) -> tuple[float, float]:
        """(steps computed, those of padding) by the large network so far."""
        page = httpx.get(f"http://127.0.0.1:{self._site.unroll().port}/metrics").text
        found = {
            line.partition("{")[0]: float(line.rpartition(" ")[2])
            for line in page.splitlines()
            if 'model="large"' in line
        }
        return found["unroll_steps_total"], found.get("unroll_padded_steps_total", 0.0)
