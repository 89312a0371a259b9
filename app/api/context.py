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
        total = b"total;dur=%.3f" % ((time.monotonic() - self.started) * 1000)
        if self.queue_seconds is None or self.inference_seconds is None:
            return total
        both = (self.queue_seconds * 1000, self.inference_seconds * 1000)
        return b"queue;dur=%.3f, inference;dur=%.3f, " % both + total


def record_of(scope: Scope) -> RequestRecord:
    """The record of the request that `scope` belongs to."""
    record: RequestRecord = scope[RECORD_KEY]
    return record
