"""What is noted about one request while it is answered. Knows timings; no route and no model."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from starlette.types import Scope

CLIENT_GONE: Final = 499  # never sent: the client has left; for the log and the metrics only

RECORD_KEY: Final = "unroll.record"


@dataclass(slots=True)
class RequestRecord:
    """The facts of one request; routes fill in what they find out.

    Seconds throughout. `started` and `deadline` are `time.monotonic()` values.
    """

    request_id: str
    task: str
    started: float = field(default_factory=time.monotonic)
    deadline: float | None = None
    model: str = ""
    version: str = ""
    inputs: int = 0
    status: int = 0
    error: str = ""
    queue_seconds: float | None = None
    inference_seconds: float | None = None
    at_end: list[Callable[[], None]] = field(default_factory=list)

    def finish(self) -> None:
        """Do what was put off until nothing more is computed for the request, each thing once."""
        while self.at_end:
            self.at_end.pop()()

    def server_timing(self) -> bytes:
        """The value of the Server-Timing header; durations in milliseconds."""
        parts = {
            "queue": self.queue_seconds,
            "inference": self.inference_seconds,
            "total": time.monotonic() - self.started,
        }
        return ", ".join(
            f"{name};dur={seconds * 1000:.3f}"
            for name, seconds in parts.items()
            if seconds is not None
        ).encode()


def record_of(scope: Scope) -> RequestRecord:
    """The record of the request that `scope` belongs to."""
    record: RequestRecord = scope[RECORD_KEY]
    return record
