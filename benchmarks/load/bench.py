"""The experiments, and the figures that come of them. Knows services, clients and networks."""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import numpy as np

from benchmarks.load import closed, policies, report
from benchmarks.load.client import Client
from benchmarks.load.closed import CLIENTS, Turn, median, ratio
from benchmarks.load.corpus import rows, write_requests
from benchmarks.load.networks import LARGE, SMALL
from benchmarks.load.overload import latency_curve, overload
from benchmarks.load.services import Running, by_hand, running, unroll

UNROLL, TWO = "Unroll", "Unroll, 2 processes"
HAND, HAND_TWO, SILENT = "by hand", "by hand, 2 workers", "by hand, no access log"
FIFO = "first come, padded, 32"


@dataclass(frozen=True)
class Plan:
    """How much is measured. deadlines: seconds, those of an overload."""

    requests: int = 2000
    rounds: int = 5
    seconds: float = 4.0
    large_seconds: float = 8.0
    overload_seconds: float = 15.0
    curve_seconds: float = 8.0
    curve_shares: tuple[float, ...] = (0.2, 0.4, 0.6, 0.8, 0.9, 1.0, 1.2)
    policy_rows: int = 2000
    policy_seconds: float = 15.0
    deadlines: dict[str, float] = field(default_factory=lambda: {SMALL: 0.25, LARGE: 1.0})


class Bench:
    """Services are started when they are first asked for, and stay until `stack` ends."""

    def __init__(
        self,
        plan: Plan,
        folder: Path,
        models: Path,
        program: Path,
        requests: dict[str, list[bytes]],
        stack: ExitStack,
    ) -> None:
        self.plan = plan
        self.tables: list[str] = []
        self.curves_drawn: dict[str, dict[str, report.Curve]] = {}
        self._folder = folder
        self._models = models
        self._program = program
        self._stack = stack
        self._requests = requests
        self._rates: dict[str, float] = {}
        self._files = {}
        for network, bodies in requests.items():
            self._files[network] = write_requests(folder / f"{network}.requests", bodies)
            limit = round(1000 * plan.deadlines[network])
            header = f"X-Request-Timeout-Ms: {limit}\r\n\r\n".encode()
            limited = [each.replace(b"\r\n\r\n", b"\r\n" + header, 1) for each in bodies]
            self._files[f"{network}, limited"] = write_requests(
                folder / f"{network}-limited.requests", limited
            )
        self.service = cache(self._service)  # one of each

    def _service(self, name: str) -> Running:
        how, path = {
            UNROLL: (unroll(self._models), "/health/ready"),
            TWO: (unroll(self._models, workers=2), "/health/ready"),
            HAND: (by_hand(self._models), "/docs"),
            HAND_TWO: (by_hand(self._models, "--workers", "2"), "/docs"),
            SILENT: (by_hand(self._models, "--no-access-log"), "/docs"),
            FIFO: (by_hand(self._models, "--fifo", "32"), "/docs"),
        }[name]
        log = self._folder / f"{name.replace(' ', '-')}.log"
        return self._stack.enter_context(running(name, how, path, log))

    def unroll(self) -> Running:
        return self.service(UNROLL)

    def client(self, service: Running, network: str) -> Client:
        return Client(self._program, service.port, self._files[network])

    def capacity(self, client: Client) -> float:
        """Requests a second that 32 clients get, of a few seconds."""
        client.closed(CLIENTS, 1.0)
        seconds = self.plan.large_seconds
        answers = client.closed(CLIENTS, seconds).answered_between(0, seconds)
        return closed.rate(answers, seconds)

    def small(self) -> dict[str, Any]:
        """The small network: what a request costs beside it."""
        self._same_answers()
        turns = self._turns(SMALL, (UNROLL, TWO, HAND, HAND_TWO, SILENT), CLIENTS)
        one = self._turns(SMALL, (UNROLL, HAND), 1)
        self._rates[SMALL] = median(turns[UNROLL], "per_second")
        return {
            "small_c32_per_second": self._rates[SMALL],
            "small_c32_by_hand_per_second": median(turns[HAND], "per_second"),
            "small_c32_speedup_one_process": ratio(turns, UNROLL, HAND),
            "small_c32_speedup_two_processes": ratio(turns, TWO, HAND),
            "small_c32_speedup_two_against_two_workers": ratio(turns, TWO, HAND_TWO),
            "small_c32_speedup_without_access_log": ratio(turns, UNROLL, SILENT),
            "small_c32_cpu_ratio": ratio(turns, UNROLL, HAND, "cpu"),
            "small_c32_cpu_us": 1e6 * median(turns[UNROLL], "cpu"),
            "small_c32_by_hand_cpu_us": 1e6 * median(turns[HAND], "cpu"),
            "small_c1_latency_ratio": ratio(one, UNROLL, HAND, "p50"),
            "small_c1_p50_ms": 1000 * median(one[UNROLL], "p50"),
            "small_c1_p99_ratio": ratio(one, UNROLL, HAND, "p99"),
        }

    def large(self) -> dict[str, Any]:
        """The large network: who shares a batch."""
        before = self._steps()
        turns = self._turns(LARGE, (UNROLL, HAND, HAND_TWO, FIFO), CLIENTS)
        steps, padded = np.subtract(self._steps(), before)
        one = self._turns(LARGE, (UNROLL, HAND), 1)
        self._rates[LARGE] = median(turns[UNROLL], "per_second")
        known = [np.array(each, np.int64) for each in rows(self.plan.policy_rows)]
        best = policies.offline_best(self._models / LARGE / "1", known)
        return {
            "large_c32_per_second": self._rates[LARGE],
            "large_c32_by_hand_per_second": median(turns[HAND], "per_second"),
            "large_c32_speedup_vs_by_hand": ratio(turns, UNROLL, HAND),
            "large_c32_speedup_vs_by_hand_two_workers": ratio(turns, UNROLL, HAND_TWO),
            "large_c32_speedup_vs_fifo32": ratio(turns, UNROLL, FIFO),
            "large_c32_p99_ms": 1000 * median(turns[UNROLL], "p99"),
            "large_c32_p99_ratio": ratio(turns, UNROLL, HAND, "p99"),
            "large_c1_latency_ratio": ratio(one, UNROLL, HAND, "p50"),
            "large_useful_step_share": 1 - padded / steps,
            "large_offline_best_per_second": best,
            "large_share_of_offline_best": self._rates[LARGE] / best,
        }

    def overload(self) -> dict[str, Any]:
        """Twice the capacity of each network, offered to Unroll and to what is written by hand."""
        facts: dict[str, Any] = {}
        lines, refusals, recoveries = [], [], []
        for network, deadline in self.plan.deadlines.items():
            for name in (UNROLL, HAND):
                service = self.service(name)
                capacity = self.capacity(self.client(service, network))
                client = self.client(service, f"{network}, limited")
                found = overload(
                    client,
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
        self.tables.append(report.table((*headings, "refusal p99 ms", "recovery s"), lines))
        return facts

    def curves(self) -> dict[str, Any]:
        """Latency against offered load, in shares of Unroll's capacity."""
        for network, names in ((SMALL, (UNROLL, TWO, HAND)), (LARGE, (UNROLL, HAND_TWO, FIFO))):
            if network not in self._rates:
                self._rates[network] = self.capacity(self.client(self.unroll(), network))
            rates = [share * self._rates[network] for share in self.plan.curve_shares]
            patience = 4 * self.plan.deadlines[network]
            self.curves_drawn[network] = {
                name: latency_curve(
                    self.client(self.service(name), network),
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
        folder = self._models / LARGE / "1"
        best, found = policies.compare(folder, self.plan.policy_rows, self.plan.policy_seconds)
        lines: list[tuple[Any, ...]] = [("offline best", best, 1.0, None, None, None)]
        for each in found:
            share, useful = each.rows_per_second / best, each.useful
            times = 1000 * each.p50, 1000 * each.p99
            lines.append((each.name, each.rows_per_second, share, useful, *times))
        headings = ("without HTTP", "rows/s", "of the best", "useful steps")
        paced = f"ms at {policies.LOAD:g} of the best"
        self.tables.append(report.table((*headings, f"p50 {paced}", f"p99 {paced}"), lines))
        return {
            "policy_share_of_offline_best": found[-1].rows_per_second / best,
            "policy_useful_step_share": found[-1].useful,
            "policy_p99_ms": 1000 * found[-1].p99,
        }

    def _turns(self, network: str, names: Sequence[str], clients: int) -> dict[str, list[Turn]]:
        services = [self.service(name) for name in names]
        pairs = [(each, self.client(each, network)) for each in services]
        for _, client in pairs:
            client.closed(clients, 1.0)  # warm
        seconds = self.plan.seconds if network == SMALL else self.plan.large_seconds
        turns = closed.rounds(pairs, clients, seconds, self.plan.rounds)
        lines = []
        for name, each in turns.items():
            speed = median(each, "per_second"), ratio(turns, name, HAND)
            times = 1000 * median(each, "p50"), 1000 * median(each, "p99")
            lines.append((name, *speed, 1e6 * median(each, "cpu"), *times))
        headings = (f"{network} network, {clients} clients", "requests/s", "against by hand")
        self.tables.append(report.table((*headings, "CPU us", "p50 ms", "p99 ms"), lines))
        return turns

    def _steps(self) -> tuple[float, float]:
        """(steps computed, those of padding) by the large network so far."""
        page = httpx.get(f"http://127.0.0.1:{self.unroll().port}/metrics").text
        found = {
            line.partition("{")[0]: float(line.rpartition(" ")[2])
            for line in page.splitlines()
            if 'model="large"' in line
        }
        return found["unroll_steps_total"], found.get("unroll_padded_steps_total", 0.0)

    def _same_answers(self) -> None:
        """Whoever is compared must say the same. Raises AssertionError."""
        for bodies in self._requests.values():
            head, _, content = bodies[0].partition(b"\r\n\r\n")
            path = head.split(b" ")[1].decode()
            headers = {"Content-Type": "application/json"}
            answers = []
            for name in (UNROLL, HAND, FIFO):
                url = f"http://127.0.0.1:{self.service(name).port}{path}"
                answers.append(httpx.post(url, content=content, headers=headers).json())
            flat = [sorted(_leaves(each)) for each in answers]
            for other in flat[1:]:
                assert [place for place, _ in other] == [place for place, _ in flat[0]]
                for (place, mine), (_, its) in zip(flat[0], other, strict=True):
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
