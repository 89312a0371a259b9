"""Answers as bytes: JSON, and nothing where nobody waits. Knows HTTP's headers; not what is said.

FastAPI would copy and validate every value first, and Starlette would look at the headers.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

from fastapi import Response
from pydantic_core import to_json

from app.api.context import CLIENT_GONE
from app.errors import InferenceFailed

_JSON: Final = ((b"content-type", b"application/json"),)


class BytesResponse(Response):
    """A body that is bytes already: 200 with these headers and its length."""

    def __init__(self, content: bytes, headers: Sequence[tuple[bytes, bytes]] = _JSON) -> None:
        self.status_code = 200
        self.background = None
        self.body = content
        self.raw_headers = [(b"content-length", b"%d" % len(content)), *headers]


def answer_json(values: Any) -> bytes:
    """What a task has answered, plain values, as JSON. No answer holds NaN or an infinity.

    Raises:
        InferenceFailed: a number is not finite: a network or what surrounds it has overflowed.
    """
    content = to_json(values)
    # Texts may hold these words, too: then it is looked at closely.
    if (b"NaN" in content or b"Infinity" in content) and not _is_finite(values):
        raise InferenceFailed("the answer is not finite")
    return content


def json_response(values: Any) -> Response:
    """The answer of a task. Raises InferenceFailed for numbers that are not finite."""
    return BytesResponse(answer_json(values))


def _is_finite(values: Any) -> bool:
    if isinstance(values, Mapping):
        return all(map(_is_finite, values.values()))
    if isinstance(values, list | tuple):
        return all(map(_is_finite, values))
    return not isinstance(values, float) or math.isfinite(values)


def nobody() -> Response:
    """For a client that has left: never sent, but counted."""
    return Response(status_code=CLIENT_GONE)
