"""Counts the requests that use a version. Knows neither the requests nor the version.

Between looking a model up and submitting an example another version may replace the model. The
old version is closed only after the last request has returned its lease.
"""

import threading


class Leases:
    """A counter that can be closed: then no lease is given out, and zero can be waited for."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._held = 0
        self._closed = False
        self._abandoned = False

    @property
    def held(self) -> int:
        """Leases that were taken and not given back."""
        return self._held

    def take(self) -> bool:
        """Take a lease; False if the version is being closed. Give back each one that was taken."""
        with self._changed:
            if self._closed:
                return False
            self._held += 1
            return True

    def give_back(self) -> None:
        """Return a lease."""
        with self._changed:
            self._held -= 1
            self._changed.notify_all()

    def drain(self, timeout: float | None = None) -> bool:
        """Give out no more leases, and wait until all are returned, `timeout` seconds at most.

        Returns whether all are returned. `abandon` ends the wait.
        """
        with self._changed:
            self._closed = True
            self._changed.wait_for(lambda: not self._held or self._abandoned, timeout)
            return not self._held

    def abandon(self) -> None:
        """Give out no more leases, and end every wait: the service is shutting down."""
        with self._changed:
            self._closed = self._abandoned = True
            self._changed.notify_all()
