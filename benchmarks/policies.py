"""Ways to form batches, without HTTP and without waiting: a simulation with measured costs.

    python -m benchmarks.policies [--small] [--rows 4000] [--seed 5]

Knows networks with random weights and rows of lengths like sentences'. What batches cost is
measured on this machine, in seconds of processor, so other work on it does not count; then time is
simulated, and every policy gets the same arrivals. `ours` are the classes that serve: `FairQueue`,
`CostTable`, `batch_of`, `WaitEstimate`. The offline best knows all rows and sorts them.
"""

import argparse
import heapq
import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from app.serving.runtime.session import Session
from app.serving.scheduling.batches import batch_of
from app.serving.scheduling.cost_table import CostTable
from app.serving.scheduling.costs import timed
from app.serving.scheduling.entry import Entry
from app.serving.scheduling.fair_queue import FairQueue
from app.serving.task import ExampleDefaults

SERVERS: Final = 2
ROWS: Final = (1, 2, 3, 4, 6, 8, 12, 16, 32)
LENGTHS: Final = (1, 4, 8, 16, 32, 64, 128, 256)
MEDIAN, SIGMA, LONGEST = 26, 0.8, 256
CLIENTS: Final = 32
INPUTS: Final = 128

Cost = Callable[[int, int], float]


@dataclass(frozen=True)
class Row(ExampleDefaults):
    """What a scheduler sees of an input."""

    length: int


@dataclass(frozen=True)
class Result:
    """rate: rows a second; useful: steps that are not padding; p50, p99: seconds from arrival."""

    rate: float
    useful: float
    p50: float
    p99: float
    mean_rows: float


def network(hidden: int, layers: int, directions: int) -> bytes:
    """ONNX: steps (time, batch, inputs), lengths (batch) -> the last layer's states."""
    rng = np.random.default_rng(0)
    nodes, constants = [], {"joined": np.array([0, 0, directions * hidden], np.int64)}
    for layer in range(layers):
        inputs = INPUTS if layer == 0 else directions * hidden
        shapes = {"W": (4 * hidden, inputs), "R": (4 * hidden, hidden), "B": (8 * hidden,)}
        for name, shape in shapes.items():
            values = rng.uniform(-0.1, 0.1, (directions, *shape))
            constants[f"{name}{layer}"] = values.astype(np.float32)
        nodes += [
            helper.make_node(
                "LSTM",
                [f"steps{layer}", *(f"{name}{layer}" for name in shapes), "lengths"],
                [f"states{layer}"],  # (time, directions, batch, hidden)
                hidden_size=hidden,
                direction="bidirectional" if directions == 2 else "forward",
            ),
            helper.make_node("Transpose", [f"states{layer}"], [f"t{layer}"], perm=[0, 2, 1, 3]),
            helper.make_node("Reshape", [f"t{layer}", "joined"], [f"steps{layer + 1}"]),
        ]
    graph = helper.make_graph(
        nodes,
        "policies",
        [
            helper.make_tensor_value_info("steps0", TensorProto.FLOAT, ["time", "batch", INPUTS]),
            helper.make_tensor_value_info("lengths", TensorProto.INT32, ["batch"]),
        ],
        [
            helper.make_tensor_value_info(
                f"steps{layers}", TensorProto.FLOAT, ["time", "batch", directions * hidden]
            )
        ],
        [numpy_helper.from_array(array, name) for name, array in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


def measured(graph: bytes, repeats: int = 5) -> Cost:
    """What batches of (longest, rows) cost, interpolated between those that were measured."""
    session = Session(graph)
    grid = np.empty((len(LENGTHS), len(ROWS)))
    for i, length in enumerate(LENGTHS):
        for j, rows in enumerate(ROWS):
            feeds = {
                "steps0": np.zeros((length, rows, INPUTS), np.float32),
                "lengths": np.full(rows, length, np.int32),
            }
            runs = [timed(lambda feeds=feeds: session.run(feeds))[2] for _ in range(repeats + 1)]  # type: ignore[misc]
            grid[i, j] = min(runs[1:])
    return interpolated(grid)


def interpolated(grid: NDArray[np.float64]) -> Cost:
    """grid (LENGTHS, ROWS) -> seconds of any batch within it."""

    def seconds(length: int, rows: int) -> float:
        column = [float(np.interp(rows, ROWS, line)) for line in grid]
        return float(np.interp(length, LENGTHS, column))

    return seconds


def lengths(count: int, seed: int) -> list[int]:
    """Steps of sentences: lognormal."""
    drawn = np.random.default_rng(seed).lognormal(math.log(MEDIAN), SIGMA, count)
    return [int(each) for each in np.clip(np.rint(drawn), 1, LONGEST)]


def offline_best(rows: Sequence[int], cost: Cost, size: int = 8, servers: int = SERVERS) -> float:
    """Rows a second when all are known: sorted, `size` a batch, the longest batches first."""
    ordered = sorted(rows, reverse=True)
    free = [0.0] * servers
    for at in range(0, len(ordered), size):
        batch = ordered[at : at + size]
        heapq.heapreplace(free, free[0] + cost(batch[0], len(batch)))
    return len(rows) / max(free)


class Policy:
    """A queue in the simulation: takes rows, gives batches."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.waiting: list[Entry[Row, Any]] = []

    def add(self, entry: Entry[Row, Any]) -> None:
        self.waiting.append(entry)

    def take(self) -> list[Entry[Row, Any]]:
        """First come, first served."""
        batch, self.waiting = self.waiting[: self.size], self.waiting[self.size :]
        return batch

    def note(self, length: int, rows: int, seconds: float) -> None:
        """A batch took so long."""


class Ours(Policy):
    """The classes that serve, taught as a version is when it loads: by a few examples."""

    def __init__(self, size: int, cost: Cost, look_ahead: int = 8) -> None:
        super().__init__(size)
        self._look_ahead = look_ahead * size
        self.queue = FairQueue[Row, Any]()
        self.table = CostTable(size)
        knots = [1 << power for power in range(size.bit_length())]
        self.table.fill({(n, rows): cost(n, rows) for n in (10, 60) for rows in knots})

    def add(self, entry: Entry[Row, Any]) -> None:
        entry.seconds = self.table.share(entry.length)
        self.queue.add([entry])

    def take(self) -> list[Entry[Row, Any]]:
        window = self.queue.first(self._look_ahead)
        if not window:
            return []
        return self.queue.take(batch_of(window, self.table.seconds, self.size, 10**9))

    def note(self, length: int, rows: int, seconds: float) -> None:
        self.table.note(length, rows, seconds)


def closed(
    policy: Policy,
    rows: Sequence[int],
    cost: Cost,
    clients: int = CLIENTS,
    servers: int = SERVERS,
) -> Result:
    """Every client asks again as soon as it is answered."""
    left = iter(rows)
    return _simulate(policy, [0.0] * clients, left, cost, servers, again=True)


def open_loop(
    policy: Policy,
    rows: Sequence[int],
    arrivals: Sequence[float],
    cost: Cost,
    servers: int = SERVERS,
) -> Result:
    """Rows come when they come."""
    return _simulate(policy, arrivals, iter(rows), cost, servers, again=False)


def _simulate(
    policy: Policy,
    arrivals: Sequence[float],
    rows: Any,
    cost: Cost,
    servers: int,
    *,
    again: bool,
) -> Result:
    events: list[tuple[float, int, int, list[Entry[Row, Any]]]] = []
    for number, at in enumerate(arrivals):
        heapq.heappush(events, (at, 0, number, []))
    idle, number = servers, len(arrivals)
    took: list[float] = []
    sizes: list[int] = []
    steps = useful = 0
    now = 0.0
    while events:
        now, kind, _, batch = heapq.heappop(events)
        if kind:
            idle += 1
            took += [now - entry.arrived for entry in batch]
        for _ in range(len(batch) if again else 0) if kind else range(1):
            length = next(rows, None)
            if length is not None:
                policy.add(Entry(Row(length), None, now))
        if events and events[0][0] == now:  # whoever comes at the same moment is seen
            continue
        while idle and (taken := policy.take()):
            idle -= 1
            longest = max(entry.length for entry in taken)
            seconds = cost(longest, len(taken))
            policy.note(longest, len(taken), seconds)
            steps += longest * len(taken)
            useful += sum(entry.length for entry in taken)
            sizes.append(len(taken))
            number += 1
            heapq.heappush(events, (now + seconds, 1, number, taken))
    p50, p99 = np.percentile(took, [50, 99])
    return Result(len(took) / now, useful / steps, float(p50), float(p99), float(np.mean(sizes)))


def policies(cost: Cost) -> dict[str, Callable[[], Policy]]:
    """By name; each call makes an empty one."""
    return {
        "one by one": lambda: Policy(1),
        "first come, 8": lambda: Policy(8),
        "first come, 32": lambda: Policy(32),
        "ours": lambda: Ours(8, cost),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=4000)
    parser.add_argument("--seed", type=int, default=5)
    parser.add_argument("--load", type=float, default=0.7, help="share of the offline best")
    parser.add_argument("--threads", type=int, default=SERVERS, help="that compute")
    parser.add_argument("--clients", type=int, default=CLIENTS, help="that ask again and again")
    parser.add_argument("--small", action="store_true", help="LSTM(40) instead of 2 x BiLSTM(256)")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    cost = measured(network(40, 1, 1) if options.small else network(256, 2, 2))
    rows = lengths(options.rows, options.seed)
    best = offline_best(rows, cost, servers=options.threads)
    gaps = np.random.default_rng(options.seed + 1).exponential(1 / (options.load * best), len(rows))
    arrivals = np.cumsum(gaps).tolist()
    found = {}
    for name, make in policies(cost).items():
        busy = closed(make(), rows, cost, options.clients, options.threads)
        calm = open_loop(make(), rows, arrivals, cost, options.threads)
        found[name] = {
            "rows_per_second": round(busy.rate, 1),
            "share_of_offline_best": round(busy.rate / best, 3),
            "useful_steps": round(busy.useful, 3),
            "rows_per_batch": round(busy.mean_rows, 2),
            "p99_ms_closed": round(1000 * busy.p99, 1),
            "p50_ms_at_load": round(1000 * calm.p50, 1),
            "p99_ms_at_load": round(1000 * calm.p99, 1),
        }
    if options.json:
        print(json.dumps({"offline_best": round(best, 1), "load": options.load, **found}, indent=1))
        return
    print(f"offline best {best:.0f} rows/s on {options.threads} threads; load {options.load:.0%}")
    for name, figures in found.items():
        print(f"{name:15}", "  ".join(f"{key} {value}" for key, value in figures.items()))


if __name__ == "__main__":
    main()
