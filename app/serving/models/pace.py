"""Leaves the cores to those who are being answered. Knows times; not what the work is."""

import time
from collections.abc import Callable
from typing import Final, TypeAlias

Rest: TypeAlias = Callable[[], None]

_LONGEST: Final = 1.0  # seconds of one rest, should the machine have stood still meanwhile


def no_rest() -> None:
    """For work that nobody is disturbed by."""


def halved() -> Rest:
    """A function to be called between the steps of some work: it rests as long as a step took.

    Lowering the thread's priority instead would be worse: it would wait for a core while it holds
    the interpreter's lock, and so would everybody else.
    """
    since = time.monotonic()

    def rest() -> None:
        nonlocal since
        time.sleep(min(time.monotonic() - since, _LONGEST))
        since = time.monotonic()

    return rest
