"""Estimates how long a queue will take. Knows seconds of work and busy workers; not the work."""

import time
from collections.abc import Callable
from typing import Final

_SMOOTHING: Final = 0.1  # weight of the newest batch in the slowdown
_MAX_SLOWDOWN: Final = 100.0


class WaitEstimate:
    """Estimates when work will be done, from its cost and from how long work took lately.

    `slowdown` is the seconds that work takes divided by its cost. The costs do not include
    padding, cores that are shared with other models, and batches that could not be full. The
    slowdown is measured only while entries are left in the queue: without any the estimate is not
    needed, and batches are small for lack of entries.

    Not thread-safe: the owner calls it under a lock.
    """

    def __init__(self, workers: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._free_at = [0.0] * workers  # when each is done with what it computes now
        self.slowdown = 1.0

    def began(self, worker: int, work: float) -> None:
        """A worker took so much work, to do after what it may still have."""
        self._free_at[worker] = max(self._free_at[worker], self._clock()) + work * self.slowdown

    def ended(self, worker: int) -> None:
        """A worker is done with what it took."""
        self._free_at[worker] = 0.0

    def note(self, work: float, seconds: float) -> None:
        """While entries were queued, so much work kept a worker busy for so long."""
        if work > 0:
            newest = min(seconds / work, _MAX_SLOWDOWN)
            self.slowdown += _SMOOTHING * (newest - self.slowdown)

    def until(self, ahead: float) -> float:
        """Seconds until a worker is free for a new entry that has so much work ahead of it.

        0 if a worker is free now.
        """
        now = self._clock()
        free = sorted(max(0.0, end - now) for end in self._free_at)
        level, work = free[0], ahead * self.slowdown
        for count, end in enumerate(free[1:], start=1):
            if work <= (end - level) * count:
                return level + work / count
            work -= (end - level) * count
            level = end
        return level + work / len(free)
