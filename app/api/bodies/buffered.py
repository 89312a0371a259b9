"""Reads the bodies of requests, and bounds what all of them hold. Knows bytes and time."""

import asyncio
import time
from functools import partial
from typing import Final

from fastapi import Request
from starlette.requests import ClientDisconnect

from app.api.context import RequestRecord
from app.api.errors import RequestRefused
from app.errors import DeadlineExceeded, QueueFull

_SMALL: Final = 64 * 1024  # bytes of a body, up to which it does not count
_RETRY_SECONDS: Final = 1.0


class Bodies:
    """The bodies of all requests in progress. On the event loop's thread only."""

    def __init__(self, max_bytes: int, max_held: int) -> None:
        """max_bytes: of one body. max_held: of all that are not small, together."""
        self._max_bytes = max_bytes
        self._max_held = max(max_held, max_bytes)
        self._held = 0

    async def read(self, request: Request, record: RequestRecord, max_bytes: int = 0) -> bytes:
        """The whole body before the request's deadline, `max_bytes` at most if that is less than
        usual, whether its length was announced or not. It counts until the answer begins.

        Raises RequestRefused (413), QueueFull if all bodies together are too large,
        DeadlineExceeded for a body that trickles in too slowly, and starlette's ClientDisconnect.
        """
        most = min(max_bytes or self._max_bytes, self._max_bytes)
        announced = record.headers.get("content-length", "")
        if announced.isdecimal() and int(announced) > most:
            raise _too_large(most)
        chunks: list[bytes] = []
        size, more = 0, True
        left = None if record.deadline is None else max(0.0, record.deadline - time.monotonic())
        try:
            async with asyncio.timeout(left):
                while more:
                    message = await request.receive()
                    if message["type"] == "http.disconnect":
                        raise ClientDisconnect
                    chunks.append(message.get("body", b""))
                    size += len(chunks[-1])
                    if size > most:
                        raise _too_large(most)
                    if size > _SMALL:
                        self.hold(record, size - record.held_bytes)
                    more = message.get("more_body", False)
        except TimeoutError:
            raise DeadlineExceeded("the deadline passed before the body had arrived") from None
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)

    def hold(self, record: RequestRecord, size: int) -> None:
        """Count so many bytes until the answer begins. Raises QueueFull."""
        if self._held + size > self._max_held:
            raise QueueFull(
                "too many large bodies are being read already", retry_after=_RETRY_SECONDS
            )
        if not record.held_bytes:
            record.at_end.append(partial(self._release, record))
        record.held_bytes += size
        self._held += size

    def _release(self, record: RequestRecord) -> None:
        self._held -= record.held_bytes
        record.held_bytes = 0


def _too_large(max_bytes: int) -> RequestRefused:
    return RequestRefused(413, f"the body is larger than {max_bytes} bytes")
