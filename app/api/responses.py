"""Answers as bytes: JSON, and nothing where nobody waits. Knows HTTP's headers; not what is said.

FastAPI would copy and validate every value first, and Starlette would look at the headers.
"""

from collections.abc import Sequence
from typing import Any, Final

from fastapi import Response
from pydantic_core import to_json

from app.api.context import CLIENT_GONE

_JSON: Final = ((b"content-type", b"application/json"),)


class BytesResponse(Response):
    """A body that is bytes already: 200 with these headers and its length."""

    def __init__(self, content: bytes, headers: Sequence[tuple[bytes, bytes]] = _JSON) -> None:
        self.status_code = 200
        self.background = None
        self.body = content
        self.raw_headers = [(b"content-length", b"%d" % len(content)), *headers]


def json_response(values: Any) -> Response:
    """Plain values as JSON. Floats are finite."""
    return BytesResponse(to_json(values))


def nobody() -> Response:
    """For a client that has left: never sent, but counted."""
    return Response(status_code=CLIENT_GONE)
