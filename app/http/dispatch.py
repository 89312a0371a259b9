"""Starts requests in the order of their heads, some in each round of the event loop; sheds load.

Knows times; nothing of a request. The loop reads whatever has come to its sockets, then runs what
is ready, then reads again. Were every request started when it is read, a thousand of them would
run before the loop looks at a socket again, and all that come meanwhile would wait in sockets,
where nobody sees them. So requests wait here, in one queue, and a few milliseconds' worth of them
start in each round. What waits is then known, and a request that would wait for too long is
refused within milliseconds of its head (load shedding).

How long is too long depends on the time that the request has, and on the queue. A queue that comes
and goes is a burst, and may take half of a request's time. One that stays serves nobody: it only
makes everybody wait, in here and, unseen, at the clients. So once the least backlog of a whole
window is more than a few milliseconds and does not shrink, the bound is much lower, and lower still
when that goes on (after CoDel: Nichols and Jacobson, "Controlling queue delay", 2012).
"""

import asyncio
import math
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Final, Protocol, TypeAlias

from app.telemetry.log import get_logger

# A round is so much work on the loop, and so many requests at most, before sockets are looked at
# again; more in proportion if reading and refusing took longer than that since the round before: in
# a flood, too, half of the time goes into answers.
_ROUND_SECONDS: Final = 0.008
_MOST: Final = 64
_LONGEST: Final = 4.0  # rounds' worth in one
_PRESUMED_SECONDS: Final = 0.0005  # that a request costs, before any was measured
_SMOOTHING: Final = 0.1  # weight of the newest round in what a request costs
# What a request cost counts as so many times what it cost of late, at most: a round in which the
# machine stood still says nothing of the next ones.
_MOST_TIMES: Final = 4.0

_UNNOTICED_SECONDS: Final = 0.002  # a backlog that refuses nobody
_WINDOW_SECONDS: Final = 0.1
_STANDING_SECONDS: Final = 0.005  # least backlog of a window from which a queue is a standing one
_SHRINKING: Final = 0.8  # of the backlog at a window's start: if it was less, the queue is going
# Shares of a request's time that the backlog may take: of a burst; of a standing queue; of one that
# has stood for half of that time, but then at least and at most so many seconds.
_BURST, _STANDING, _LASTING = 0.5, 0.04, 0.02
_LEAST_SECONDS, _MOST_SECONDS = 0.01, 0.1

# From the path, the headers and the load: the rest of an answer 429, or None to let a request in.
Shed: TypeAlias = Callable[[str, list[tuple[bytes, bytes]], "Dispatcher"], bytes | None]
# Answers some requests of a round in the call, and returns the others.
Answer: TypeAlias = Callable[[Sequence[Any]], Sequence[Any]]


_log = get_logger(__name__)


class Request(Protocol):
    """A request whose head has come. arrived: a `time.monotonic()` value."""

    scope: dict[str, Any]
    arrived: float

    def run(self) -> None:
        """Hand it to the application, in a task of its own."""


class Dispatcher:
    """One per event loop, and used on its thread only."""

    def __init__(
        self,
        shed: Shed,
        answer: Answer = lambda requests: requests,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """shed: refuses requests. answer: answers those of a round that need no application."""
        self._shed = shed
        self._answer = answer
        self._clock = clock
        self._waiting: deque[Request] = deque()
        self._cost = _PRESUMED_SECONDS  # seconds of the loop that answering a request took of late
        self._in_round = False
        self._starting = 0  # requests of this round, until all of their tasks have begun
        self._reading_since = 0.0  # for the next round
        self._count = 0  # requests in this one
        self._tasks_since = 0.0
        self._window_end = 0.0
        self._first = self._least = 0.0  # backlog of this window: at its start, and at the least
        self._standing_since = math.inf

    @property
    def waiting(self) -> int:
        """Requests that were read and have not started, so that nobody else counts them."""
        return len(self._waiting) + self._starting

    def refusal(self, path: str, headers: list[tuple[bytes, bytes]]) -> bytes | None:
        """What follows the headers of every answer in an answer 429; None to let a request in.

        It is asked by the head alone, before anything is made of a request.
        """
        return self._shed(path, headers, self)

    def submit(self, request: Request) -> None:
        """Start a request that was let in, after those before it, in the next round or later."""
        self._waiting.append(request)
        if not self._in_round:
            self._in_round = True
            self._reading_since = self._clock()
            asyncio.get_running_loop().call_soon(self._start)

    def is_too_long(self, patience: float) -> bool:
        """Whether a request that has so many seconds would wait for too long here."""
        backlog = len(self._waiting) * self._cost
        if backlog <= _UNNOTICED_SECONDS:
            return False
        stood = self._clock() - self._standing_since
        if stood < 0:
            return backlog > _BURST * patience
        if stood < patience / 2:
            return backlog > _STANDING * patience
        return backlog > min(max(_LASTING * patience, _LEAST_SECONDS), _MOST_SECONDS)

    def _start(self) -> None:
        """Begin a round: answer what can be answered here, and start the others."""
        waiting, began, loop = self._waiting, self._clock(), asyncio.get_running_loop()
        count = min(_MOST, _ROUND_SECONDS / self._cost) if self._cost > 0 else _MOST
        count *= min(_LONGEST, max(1.0, (began - self._reading_since) / _ROUND_SECONDS))
        self._count = min(max(1, int(count)), len(waiting))
        requests: Sequence[Request] = [waiting.popleft() for _ in range(self._count)]
        left = requests
        try:
            left = self._answer(requests)
        except Exception:
            _log.exception("round_failed")
        if left:
            # What is read before their tasks run is none of their work.
            loop.call_soon(self._resume, self._clock() - began)
            self._starting = len(left)
            for request in left:
                request.run()
            loop.call_soon(self._end)
        else:
            self._end_at(self._clock(), began)

    def _resume(self, worked: float) -> None:
        """The tasks of this round run now."""
        self._tasks_since = self._clock() - worked

    def _end(self) -> None:
        """The requests of this round have run, as far as they did not wait for anything."""
        self._starting = 0
        self._end_at(self._clock(), self._tasks_since)

    def _end_at(self, now: float, since: float) -> None:
        newest = min((now - since) / self._count, _MOST_TIMES * self._cost)
        self._cost += _SMOOTHING * (newest - self._cost)
        self._in_round = bool(self._waiting)
        if self._in_round:
            self._reading_since = now
            asyncio.get_running_loop().call_soon(self._start)
        self._watch(now, len(self._waiting) * self._cost)

    def _watch(self, now: float, backlog: float) -> None:
        """Note the backlog; at the end of a window, whether the queue is a standing one."""
        self._least = min(self._least, backlog)
        if not self._waiting:
            self._standing_since = math.inf
        if now < self._window_end:
            return
        first, least = self._first, self._least
        if least <= _STANDING_SECONDS:
            self._standing_since = math.inf
        elif self._standing_since == math.inf and least > _SHRINKING * first:
            self._standing_since = now
        self._first = self._least = backlog
        self._window_end = now + _WINDOW_SECONDS
