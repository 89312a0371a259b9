"""Clients of a dispatcher on a clock that is a number: what they ask costs time, nothing else does.

Knows arrivals and costs; nothing of HTTP.
"""

import asyncio
import heapq
import itertools
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from app.http.dispatch import Dispatcher

READING = 0.1  # share of a request's cost that reading its head takes
REFUSING = 0.1  # and that refusing it takes
TRIP = 0.0002  # seconds from a client to the server and back


@dataclass
class Result:
    """Of some clients: seconds from sending to the answer, and when requests were refused."""

    answered: list[tuple[float, float]] = field(default_factory=list)  # (when, after how long)
    refused: list[float] = field(default_factory=list)

    def share(self, start: float = 0.0) -> float:
        """Of the requests from `start` on, the share that was refused."""
        refused = sum(at >= start for at in self.refused)
        return refused / max(1, refused + sum(at >= start for at, _ in self.answered))

    def slowest(self, start: float = 0.0) -> float:
        """The longest wait of those that were answered after `start`, the worst 1 % left out."""
        waits = sorted(wait for at, wait in self.answered if at >= start)
        return waits[int(len(waits) * 0.99)] if waits else 0.0


class Sent:
    """A request of a client."""

    def __init__(self, machine: "Machine", result: Result, again: Any) -> None:
        self.scope: dict[str, Any] = {}
        self.arrived = machine.now
        self._machine = machine
        self._result = result
        self._again = again

    def run(self) -> None:
        self._machine.running += 1
        asyncio.get_running_loop().call_soon(self._work)

    def _work(self) -> None:
        machine = self._machine
        machine.running -= 1
        machine.now += machine.cost + machine.standing_still
        machine.standing_still = 0.0
        self._result.answered.append((machine.now, machine.now - self.arrived))
        if self._again is not None:
            self._again()

    def refuse(self) -> None:
        machine = self._machine
        machine.now += machine.cost * REFUSING
        self._result.refused.append(machine.now)
        if self._again is not None:
            self._again()


class Machine:
    """One event loop that answers a request in `cost` seconds."""

    def __init__(self, cost: float) -> None:
        self.now = 0.0
        self.cost = cost
        self.running = 0
        self.standing_still = 0.0  # seconds, in the middle of the next request
        self.dispatcher = Dispatcher(self._shed, clock=lambda: self.now)
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = itertools.count()

    def _shed(self, path: str, headers: list[Any], load: Dispatcher) -> bytes | None:
        return b"busy" if load.is_too_long(headers[0]) else None

    def at(self, when: float, call: Callable[[], None]) -> None:
        heapq.heappush(self._events, (when, next(self._numbers), call))

    def poisson(self, rate: float, patience: float, start: float, end: float) -> Result:
        """So many requests a second, whatever becomes of them."""
        result, chance, when = Result(), random.Random(1), start
        while when < end:
            self.at(when, lambda: self._send(result, patience, None))
            when += chance.expovariate(rate)
        return result

    def clients(
        self, count: int, patience: float, rate: float = 0.0, start: float = 0.0, end: float = 1e9
    ) -> Result:
        """So many clients, who wait for each answer; `rate` a second together, 0 for all they can.

        They send what they are late with as soon as they can.
        """
        result = Result()
        for number in range(count):
            self._client(
                result, patience, count / rate if rate else 0.0, number / count, start, end
            )
        return result

    def _client(
        self, result: Result, patience: float, every: float, phase: float, start: float, end: float
    ) -> None:
        planned = start + (phase * every if every else phase * 0.01)

        def send() -> None:
            self._send(result, patience, again)

        def again() -> None:
            nonlocal planned
            planned += every
            if self.now < end:
                self.at(max(planned, self.now + TRIP), send)

        self.at(planned, send)

    def send(self) -> None:
        """A request of a client with all the time in the world comes now."""
        self._send(Result(), 1e9, None)

    def stall(self, seconds: float) -> None:
        """Something else takes so long."""
        self.now += seconds

    def stall_in_a_round(self, seconds: float) -> None:
        """The machine stands still for so long while the next request is answered."""
        self.standing_still = seconds

    def _send(self, result: Result, patience: float, again: Any) -> None:
        self.now += self.cost * READING
        request = Sent(self, result, again)
        if self.dispatcher.refusal("/", [patience]) is None:  # type: ignore[list-item]
            self.dispatcher.submit(request)
        else:
            request.refuse()

    def run(self, until: float) -> None:
        """Let time pass until then."""

        async def drive() -> None:
            while self.now < until:
                now = self.now  # what comes while others are read is read in the next round
                while self._events and self._events[0][0] <= now:
                    heapq.heappop(self._events)[2]()
                await asyncio.sleep(0)
                if not (self.running or self.dispatcher.waiting):
                    self.now = max(self.now, self._events[0][0] if self._events else until)

        asyncio.run(drive())
