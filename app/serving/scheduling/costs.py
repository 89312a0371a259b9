"""What batches of one model cost. Knows seconds; not what is computed.

One table for the task and one for each graph that is asked by tensors. They are filled while a
version loads, refined by the batches that are served, and answer three questions: what a batch
would take, how much work an example adds to a queue, and whether an example is cheap enough to be
computed inline.
"""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeAlias, TypeVar

from app.serving.runtime.throttle import Throttle, no_throttle
from app.serving.scheduling.cost_table import CostTable
from app.serving.task import Example

R = TypeVar("R")
Predict: TypeAlias = Callable[[Sequence[Any]], Sequence[Any]]
Timed: TypeAlias = Callable[[Callable[[], Sequence[Any]]], tuple[Sequence[Any], float, float]]

# For one version; all shipped models together must be ready within seconds.
_BUDGET_SECONDS: Final = 0.04


class Costs:
    """The cost tables of one model, by graph; None is the task itself. Thread-safe.

    A graph that was never computed is not cheap, so its first example runs in a worker's thread.
    """

    def __init__(self, max_rows: int = 8) -> None:
        self._max_rows = max_rows
        self._tables: dict[str | None, CostTable] = {}
        self._lock = threading.Lock()  # held to change a table; reading meanwhile is harmless

    def table(self, graph: str | None) -> CostTable:
        """The table of a graph."""
        table = self._tables.get(graph)
        return table or self._tables.setdefault(graph, CostTable(self._max_rows))

    def note(self, examples: Sequence[Example], seconds: float) -> None:
        """A batch took so long, as `timed` measures it. Never empty."""
        with self._lock:
            longest = max(example.length for example in examples)
            self.table(examples[0].graph).note(longest, len(examples), seconds)

    def is_cheap(self, graph: str | None, length: int, *, idle: bool = False) -> bool:
        """Whether one row takes less time than waking a worker and waiting for it.

        `idle`: whether it takes no more than anybody minds while there is nothing else to do.
        """
        table = self.table(graph)
        return length <= (table.short_length if idle else table.cheap_length)

    def share(self, example: Example) -> float:
        """Seconds of a worker that an example adds to a queue."""
        return self.table(example.graph).share(example.length)

    def fill(self, graph: str | None, points: Mapping[tuple[int, int], float]) -> None:
        """Set a graph's table from what batches took, by (longest length, rows)."""
        with self._lock:
            self.table(graph).fill(points)


def timed(compute: Callable[[], R]) -> tuple[R, float, float]:
    """(the result, the seconds it took, its cost in seconds).

    The cost is the CPU time of this thread: on a busy machine a batch takes longer but does not
    cost more. If another device computes while this thread waits, the cost is the whole time.
    """
    start, used = time.monotonic(), time.thread_time()
    result = compute()
    used, seconds = time.thread_time() - used, time.monotonic() - start
    return result, seconds, used if used >= seconds / 10 else seconds


class Measured:
    """Computes as `predict` does, and remembers the smallest cost of each kind of batch.

    points: seconds by (longest length, rows). The first batch, which is slower, does not count.
    """

    def __init__(self, predict: Predict, timed: Timed = timed) -> None:
        self._predict = predict
        self._timed = timed
        self._warm = False
        self.points: dict[tuple[int, int], float] = {}

    def __call__(self, examples: Sequence[Any]) -> Sequence[Any]:
        predictions, _, cost = self._timed(lambda: self._predict(examples))
        if self._warm:
            key = max(example.length for example in examples), len(examples)
            self.points[key] = max(min(cost, self.points.get(key, cost)), 1e-9)
        self._warm = True
        return predictions


def measure(
    predict: Measured,
    examples: Sequence[Example],
    costs: Costs,
    max_rows: int,
    *,
    budget: float = _BUDGET_SECONDS,
    throttle: Throttle = no_throttle,
    clock: Callable[[], float] = time.thread_time,
) -> None:
    """Fill `costs` from the batches that `predict` has computed and from some more.

    These are batches of each number of rows, of an example of medium length, of the longest and of
    the shortest one, in that order. They take about `budget` seconds of `clock` at most: a batch
    that might take longer than what is left is skipped.
    """
    if not examples:
        return
    ordered = sorted(examples, key=lambda example: int(example.length))
    end = clock() + budget
    sizes = [1 << power for power in range(max_rows.bit_length())]
    if sizes[-1] < max_rows:
        sizes.append(max_rows)
    for example in (ordered[len(ordered) // 2], ordered[-1], ordered[0]):
        for rows in sizes:
            alone = predict.points.get((example.length, 1), 0.0)
            if clock() + rows * alone <= end:
                predict([example] * rows)
                throttle()
    costs.fill(examples[0].graph, predict.points)
