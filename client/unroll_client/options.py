"""How a service is asked, and how much time there is. Sends nothing."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from unroll_client.errors import WrongArgument, late, one_line

_TICK = 0.02  # seconds: a timer may ring so much early


@dataclass(frozen=True)
class Options:
    """How a service is asked."""

    # Its address, such as http://127.0.0.1:8000.
    url: str
    # Sent as `Authorization: Bearer`; None sends none.
    api_key: str | None = field(default=None, repr=False)
    # Seconds for one attempt of one request.
    timeout: float = 60.0
    # Seconds after which a busy service, or one that went away, is given up.
    retry_seconds: float = 120.0
    # Requests sent at the same time, at most.
    connections: int = 4
    # Whether to wait for a service that is not there yet, too.
    wait_for_start: bool = False

    def __post_init__(self) -> None:
        """Raises WrongArgument."""
        if not _is_address(self.url):
            example = "an address such as http://127.0.0.1:8000"
            raise WrongArgument(f"url: expected {example} (got '{one_line(self.url)}')")
        key = self.api_key
        if key is not None and not (key.isascii() and key.isprintable() and key.split() == [key]):
            raise WrongArgument("api_key: a key is visible ASCII characters without spaces")
        if self.connections < 1:
            raise WrongArgument(f"connections: expected 1 or more, got {self.connections}")
        if not (self.timeout > 0 and self.retry_seconds >= 0):
            raise WrongArgument("timeout and retry_seconds are positive numbers of seconds")


@dataclass(frozen=True)
class Attempt:
    """number: from 1; end: `time.monotonic()` after which no other is made."""

    number: int
    end: float


@dataclass(frozen=True)
class Deadline:
    """When a call of the caller must be over."""

    seconds: float
    end: float

    @classmethod
    def after(cls, seconds: float | None) -> Deadline | None:
        """Raises WrongArgument."""
        if seconds is None:
            return None
        if not seconds > 0:
            raise WrongArgument(f"deadline: expected more than 0 seconds, got {seconds}")
        return cls(seconds, time.monotonic() + seconds)

    @property
    def is_over(self) -> bool:
        """Whether an attempt that had all the time that was left has used it up."""
        return time.monotonic() > self.end - _TICK

    def left(self) -> float:
        """Seconds, more than 0. Raises DeadlineExceeded."""
        left = self.end - time.monotonic()
        if left <= 0:
            raise late(self.seconds)
        return left


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        well_formed = parts.scheme in {"http", "https"} and bool(parts.hostname)
        well_formed = well_formed and (parts.port is None or parts.port > 0)
    except ValueError:
        return False
    return well_formed and url.isascii() and url.isprintable() and " " not in url
