"""How far a call is, on standard error. Knows numbers and terminals."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Final

_EVERY: Final = 0.1  # seconds between two drawings
_WIDTH: Final = 30


class Bar:
    """Draws one line that is written over; nothing at all if it is not wanted."""

    def __init__(self, wanted: bool | Callable[[int, int | None], None], total: int | None) -> None:
        """wanted: whether to draw; or what to call with how many are done, and of how many."""
        self._wanted = wanted
        self._total = total
        self._done = 0
        self._began = time.monotonic()
        self._drawn = 0.0

    def add(self, count: int) -> None:
        """So many more are done."""
        self._done += count
        if callable(self._wanted):
            self._wanted(self._done, self._total)
        elif self._wanted:
            now = time.monotonic()
            if now - self._drawn >= _EVERY or self._done == self._total:
                self._drawn = now
                self._draw(now - self._began)

    def end(self) -> None:
        """Leave the last line where it is."""
        if self._wanted is True and self._drawn:
            self._draw(time.monotonic() - self._began)
            print(file=sys.stderr, flush=True)

    def _draw(self, seconds: float) -> None:
        rate = self._done / max(seconds, 1e-9)
        if self._total:
            full = round(_WIDTH * self._done / self._total)
            left = (self._total - self._done) / max(rate, 1e-9)
            shown = f"[{'#' * full}{' ' * (_WIDTH - full)}] {self._done}/{self._total}"
            shown += f", {rate:.1f}/s, {left:.0f} s left "
        else:
            shown = f"{self._done} done, {rate:.1f}/s "
        print(f"\r{shown}", end="", file=sys.stderr, flush=True)
