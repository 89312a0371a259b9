"""What batches of one graph cost, by length and rows. Knows seconds; not what is computed."""

import math
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from typing import Final

# About what a request costs more when a worker computes it: a task, a future, two threads woken.
CHEAP_SECONDS: Final = 500e-6
SHORT_SECONDS: Final = 50e-3  # for which an event loop that is idle may compute
_LENGTHS: Final = tuple(float(1 << power) for power in range(21))
# As long as nothing was measured, a further row is assumed to cost this part of the first one:
# little enough for large batches to be tried, which then shows what they cost.
_ROW_SHARE: Final = 0.3
_UNKNOWN: Final = 1e-6  # assumed seconds of a step
_FIXED_STEPS: Final = 4.0  # assumed cost of a run beside its steps, in steps
# Weights of an observation below and above the expected cost. A run that took longer was usually
# disturbed by other threads; a run that took less shows what is possible. An observation counts as
# twice the expected cost at most.
_DOWN: Final = 0.5
_UP: Final = 0.05


class CostTable:
    """Seconds that batches of one graph take, by their longest length and their rows.

    There is a cell for each pair of powers of two; between cells costs are interpolated linearly.
    An observation moves the cells around it by their part in the estimate (normalised least mean
    squares), downwards quickly and upwards slowly, so that cells hold what an undisturbed run
    takes. Cells without an observation keep the shape that was assumed at first, at the scale of
    the last observation that touched such a cell.
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
        self._shares: list[float] = []  # cached for each length until a cell changes
        self._cheap: tuple[int, int] | None = None

    @property
    def cheap_length(self) -> int:
        """A single row up to this length costs less than a hop to a thread; 0 if unknown."""
        return self._bounds()[0]

    @property
    def short_length(self) -> int:
        """The same for what an idle service computes in the thread that asks."""
        return self._bounds()[1]

    def _bounds(self) -> tuple[int, int]:
        if self._cheap is None:
            bounds = (CHEAP_SECONDS, SHORT_SECONDS)
            cheap, short = (self._longest_under(each) if self._known else 0 for each in bounds)
            self._cheap = cheap, short
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
        """What a batch of so many rows takes whose longest row has this length."""
        (low, right, more), (first, last, times) = (
            _place(_LENGTHS, length),
            _place(self._rows, rows),
        )
        near, far = self._cells[low], self._cells[low + 1]
        left = 1 - right  # sums of parts stay positive, where a difference may round to 0
        value = near[first] * left + far[first] * right
        if last:
            other = near[first + 1] * left + far[first + 1] * right
            value = value * (1 - last) + other * last
        return value * more * times

    def share(self, length: int) -> float:
        """Seconds of a worker for one row of this length, in the most efficient batch of such."""
        shares = self._shares
        if not shares:
            shares = self._shares = [
                min(cost / rows for cost, rows in zip(line, self._rows, strict=True))
                for line in self._cells
            ]
        low, right, more = _place(_LENGTHS, length)
        return (shares[low] + (shares[low + 1] - shares[low]) * right) * more

    def fill(self, points: Mapping[tuple[int, int], float]) -> None:
        """Set every cell, from the seconds of batches by (longest length, rows). Never empty.

        For each number of rows a line is fitted to its points: a recurrence takes a fixed time and
        a time for each step.
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
            self._rescale_unseen(weights, seconds / expected)
        else:
            error = min(seconds, 2 * expected) - expected
            error *= _DOWN if error < 0 else _UP
            norm = sum(weight * weight for _, _, weight in weights)
            for i, j, weight in weights:
                cell = self._cells[i][j]
                self._cells[i][j] = max(cell + weight * error / norm, 0.1 * cell)
        self._known = True
        self._shares, self._cheap = [], None

    def _rescale_unseen(self, weights: Sequence[tuple[int, int, float]], ratio: float) -> None:
        """Multiply every cell without an observation; the cells of `weights` now have one."""
        for i, line in enumerate(self._cells):
            for j, cell in enumerate(line):
                if not self._seen[i][j]:
                    line[j] = cell * ratio
        for i, j, _ in weights:
            self._seen[i][j] = True


def _rows_cost(rows: float) -> float:
    """Assumed cost of so many rows while nothing is known; one row costs 1."""
    return 1 + _ROW_SHARE * (rows - 1)


def _line(points: Sequence[tuple[int, float]]) -> tuple[float, float]:
    """(fixed, for each step) of a line through the times of lengths, neither below 0.

    Least squares of the relative errors.
    """
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
    """Where a value lies: (index of the knot below, part of the way to the next one, a factor).

    Beyond the last knot costs grow in proportion, by the factor. Below the first knot they are
    those of the first knot.
    """
    last = knots[-1]
    if value >= last:
        return max(len(knots) - 2, 0), 1.0 if len(knots) > 1 else 0.0, value / last
    if value <= knots[0]:
        return 0, 0.0, 1.0
    below = bisect_right(knots, value) - 1
    return below, (value - knots[below]) / (knots[below + 1] - knots[below]), 1.0
