"""One table from errors to HTTP, and one body for all of them (RFC 9457). Knows no route."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from fastapi import FastAPI, Request
from pydantic import BaseModel, ConfigDict, Field
from pydantic_core import to_json
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import Scope

from app.api.bodies.fields import FieldError, WrongFields, abridged, clipped
from app.api.context import record_of
from app.api.paths import is_protocol, near_paths
from app.errors import (
    DeadlineExceeded,
    InferenceFailed,
    InvalidInput,
    ModelNotFound,
    ModelRefused,
    NotReady,
    OtherGraph,
    QueueFull,
    StoreFailed,
    StreamExists,
    StreamExpired,
    StreamNotFound,
    TooManyStreams,
    UnrollError,
    VersionReplaced,
    WrongPosition,
)
from app.telemetry import metrics

MEDIA_TYPE: Final = "application/problem+json"
_IN_DETAIL: Final = 3  # wrong fields that `detail` names; `errors` has more


class Problem(BaseModel):
    """Why a request was not answered (RFC 9457)."""

    model_config = ConfigDict(json_schema_extra={"required": ["type", "title", "status"]})

    type: str = Field(description="Names the kind of problem; does not change between releases.")
    title: str = Field(description="The kind of problem in words.")
    status: int = Field(description="The HTTP status.")
    detail: str = Field(description="What happened this time.")
    instance: str = Field(description="The path that was asked for.")
    request_id: str = Field(description="The id of this request, also in the service's log.")
    errors: list[FieldError] | None = Field(None, description="Every wrong field, if any is.")
    position: int | None = Field(None, description="Where the stream is, if that is the problem.")


@dataclass(frozen=True)
class ProblemKind:
    """A row of the table: what clients can tell apart."""

    status: int
    slug: str
    title: str
    description: str

    @property
    def type(self) -> str:
        """The problem type: a name, not an address."""
        return f"urn:unroll:problem:{self.slug}"


INTERNAL_ERROR: Final = ProblemKind(
    500,
    "internal-error",
    "Internal error",
    "the service failed on this request; its log says more under the request id",
)

# By domain error. A subclass that is not listed takes the row of its nearest listed base.
ERRORS: Final[dict[type[UnrollError], ProblemKind]] = {
    InvalidInput: ProblemKind(
        422, "invalid-input", "Invalid input", "a field is wrong: which, where, what is allowed"
    ),
    ModelNotFound: ProblemKind(
        404, "model-not-found", "Model not found", "no such model or version is served"
    ),
    ModelRefused: ProblemKind(
        409, "model-refused", "Model refused", "a version failed a check and was not loaded"
    ),
    QueueFull: ProblemKind(
        429, "queue-full", "Queue full", "too much work waits already; see Retry-After"
    ),
    NotReady: ProblemKind(
        503, "not-ready", "Not ready", "loading, without a model, or shutting down"
    ),
    DeadlineExceeded: ProblemKind(
        504, "deadline-exceeded", "Deadline exceeded", "the request's time ran out"
    ),
    InferenceFailed: ProblemKind(
        500, "inference-failed", "Inference failed", "the network failed on this input"
    ),
    StreamNotFound: ProblemKind(
        404, "stream-not-found", "Stream not found", "there is no such stream under this API key"
    ),
    StreamExpired: ProblemKind(
        404, "stream-expired", "Stream expired", "no step came for longer than its ttl_seconds"
    ),
    StreamExists: ProblemKind(
        409, "stream-exists", "Stream exists", "a stream of that name is there, and is another one"
    ),
    WrongPosition: ProblemKind(
        409, "wrong-position", "Wrong position", "the stream is elsewhere; see `position`"
    ),
    VersionReplaced: ProblemKind(
        409, "version-replaced", "Version replaced", "the version of the stream is not served"
    ),
    OtherGraph: ProblemKind(
        412, "other-graph", "Other graph", "the sealed state is that of another graph"
    ),
    TooManyStreams: ProblemKind(
        429, "too-many-streams", "Too many streams", "no stream can be opened until others end"
    ),
    StoreFailed: ProblemKind(
        503, "store-failed", "Store failed", "the states of streams cannot be kept or read now"
    ),
    UnrollError: INTERNAL_ERROR,
}

# By HTTP status, for what never reaches a task.
STATUSES: Final[dict[int, ProblemKind]] = {
    kind.status: kind
    for kind in (
        ProblemKind(400, "malformed-request", "Malformed request", "the body is not JSON"),
        ProblemKind(
            401, "unauthorized", "API key required", "no API key, or one that is not known"
        ),
        ProblemKind(
            403,
            "forbidden",
            "Forbidden",
            "loading and unloading are not allowed, or a page of another site asks for a change",
        ),
        ProblemKind(404, "not-found", "Not found", "there is no such path"),
        ProblemKind(405, "method-not-allowed", "Method not allowed", "the path exists; see Allow"),
        ProblemKind(
            413, "body-too-large", "Body too large", "the body is larger than the service takes"
        ),
        ProblemKind(
            415,
            "unsupported-media-type",
            "Unsupported media type",
            "the body is not sent as JSON, or is compressed",
        ),
        INTERNAL_ERROR,
        ProblemKind(501, "not-implemented", "Not implemented", "the service does not do this"),
    )
}


class RequestRefused(HTTPException):
    """A request that HTTP itself rules out; `status` is a row of STATUSES."""

    def __init__(self, status: int, detail: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(status, detail, headers)


def problem_response(
    scope: Scope,
    kind: ProblemKind,
    detail: str,
    *,
    errors: Sequence[FieldError] = (),
    headers: dict[str, str] | None = None,
    position: int | None = None,
) -> Response:
    """The one body that every error has, or the protocol's; notes the kind in the record."""
    record = record_of(scope)
    record.error = kind.slug
    path: str = scope["path"]
    if is_protocol(path):
        content = to_json({"error": detail})
        return Response(content, kind.status, headers=headers, media_type="application/json")
    body = Problem(
        type=kind.type,
        title=kind.title,
        status=kind.status,
        detail=detail,
        instance=path[:200],
        request_id=record.request_id,
        errors=list(errors) or None,
        position=position,
    )
    return Response(
        body.model_dump_json(exclude_none=True),
        kind.status,
        headers=headers,
        media_type=MEDIA_TYPE,
    )


def add_error_handlers(app: FastAPI) -> None:
    """Make every error of `app` but a crash (the middleware takes those) a problem body."""
    for kind, handler in _HANDLERS.items():
        app.add_exception_handler(kind, handler)


async def error_response(request: Request, error: Exception) -> Response | None:
    """The response to an error; None for one that nobody foresaw."""
    for kind, handler in _HANDLERS.items():
        if isinstance(error, kind):
            return await handler(request, error)
    return None


async def _domain_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, UnrollError)
    kind = next(ERRORS[base] for base in type(error).__mro__ if base in ERRORS)
    headers = {}
    if isinstance(error, QueueFull):
        headers["Retry-After"] = str(max(1, math.ceil(error.retry_after)))
    elif isinstance(error, StoreFailed):
        metrics.STREAM_STORE_FAILURES.inc()
        headers["Retry-After"] = "1"
    elif isinstance(error, NotReady):
        headers |= {"Retry-After": "1", "Connection": "close"}
    errors = []
    detail = INTERNAL_ERROR.description if kind is INTERNAL_ERROR else error.message
    if isinstance(error, InvalidInput):
        # A task may quote what it was sent, however long that is.
        field, detail = clipped(error.field), abridged(error.message)
        errors = [FieldError(field=field, message=detail, allowed=error.allowed)]
        detail = _in_words(errors[0])
    position = error.position if isinstance(error, WrongPosition) else None
    return problem_response(
        request.scope, kind, detail, errors=errors, headers=headers, position=position
    )


async def _no_memory(request: Request, error: Exception) -> Response:
    """The client is not to blame, and what others hold will be free again."""
    detail = "there is not enough memory for this request now"
    headers = {"Retry-After": "1", "Connection": "close"}
    return problem_response(request.scope, ERRORS[NotReady], detail, headers=headers)


async def _wrong_fields(request: Request, error: Exception) -> Response:
    assert isinstance(error, WrongFields)
    detail = "; ".join(map(_in_words, error.errors[:_IN_DETAIL]))
    return problem_response(request.scope, ERRORS[InvalidInput], detail, errors=error.errors)


def _in_words(error: FieldError) -> str:
    """Where, what, and what is allowed there."""
    where = f"{error.field}: " if error.field else ""
    return f"{where}{error.message}" + (f" (allowed: {error.allowed})" if error.allowed else "")


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    kind = STATUSES.get(error.status_code, INTERNAL_ERROR)
    if isinstance(error, RequestRefused):
        detail = error.detail
    elif kind.status == 404:
        near = " or ".join(near_paths(request.url.path, request.app.openapi()["paths"]))
        meant = f"did you mean {near}? " if near else ""
        detail = f"there is no {clipped(request.url.path)}; {meant}/docs lists what there is"
    elif kind.status == 405:
        takes = _allowed_methods(error)
        detail = f"{clipped(request.url.path)} takes {takes}, not {clipped(request.method)}"
    else:
        detail = kind.description
    headers = dict(error.headers) if error.headers else None
    if headers is not None and "Allow" in headers:
        headers["Allow"] = _allowed_methods(error)
    return problem_response(request.scope, kind, detail, headers=headers)


def _allowed_methods(error: HTTPException) -> str:
    """The value of `Allow`."""
    methods = (error.headers or {}).get("Allow", "")
    return "GET, HEAD" if methods == "GET" else methods  # what is read has a route for each


_HANDLERS: Final = {
    UnrollError: _domain_error,
    WrongFields: _wrong_fields,
    HTTPException: _http_error,
    MemoryError: _no_memory,
}
