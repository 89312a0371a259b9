"""What the queue accepts when too much is asked, without HTTP: a simulation with measured costs.

    python -m benchmarks.overload_policy [--small] [--factor 2] [--slow 1]

Knows the classes that serve, and time that is simulated. Rows come at `factor` times the capacity,
each with a deadline; batches take up to 1.4 times what they should, and `slow` times that, which
nobody has told the queue.
"""

import argparse
import heapq
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from app.errors import QueueFull
from app.serving.scheduling.batches import batch_of
from app.serving.scheduling.entry import Entry
from app.serving.scheduling.queue import Queue
from app.serving.scheduling.queue_metrics import QueueMetrics
from benchmarks.policies import SERVERS, Cost, Ours, Row, closed, lengths, measured, network

_SIZE: Final = 8


class Clock:
    """A moment that is set."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@dataclass(frozen=True)
class Outcome:
    """goodput: answered in time, over what can be answered; length: mean of what was accepted."""

    capacity: float
    goodput: float
    late: int
    refused: int
    p99_seconds: float
    length: float


def overload(
    cost: Cost, deadline: float, factor: float, seconds: float, slow: float, seed: int = 7
) -> Outcome:
    """Two servers, `factor` times as many rows as they could answer."""
    rows, rng, clock = lengths(4000, seed), np.random.default_rng(seed), Clock()
    table = Ours(_SIZE, cost).table
    queue = Queue[Row, Any](
        QueueMetrics("simulated", "1", workers=SERVERS, queue_limit=100_000),
        max_entries=100_000,
        workers=SERVERS,
        look_ahead=8 * _SIZE,
        batch_size=_SIZE,
        work_of=lambda row: table.share(row.length),
        clock=clock,
    )

    def choose(window: Sequence[Entry[Row, Any]]) -> list[int]:
        return batch_of(window, table.seconds, _SIZE, 10**9)

    capacity = closed(Ours(_SIZE, cost), rows, cost).rate / slow
    count = int(seconds * capacity * factor)
    arrivals = np.cumsum(rng.exponential(1 / (capacity * factor), count))
    events: list[tuple[float, int, tuple[int, list[Entry[Row, Any]], float] | None]] = [
        (float(at), number, None) for number, at in enumerate(arrivals)
    ]
    idle, took, accepted = set(range(SERVERS)), [], []
    refused = in_time = 0
    while events:
        clock.now, number, work = heapq.heappop(events)
        if work is None:
            row = Row(rows[number % len(rows)])
            try:
                queue.submit_many([row], deadline=clock.now + deadline)
                accepted.append(row.length)
            except QueueFull:
                refused += 1
        else:
            server, batch, began = work
            queue.done(server, sum(entry.seconds for entry in batch), clock.now - began)
            idle.add(server)
            took += [clock.now - entry.arrived for entry in batch]
            in_time += sum(not entry.expired(clock.now) for entry in batch)
        while idle and (taken := queue.take(choose, wait=False, worker=min(idle))):
            longest = max(entry.length for entry in taken)
            spent = cost(longest, len(taken))
            table.note(longest, len(taken), spent)
            count += 1
            end = clock.now + spent * slow * float(rng.uniform(1.0, 1.4))
            heapq.heappush(events, (end, count, (min(idle), taken, clock.now)))
            idle.discard(min(idle))
    return Outcome(
        capacity=capacity,
        goodput=in_time / (capacity * seconds),
        late=len(accepted) - in_time,
        refused=refused,
        p99_seconds=float(np.percentile(took, 99)),
        length=float(np.mean(accepted)),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--factor", type=float, default=2.0)
    parser.add_argument("--slow", type=float, default=1.0)
    parser.add_argument("--small", action="store_true", help="LSTM(40) instead of 2 x BiLSTM(256)")
    options = parser.parse_args()
    cost = measured(network(40, 1, 1) if options.small else network(256, 2, 2))
    deadline, seconds = (0.25, 0.5) if options.small else (1.0, 6.0)
    print(overload(cost, deadline, options.factor, seconds, options.slow))


if __name__ == "__main__":
    main()
