"""How much a request may take: bytes of body, time. Knows headers; not what a body means."""

import asyncio
import time
from collections.abc import Iterable, Mapping
from typing import Final

from starlette.requests import ClientDisconnect, Request

from app.api.errors import RequestRefused
from app.api.fields import shown
from app.errors import DeadlineExceeded, InvalidInput

TIMEOUT_HEADER: Final = "X-Request-Timeout-Ms"
_TIMEOUT_NAME: Final = TIMEOUT_HEADER.lower()
_TIMEOUT_BYTES: Final = _TIMEOUT_NAME.encode()


def deadline_of(headers: Mapping[str, str], started: float, longest: float) -> float:
    """The `time.monotonic()` value by which the answer must be out.

    The client may ask for less than `longest` seconds, never for more. Raises InvalidInput for a
    header that is not a positive whole number.
    """
    value = headers.get(_TIMEOUT_NAME)
    if value is None:
        return started + longest
    if not (value.isascii() and value.isdecimal() and len(value) < 16 and int(value) > 0):
        raise InvalidInput(
            f"expected a positive whole number of milliseconds, got {shown(value)}",
            field=TIMEOUT_HEADER,
            allowed="a positive whole number of milliseconds",
        )
    return started + min(longest, int(value) / 1000)


def patience_of(headers: Iterable[tuple[bytes, bytes]], longest: float) -> float:
    """How many seconds a request has, before it is looked at any closer; never raises."""
    value = next((value for name, value in headers if name == _TIMEOUT_BYTES), b"")
    if value.isdigit() and len(value) < 16:
        return min(longest, int(value) / 1000)
    return longest


async def read_body(
    request: Request, headers: Mapping[str, str], max_bytes: int, deadline: float
) -> bytes:
    """The whole body, `max_bytes` at most, whether its length was announced or not.

    Raises RequestRefused (413), DeadlineExceeded for a body that trickles in too slowly, and
    starlette's ClientDisconnect.
    """
    announced = headers.get("content-length", "")
    if announced.isdecimal() and int(announced) > max_bytes:
        raise _too_large(max_bytes)
    chunks: list[bytes] = []
    size, more = 0, True
    try:
        async with asyncio.timeout(max(0.0, deadline - time.monotonic())):
            while more:
                message = await request.receive()
                if message["type"] == "http.disconnect":
                    raise ClientDisconnect
                chunks.append(message.get("body", b""))
                size += len(chunks[-1])
                if size > max_bytes:
                    raise _too_large(max_bytes)
                more = message.get("more_body", False)
    except TimeoutError:
        raise DeadlineExceeded("the deadline passed before the body had arrived") from None
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)


async def client_gone(request: Request) -> None:
    """Return when the client closes the connection; call it once the body is read."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _too_large(max_bytes: int) -> RequestRefused:
    return RequestRefused(413, f"the body is larger than {max_bytes} bytes")


__all__ = [
    "TIMEOUT_HEADER",
    "ClientDisconnect",
    "client_gone",
    "deadline_of",
    "patience_of",
    "read_body",
]
