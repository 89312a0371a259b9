"""How much time a request may take. Knows headers; no body."""

from collections.abc import Iterable, Mapping
from typing import Final

from starlette.requests import Request

from app.api.bodies.fields import shown
from app.errors import InvalidInput

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
    for name, value in headers:  # for every request: a generator would take twice as long
        if name == _TIMEOUT_BYTES:
            return (
                min(longest, int(value) / 1000) if value.isdigit() and len(value) < 16 else longest
            )
    return longest


async def client_gone(request: Request) -> None:
    """Return when the client closes the connection; call it once the body is read."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
