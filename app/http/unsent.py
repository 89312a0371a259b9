"""Bounds what waits for clients that do not read: in time, and in bytes over all connections.

Knows transports; no request and no answer. The network takes some megabytes for each connection;
what is left of an answer then waits in our memory until the client reads, which may be never.
"""

import asyncio
import socket
import struct
from dataclasses import dataclass
from typing import Final

from app.telemetry.log import get_logger

_RESET: Final = struct.pack("ii", 1, 0)
_LOOK_SECONDS: Final = 1.0  # between looks for clients that have stopped reading
_log = get_logger(__name__)


@dataclass(slots=True)
class _Waiting:
    """Of one connection."""

    size: int  # bytes unsent, when they were looked at last
    since: float  # on the clock of the loop: when they became fewer


class Unsent:
    """One per event loop, and used on its thread only."""

    def __init__(self, max_bytes: int, seconds: float) -> None:
        """max_bytes: over all connections. seconds: for which a client may read nothing."""
        self._max_bytes = max_bytes
        self._seconds = seconds
        # The one that has read nothing for the longest time comes first.
        self._waiting: dict[asyncio.WriteTransport, _Waiting] = {}
        self._bytes = 0  # of them all, or somewhat more: some have been sent meanwhile
        self._timer: asyncio.TimerHandle | None = None

    def add(self, transport: asyncio.WriteTransport) -> None:
        """Not all that was written could be sent; it may be too much for the others."""
        loop = asyncio.get_running_loop()
        size = transport.get_write_buffer_size()
        self.remove(transport)
        self._waiting[transport] = _Waiting(size, loop.time())
        self._bytes += size
        if self._bytes > self._max_bytes:
            self._look(loop.time())
        for oldest in list(self._waiting)[:-1]:
            if self._bytes <= self._max_bytes:
                break
            self._abort(oldest, "too many bytes of all clients wait")
        if self._timer is None:
            self._timer = loop.call_later(_LOOK_SECONDS, self._tick)

    def remove(self, transport: asyncio.WriteTransport) -> None:
        """All was sent, or the connection is lost."""
        waiting = self._waiting.pop(transport, None)
        if waiting is not None:
            self._bytes -= waiting.size

    def _tick(self) -> None:
        loop = asyncio.get_running_loop()
        self._look(loop.time())
        self._timer = loop.call_later(_LOOK_SECONDS, self._tick) if self._waiting else None

    def _look(self, now: float) -> None:
        """Note what was sent meanwhile, and give up clients that have read nothing for too long."""
        for transport, waiting in list(self._waiting.items()):
            size = transport.get_write_buffer_size()
            if size < waiting.size:
                self.remove(transport)
                self._waiting[transport] = _Waiting(size, now)
                self._bytes += size
            elif now - waiting.since >= self._seconds:
                self._abort(transport, f"nothing was read for {self._seconds:g} seconds")

    def _abort(self, transport: asyncio.WriteTransport, why: str) -> None:
        _log.warning("answer_given_up", why=why, bytes=self._waiting[transport].size)
        self.remove(transport)
        # Reset, so that the system forgets the rest at once, and the client knows that it is cut.
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        transport.abort()
