"""Who is let in when more requests come than can be answered. Knows times; nothing of a request.

The event loop takes what has arrived in rounds: everything that lies in the sockets, then again.
While more comes than it can answer, rounds grow longer and longer, until all that is answered is
too late. So a round answers for some time only, and refuses the rest of what had arrived, before a
body is read: that is cheap, and whoever is let in is answered in time. What was let in and is
still to be done on the loop counts as if it had been done in this round.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Final

# Below this nobody is asked for their deadline.
_UNNOTICED_SECONDS: Final = 0.002
_REST_SECONDS: Final = 0.005  # between two rounds, in which the loop had nothing to do
# Shares of a request's time that a round may take before it: it has waited for as long as the
# last round, at worst, before this one. The large one is for bursts. Once somebody had to be
# refused, and until the loop has had a rest, it is the small one: a long queue would only make
# everybody wait, and those longest who are refused (as in CoDel, Nichols and Jacobson 2012).
_OF_A_BURST: Final = 0.25
_OF_A_FLOOD: Final = 0.04


def _next_round(end: Callable[[], None]) -> None:
    asyncio.get_running_loop().call_soon(end)


class Door:
    """One per event loop, and used on its thread only."""

    def __init__(
        self,
        max_in_flight: int,
        backlog: Callable[[], float] = lambda: 0.0,
        *,
        clock: Callable[[], float] = time.monotonic,
        at_next_round: Callable[[Callable[[], None]], None] = _next_round,
    ) -> None:
        """backlog: seconds of work on the loop that were let in and not begun."""
        self._max_in_flight = max_in_flight
        self._backlog = backlog
        self._clock = clock
        self._at_next_round = at_next_round
        self._in_round = False
        self.flooded = False  # somebody had to be refused of late
        self._began = self._ended = 0.0

    def refuses(self, in_flight: int, patience: float) -> str:
        """Why a request that has just come is not let in; empty if it is.

        in_flight: how many are being answered. patience: how many seconds it has in all.
        """
        now = self._clock()
        if not self._in_round:
            self._in_round = True
            if now - self._ended > _REST_SECONDS and not self._backlog():
                self.flooded = False
            self._began = now
            self._at_next_round(self._end)
        if in_flight >= self._max_in_flight:
            return f"{in_flight} requests are being answered already"
        taken = now - self._began + self._backlog()
        if taken <= _UNNOTICED_SECONDS:
            return ""
        if taken <= patience * (_OF_A_FLOOD if self.flooded else _OF_A_BURST):
            return ""
        self.flooded = True
        return "more requests come than can be answered in time"

    def _end(self) -> None:
        self._in_round = False
        self._ended = self._clock()
