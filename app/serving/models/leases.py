"""Who still uses a version. Counts requests; knows neither them nor the version.

Between looking a model up and handing it an input a request may take its time, and meanwhile
another version may take the model's place. The old one is closed only when nobody holds it.
"""

import threading


class Leases:
    """A counter that can be shut: then it takes no more, and whoever shut it can wait for zero."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._held = 0
        self._shut = False
        self._abandoned = False

    def take(self) -> bool:
        """Hold the version; False if it is on its way out. Give back each one that was taken."""
        with self._changed:
            if self._shut:
                return False
            self._held += 1
            return True

    def give_back(self) -> None:
        """Hold it no more."""
        with self._changed:
            self._held -= 1
            self._changed.notify_all()

    def shut(self, timeout: float | None = None) -> bool:
        """Let nobody hold it any more, and wait until nobody does, `timeout` seconds at most.

        Returns whether nobody holds it. Not waited for: leases that were abandoned.
        """
        with self._changed:
            self._shut = True
            self._changed.wait_for(lambda: not self._held or self._abandoned, timeout)
            return not self._held

    def abandon(self) -> None:
        """Wait for nobody: the service is shutting down."""
        with self._changed:
            self._shut = self._abandoned = True
            self._changed.notify_all()
