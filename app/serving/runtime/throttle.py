"""Slows background work down in favour of requests. Knows times; not what the work is."""

import time
from collections.abc import Callable
from typing import Final, TypeAlias

# Called between the steps of some work; it may sleep.
Throttle: TypeAlias = Callable[[], None]

# Seconds of one sleep at most, in case a step took very long because the machine was suspended.
_LONGEST_SLEEP: Final = 1.0


def no_throttle() -> None:
    """For work that disturbs no request."""


def half_duty_cycle() -> Throttle:
    """A throttle that sleeps for as long as the step before it took.

    A lower thread priority would be worse: a thread that waits for a core while it holds the
    interpreter's lock makes all other threads wait, too.
    """
    since = time.monotonic()

    def throttle() -> None:
        nonlocal since
        time.sleep(min(time.monotonic() - since, _LONGEST_SLEEP))
        since = time.monotonic()

    return throttle
