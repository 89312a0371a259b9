"""What batches cost, by kind, length and rows. Knows seconds; not what is computed, nor for whom.

One small table per kind of input. It is filled while a version loads and refined by every batch
that is served, and it answers three questions: what a batch would take, what an entry adds to a
queue that is worked off in good batches, and whether an input is cheaper than a hop to a thread.
"""

import math
import threading
import time
from bisect import bisect_right
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any, Final, TypeVar

R = TypeVar("R")

_CHEAP_SECONDS: Final = 200e-6  # about what it costs to wake a thread and be woken by it
_LENGTHS: Final = tuple(float(1 << power) for power in range(21))
# Until they were seen, rows of a batch are taken to cost a third of the first one: little enough
# for large batches to be tried, which then shows what they cost.
_ROW_SHARE: Final = 0.3
_UNKNOWN: Final = 1e-6  # seconds a step
_FIXED_STEPS: Final = 4.0  # what a run costs beside its steps, as long as nothing is known
# A time that is longer than expected was disturbed, as a rule; a shorter one cannot lie. However
# much longer it was, it counts as twice what was expected.
_DOWN: Final = 0.5
_UP: Final = 0.05


class CostTable:
    """Seconds that batches of one kind take, by their longest length and their rows.

    Cells stand at powers of two of both; between them costs are interpolated, linearly in both.
    An observation moves the cells around it by their part in the estimate (normalised least mean
    squares), downwards quickly and upwards slowly, so that cells hold what an undisturbed run
    takes. Cells that no observation came near keep the shape assumed at first, at the scale of
    the latest one that broke new ground.
    """

    __slots__ = ("_cells", "_cheap", "_known", "_rows", "_seen", "_shares")

    def __init__(self, max_rows: int) -> None:
        rows = [float(1 << power) for power in range(max(1, max_rows).bit_length())]
        if rows[-1] < max_rows:
            rows.append(float(max_rows))
        self._rows = tuple(rows)
        self._known = False
        self._seen = [[False] * len(rows) for _ in _LENGTHS]
        self._cells = [
            [_UNKNOWN * (_FIXED_STEPS + length) * _rows_cost(each) for each in rows]
            for length in _LENGTHS
        ]
        self._shares: list[float] = []  # of what is asked often, until a cell moves
        self._cheap: int | None = None

    @property
    def known(self) -> bool:
        """Whether anything was observed; before, only ratios of costs mean anything."""
        return self._known

    @property
    def cheap_length(self) -> int:
        """Rows as short as this cost less alone than a hop to a thread; 0 if none is known to."""
        if self._cheap is None:
            self._cheap = self._longest_under(_CHEAP_SECONDS) if self._known else 0
        return self._cheap

    def _longest_under(self, seconds: float) -> int:
        before = 0.0
        for index, (length, line) in enumerate(zip(_LENGTHS, self._cells, strict=True)):
            if line[0] >= seconds:
                if not index:
                    return 0
                low, near = _LENGTHS[index - 1], before
                return math.ceil(low + (length - low) * (seconds - near) / (line[0] - near)) - 1
            before = line[0]
        return int(_LENGTHS[-1])

    def seconds(self, length: int, rows: int) -> float:
        """What a batch of so many rows takes, the longest of this length."""
        (low, right, more), (first, last, times) = (
            _place(_LENGTHS, length),
            _place(self._rows, rows),
        )
        near, far = self._cells[low], self._cells[low + 1]
        value = near[first] + (far[first] - near[first]) * right
        if last:
            other = near[first + 1] + (far[first + 1] - near[first + 1]) * right
            value += (other - value) * last
        return value * more * times

    def share(self, length: int) -> float:
        """What an entry of this length takes of a worker's time, in the best batch of its like."""
        shares = self._shares
        if not shares:
            shares = self._shares = [
                min(cost / rows for cost, rows in zip(line, self._rows, strict=True))
                for line in self._cells
            ]
        low, right, more = _place(_LENGTHS, length)
        return (shares[low] + (shares[low + 1] - shares[low]) * right) * more

    def fill(self, points: Mapping[tuple[int, int], float]) -> None:
        """Set every cell, from what batches of (longest length, rows) took. Never empty.

        For each number of rows that was measured a line is laid through its points: the time of a
        recurrence is a fixed part and so much for each step.
        """
        fitted: dict[float, tuple[float, float]] = {}
        for knot in self._rows:
            found = [(length, each) for (length, rows), each in points.items() if rows == knot]
            if found:
                fitted[knot] = _line(found)
        if not fitted:
            return
        for i, length in enumerate(_LENGTHS):
            for j, rows in enumerate(self._rows):
                known = min(fitted, key=lambda each: (abs(each - rows), each))
                fixed, step = fitted[known]
                ratio = _rows_cost(rows) / _rows_cost(known)
                self._cells[i][j] = max(fixed + step * length, 1e-9) * ratio
                self._seen[i][j] = True
        self._known = True
        self._shares, self._cheap = [], None

    def note(self, length: int, rows: int, seconds: float) -> None:
        """A batch took so long."""
        (low, right, more), (first, last, times) = (
            _place(_LENGTHS, length),
            _place(self._rows, rows),
        )
        seconds = max(seconds, 1e-9) / more / times
        expected = self.seconds(length, rows) / more / times
        weights = [
            (low + i, first + j, left * up)
            for i, left in ((0, 1 - right), (1, right))
            for j, up in ((0, 1 - last), (1, last))
            if left * up > 0
        ]
        if not all(self._seen[i][j] for i, j, _ in weights):
            self._break_ground(weights, seconds / expected)
        else:
            error = min(seconds, 2 * expected) - expected
            error *= _DOWN if error < 0 else _UP
            norm = sum(weight * weight for _, _, weight in weights)
            for i, j, weight in weights:
                cell = self._cells[i][j]
                self._cells[i][j] = max(cell + weight * error / norm, 0.1 * cell)
        self._known = True
        self._shares, self._cheap = [], None

    def _break_ground(self, weights: Sequence[tuple[int, int, float]], ratio: float) -> None:
        """Move every cell that was never seen; those that were know better."""
        for i, line in enumerate(self._cells):
            for j, cell in enumerate(line):
                if not self._seen[i][j]:
                    line[j] = cell * ratio
        for i, j, _ in weights:
            self._seen[i][j] = True


class Costs:
    """The tables of one model: of its task, and of each graph that is asked by its tensors.

    Any thread may ask and tell. Nothing is guessed where an input is to run: a kind that was
    never computed is not cheap, and so its first one runs in a thread.
    """

    def __init__(self, max_rows: int = 8) -> None:
        self._max_rows = max_rows
        self._tables: dict[Hashable, CostTable] = {}
        self._lock = threading.Lock()  # held to change a table; reading one that changes is fine

    def table(self, example: Any) -> CostTable:
        """That of the example's kind."""
        return self.table_of(kind_of(example))

    def table_of(self, kind: Hashable) -> CostTable:
        """That of a kind."""
        table = self._tables.get(kind)
        return table or self._tables.setdefault(kind, CostTable(self._max_rows))

    def note(self, examples: Sequence[Any], seconds: float) -> None:
        """A batch took so long; see `timed`. Never empty."""
        with self._lock:
            longest = max(example.length for example in examples)
            self.table(examples[0]).note(longest, len(examples), seconds)

    def is_cheap(self, kind: Hashable, length: int) -> bool:
        """Whether one row costs less where it is than the way to another thread and back."""
        return length <= self.table_of(kind).cheap_length

    def share(self, example: Any) -> float:
        """Seconds of a worker that it adds to a queue."""
        return self.table(example).share(example.length)

    def fill(self, example: Any, points: Mapping[tuple[int, int], float]) -> None:
        """Learn what batches of the example's kind took, by (longest length, rows)."""
        with self._lock:
            self.table(example).fill(points)


def kind_of(example: Any) -> Hashable:
    """What tells examples apart whose costs have nothing to do with each other: their graph."""
    graph: Hashable = getattr(example, "graph", None)
    return graph


def timed(compute: Callable[[], R]) -> tuple[R, float, float]:
    """(the result, the seconds it took, the seconds of those that it cost).

    What something costs is the time that the processor gave to this thread: a busy machine makes
    it take longer, but not cost more. What computes elsewhere, and waits here, costs all its time.
    """
    start, used = time.monotonic(), time.thread_time()
    result = compute()
    used, seconds = time.thread_time() - used, time.monotonic() - start
    return result, seconds, used if used >= seconds / 10 else seconds


def _rows_cost(rows: float) -> float:
    """What so many rows are taken to cost while nothing is known, one row being 1."""
    return 1 + _ROW_SHARE * (rows - 1)


def _line(points: Sequence[tuple[int, float]]) -> tuple[float, float]:
    """(fixed, for each step) of the times of lengths, neither below 0; errors count by share."""
    if len({length for length, _ in points}) == 1:
        length, seconds = min(points)
        return seconds * _FIXED_STEPS / (_FIXED_STEPS + length), seconds / (_FIXED_STEPS + length)
    weighed = [(1 / seconds, length / seconds) for length, seconds in points]
    a, b = sum(each for each, _ in weighed), sum(each for _, each in weighed)
    aa = sum(each * each for each, _ in weighed)
    ab = sum(one * other for one, other in weighed)
    bb = sum(each * each for _, each in weighed)
    determinant = aa * bb - ab * ab
    if determinant > 0:
        fixed, step = (a * bb - b * ab) / determinant, (b * aa - a * ab) / determinant
        if fixed >= 0 and step >= 0:
            return fixed, step
        if step < 0:
            return a / aa, 0.0
    return 0.0, b / bb


def _place(knots: Sequence[float], value: float) -> tuple[int, float, float]:
    """Where a value lies: (the knot below, how far it is to the next one, a factor).

    Beyond the last knot everything grows in proportion, hence the factor; below the first one the
    first one stands.
    """
    last = knots[-1]
    if value >= last:
        return max(len(knots) - 2, 0), 1.0 if len(knots) > 1 else 0.0, value / last
    if value <= knots[0]:
        return 0, 0.0, 1.0
    below = bisect_right(knots, value) - 1
    return below, (value - knots[below]) / (knots[below + 1] - knots[below]), 1.0
