"""Reads a request whose body is JSON. Knows bodies and their limits; not what they mean."""

from collections.abc import Mapping
from typing import TypeVar

from fastapi import Request
from pydantic import BaseModel, ValidationError
from pydantic_core import from_json

from app.api.context import record_of
from app.api.errors import RequestRefused
from app.api.fields import WrongFields, clipped
from app.api.limits import deadline_of, read_body
from app.settings import Settings
from app.telemetry import tracing

B = TypeVar("B", bound=BaseModel)


async def read_json(
    request: Request, settings: Settings, body_type: type[B], allowed: Mapping[str, str]
) -> B:
    """The body of `request`, checked while it is parsed; sets the deadline of the request.

    `allowed` says in words what each field may hold. Raises RequestRefused (400, 413, 415),
    WrongFields, InvalidInput for a wrong header, DeadlineExceeded, and ClientDisconnect.
    """
    record = record_of(request.scope)
    headers = record.headers
    record.deadline = deadline_of(headers, record.started, settings.request_timeout_seconds)
    with tracing.span("parse"):
        _require_json(headers.get("content-type"))
        require_plain(headers.get("content-encoding"))
        content = await read_body(request, headers, settings.max_body_bytes, record.deadline)
        try:
            return body_type.model_validate_json(content)
        except ValidationError as error:
            if error.error_count() == 1:
                parse_json(content)  # says why, if it is no JSON
            raise WrongFields(error, allowed) from None


def require_plain(encoding: str | None) -> None:
    """Raise RequestRefused (415) for a body with a Content-Encoding."""
    # Unpacked, a small body may be larger than any limit.
    sent = (encoding or "").strip()
    if sent and sent.lower() != "identity":
        raise RequestRefused(
            415,
            f"send the body as it is, without Content-Encoding: {clipped(sent)}",
            headers={"Accept-Encoding": "identity"},
        )


def parse_json(content: bytes) -> object:
    """NaN and Infinity pass here, so that the field they stand in can be named later.

    Raises RequestRefused (400).
    """
    if not content:
        raise RequestRefused(400, "the body is empty; send a JSON object")
    try:
        parsed: object = from_json(content)
    except ValueError as error:
        hint = "; half a surrogate pair is no character" if "hex escape" in str(error) else ""
        raise RequestRefused(400, f"the body is not JSON: {error}{hint}") from None
    return parsed


def _require_json(content_type: str | None) -> None:
    if content_type == "application/json":
        return
    media_type = (content_type or "").partition(";")[0].strip().lower()
    if media_type != "application/json" and not (
        media_type.startswith("application/") and media_type.endswith("+json")
    ):
        sent = f", not {media_type[:60]}" if media_type else ""
        raise RequestRefused(415, f"send the body with Content-Type: application/json{sent}")
