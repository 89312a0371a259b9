"""Whether the service is on its way out, and what it still owes. Knows no HTTP and no model."""

import math
import time
from typing import Final

from app.errors import NotReady

_CROWDED_SECONDS: Final = 1.0  # for which a request of another connection is remembered


class Lifecycle:
    """One per application, touched only on the event loop's thread.

    `in_flight` counts the task requests that were taken and not answered yet; the middleware
    keeps it, the server waits for it to reach zero before it stops listening. `closed_at` is the
    `time.monotonic()` when it began to drain.
    """

    def __init__(self) -> None:
        self.in_flight = 0
        self.closed_at = math.inf
        self._client: object = None
        self._crowded_until = 0.0

    @property
    def draining(self) -> bool:
        """Whether no more work is taken."""
        return self.closed_at < math.inf

    def note_client(self, client: object) -> None:
        """A request of this connection has begun."""
        if client != self._client:
            self._client = client
            self._crowded_until = time.monotonic() + _CROWDED_SECONDS

    def is_alone(self) -> bool:
        """Whether one request is being answered, and one connection has asked of late."""
        return self.in_flight <= 1 and time.monotonic() >= self._crowded_until

    def drain(self) -> None:
        """Take no more work than has arrived. There is no way back."""
        self.closed_at = min(self.closed_at, time.monotonic())

    def require_open(self, arrived: float = math.inf) -> None:
        """Raise NotReady when no more work is taken, but for what had arrived before.

        `arrived` is a `time.monotonic()` value.
        """
        if arrived > self.closed_at:
            raise NotReady("the service is shutting down")
