"""Whether the service is on its way out, and what it still owes. Knows no HTTP and no model."""

import math
import time

from app.errors import NotReady


class Lifecycle:
    """One per application, touched only on the event loop's thread.

    `in_flight` counts the task requests that were taken and not answered yet; the middleware
    keeps it, the server waits for it to reach zero before it stops listening. `closed_at` is the
    `time.monotonic()` when it began to drain.
    """

    def __init__(self) -> None:
        self.in_flight = 0
        self.closed_at = math.inf

    @property
    def draining(self) -> bool:
        """Whether no more work is taken."""
        return self.closed_at < math.inf

    def is_alone(self) -> bool:
        """Whether no more than one request is being answered."""
        return self.in_flight <= 1

    def drain(self) -> None:
        """Take no more work than has arrived. There is no way back."""
        self.closed_at = min(self.closed_at, time.monotonic())

    def require_open(self, arrived: float = math.inf) -> None:
        """Raise NotReady when no more work is taken, but for what had arrived before.

        `arrived` is a `time.monotonic()` value.
        """
        if arrived > self.closed_at:
            raise NotReady("the service is shutting down")
