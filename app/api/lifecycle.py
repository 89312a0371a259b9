"""Whether the service is on its way out, and what it still owes. Knows no HTTP and no model."""

from app.errors import NotReady


class Lifecycle:
    """One per application, touched only on the event loop's thread.

    `in_flight` counts the task requests that were taken and not answered yet; the middleware
    keeps it, the server waits for it to reach zero before it stops listening.
    """

    def __init__(self) -> None:
        self.draining = False
        self.in_flight = 0

    def drain(self) -> None:
        """Take no more work. There is no way back."""
        self.draining = True

    def require_open(self) -> None:
        """Raise NotReady when no more work is taken."""
        if self.draining:
            raise NotReady("the service is shutting down")
