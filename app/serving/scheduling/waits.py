"""How long a queue will take. Knows seconds of work and who works; not what it is."""

import time
from collections.abc import Callable
from typing import Final

_SMOOTHING: Final = 0.1  # weight of the newest batch in the pace
_SLOWEST: Final = 100.0


class Waits:
    """Foretells when work will be done, from estimates of it and from how true they were lately.

    `servers` work at once. Estimates say what work costs; what it takes is more: padding, cores
    that are shared with other models, batches that could not be full. `pace` is the factor
    between the two. It is measured only while entries are left waiting, since only then does it
    matter, and a batch is small for no other reason than that there was nothing more to take.

    One server notes at a time, under the lock of whoever owns this.
    """

    def __init__(self, servers: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._free = [0.0] * servers  # when each is done with what it computes now
        self.pace = 1.0

    def began(self, server: int, work: float) -> None:
        """A server took so much work, to do after what it may have still."""
        self._free[server] = max(self._free[server], self._clock()) + work * self.pace

    def ended(self, server: int) -> None:
        """A server is done with it."""
        self._free[server] = 0.0

    def note(self, work: float, seconds: float) -> None:
        """While others waited, a server was occupied for so long by so much work."""
        if work > 0:
            newest = min(seconds / work, _SLOWEST)
            self.pace += _SMOOTHING * (newest - self.pace)

    def until(self, ahead: float) -> float:
        """Seconds until somebody is free for a new entry, so much work being ahead of it.

        0 if somebody is free now.
        """
        now = self._clock()
        free = sorted(max(0.0, end - now) for end in self._free)
        level, work = free[0], ahead * self.pace
        for count, end in enumerate(free[1:], start=1):
            if work <= (end - level) * count:
                return level + work / count
            work -= (end - level) * count
            level = end
        return level + work / len(free)
