"""What is noted about one request while it is answered. Knows timings; no route and no model."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from starlette.types import Scope

CLIENT_GONE: Final = 499  # never sent: the client has left; for the log and the metrics only

RECORD_KEY: Final = "unroll.record"


@dataclass(slots=True)
class RequestRecord:
    """The facts of one request; routes fill in what they find out.

    Seconds throughout; `started` and `deadline` are `time.monotonic()` values. `ids`: what its
    lines in the log say of it. `headers`: by their names in lower case, those sent twice as one
    list. `held_bytes`: of its body, as far as `Bodies` counts them. `input_length`: of its one
    input, if that is to be counted with the request. `is_alone`: whether no other request is being
    answered.
    """

    request_id: str
    task: str
    headers: Mapping[str, str] = field(default_factory=dict)
    ids: Mapping[str, str] = field(default_factory=dict)
    started: float = field(default_factory=time.monotonic)
    deadline: float | None = None
    model: str = ""
    version: str = ""
    inputs: int = 0
    input_length: int = 0
    status: int = 0
    error: str = ""
    held_bytes: int = 0
    queue_seconds: float | None = None
    inference_seconds: float | None = None
    is_alone: Callable[[], bool] = lambda: False
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


def headers_of(scope: Scope) -> dict[str, str]:
    """The headers of a request by name; the values of one that was sent twice are joined."""
    sent: list[tuple[bytes, bytes]] = scope["headers"]
    headers: dict[str, str] = {}
    for name, value in sent:
        key, text = name.decode("latin-1"), value.decode("latin-1")
        headers[key] = f"{headers[key]}, {text}" if key in headers else text  # RFC 9110, 5.3
    return headers


def record_of(scope: Scope) -> RequestRecord:
    """The record of the request that `scope` belongs to."""
    record: RequestRecord = scope[RECORD_KEY]
    return record
