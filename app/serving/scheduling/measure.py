"""Measures what batches of a version cost before it serves. Knows examples and tables only."""

import time
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeAlias

from app.serving.models.pace import Rest, no_rest
from app.serving.scheduling.costs import Costs, timed

Predict: TypeAlias = Callable[[Sequence[Any]], Sequence[Any]]
Timed: TypeAlias = Callable[[Callable[[], Sequence[Any]]], tuple[Sequence[Any], float, float]]

# All shipped versions together must be ready within seconds.
_BUDGET_SECONDS: Final = 0.04


class Measured:
    """Computes as `predict` does, and remembers the least that batches took.

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
    examples: Sequence[Any],
    costs: Costs,
    max_rows: int,
    *,
    budget: float = _BUDGET_SECONDS,
    rest: Rest = no_rest,
    clock: Callable[[], float] = time.thread_time,
) -> None:
    """Fill `costs` with what batches take that `predict` has computed, and with some more.

    These are batches of each number of rows, of a middling, a long and a short example, in that
    order. They take about `budget` seconds of `clock` at most: what might take longer than is
    left is passed over.
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
                rest()
    costs.fill(examples[0], predict.points)
