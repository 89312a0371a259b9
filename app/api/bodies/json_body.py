"""Reads a request whose body is JSON. Knows bodies and their limits; not what they mean.

A small body is parsed at once. A larger one is read in a thread (see `long_json`), with its long
lists left as they are; only fields that are asked for by `long` are given them.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from typing import Any, Final, TypeVar

from fastapi import Request
from pydantic import BaseModel, ValidationError
from pydantic_core import from_json

from app.api.bodies.encodings import encoding_of, unpacked
from app.api.bodies.fields import (
    FieldError,
    WrongFields,
    clipped,
    field_errors,
    shown,
    unknown_fields,
)
from app.api.bodies.long_json import LONG_BYTES, MOST_PARTS, LongBody, read_long
from app.api.bodies.long_lists import EmptyList, LongList, Malformed, Reading, TooLong
from app.api.context import record_of
from app.api.errors import RequestRefused
from app.api.limits import deadline_of
from app.api.services import Services
from app.api.work import Wanted, prepare
from app.errors import InvalidInput
from app.telemetry import tracing

B = TypeVar("B", bound=BaseModel)
T = TypeVar("T")
_MOST: Final = 100_000  # values of a long list in a field that is not read piece by piece


async def read_json(
    request: Request,
    services: Services,
    body_type: type[B],
    allowed: Mapping[str, str],
    long: Collection[str] = (),
    *,
    encodings: Collection[str] = (),
    max_bytes: int = 0,
) -> B:
    """The body of `request`, checked; sets the deadline of the request.

    `allowed` says in words what each field may hold. `long`: fields which may be given a `LongList`
    where they are of type Any, or where what is in them is. `encodings`, `max_bytes`: see
    `read_content`.
    Raises RequestRefused (400, 413, 415), WrongFields, InvalidInput for a wrong header or a query,
    QueueFull, DeadlineExceeded, and ClientDisconnect.
    """
    with tracing.span("parse"):
        _require_json(record_of(request.scope).headers.get("content-type"))
        content = await read_content(request, services, allowed, encodings, max_bytes)
        parsed = await parse_json(request, services, content)
        return await checked(request, services, parsed, body_type, allowed, long)


async def read_content(
    request: Request,
    services: Services,
    allowed: Mapping[str, str],
    encodings: Collection[str] = (),
    max_bytes: int = 0,
) -> bytes:
    """The body of `request` as it was before it was packed; sets the deadline of the request.

    `encodings`: those it may be packed in. `max_bytes`: that it may have at most as it is sent, if
    fewer than usual. Raises what `read_json` raises.
    """
    record, settings = record_of(request.scope), services.settings
    headers = record.headers
    record.deadline = deadline_of(headers, record.started, settings.request_timeout_seconds)
    sent = headers.get("content-encoding", "")
    encoding = encoding_of(sent, encodings) if encodings else require_plain(sent)
    require_no_query(request, allowed)
    content = await services.bodies.read(request, record, max_bytes)
    return await unpacked_body(request, services, content, encoding)


async def unpacked_body(
    request: Request, services: Services, content: bytes, encoding: str
) -> bytes:
    """A body as it was before it was packed in `encoding`, "" if it was not; bounded as any body.

    Raises RequestRefused (400, 413), QueueFull, and what `prepare` raises.
    """
    if not encoding:
        return content
    unpack = partial(unpacked, content, encoding, services.settings.max_body_bytes)
    plain = await in_bodies(request, services, unpack)
    services.bodies.hold(record_of(request.scope), len(plain))
    return plain


async def checked(
    request: Request,
    services: Services,
    parsed: LongBody,
    body_type: type[B],
    allowed: Mapping[str, str],
    long: Collection[str] = (),
) -> B:
    """What was parsed, if it is a `body_type`. Raises what `read_json` raises."""
    if not isinstance(parsed.content, dict):
        raise not_an_object(parsed.content, allowed)
    fields: dict[str, Any] = parsed.content
    wrong: list[FieldError] = []
    if not fields.keys() <= body_type.model_fields.keys():
        wrong = unknown_fields(fields, allowed)
        fields = {name: fields[name] for name in body_type.model_fields if name in fields}
    if not parsed.whole:
        raise WrongFields(wrong) if wrong else too_many_parts()
    if parsed.lists:
        others = {name: value for name, value in fields.items() if name not in long}
        fields = fields | await plain_fields(request, services, others, allowed)
    try:
        body = body_type.model_validate(fields)
    except ValidationError as error:
        raise WrongFields(wrong + field_errors(error, allowed)) from None
    if wrong:
        raise WrongFields(wrong)
    return body


async def parse_json(request: Request, services: Services, content: bytes) -> LongBody:
    """What a body holds. NaN and Infinity pass here, so that their field can be named later.

    Raises RequestRefused (400), and what `prepare` raises.
    """
    if not content:
        raise RequestRefused(400, "the body is empty; send a JSON object")
    if len(content) > LONG_BYTES:
        # A clock of its own: what is left as text is read later, and then for as long.
        reading = Reading(Wanted(record_of(request.scope).deadline).check)
        return await in_bodies(request, services, partial(read_long, content, reading))
    try:
        return LongBody(from_json(content))
    except ValueError as error:
        raise not_json(error) from None


def json_of(content: bytes) -> Any:
    """What a body holds; a thread should read a large one. Raises RequestRefused, InvalidInput."""
    return json_of_each([content])[0]


def json_of_each(contents: Sequence[bytes]) -> list[Any]:
    """The same of several, which together are no more than one may be."""
    found, parts = [], MOST_PARTS
    short = sum(map(len, contents)) <= LONG_BYTES
    for content in contents:
        try:
            parsed = LongBody(from_json(content)) if short else read_long(content, parts=parts)
        except ValueError as error:
            raise not_json(error) from None
        if not parsed.whole:
            raise too_many_parts()
        found.append(parsed.content)
        parts -= parsed.parts
    return found


async def plain_fields(
    request: Request, services: Services, fields: Mapping[str, Any], allowed: Mapping[str, str]
) -> dict[str, Any]:
    """`fields` with lists in the place of each `LongList`. Raises InvalidInput, RequestRefused."""
    settings = services.settings
    most = max(_MOST, settings.max_texts, settings.max_series)

    def step() -> dict[str, Any]:
        found = {}
        for name, value in fields.items():
            try:
                found[name] = _plain(value, most)
            except (TooLong, EmptyList) as error:
                raise InvalidInput(str(error), field=name, allowed=allowed.get(name, "")) from None
        return found

    return await in_bodies(request, services, step)


def _plain(value: Any, most: int) -> Any:
    if isinstance(value, LongList):
        return value.plain(most)
    if isinstance(value, dict):
        return {name: _plain(each, most) for name, each in value.items()}
    if isinstance(value, list):
        return [_plain(each, most) for each in value]
    return value


async def in_bodies(
    request: Request,
    services: Services,
    step: Callable[[], T],
    wanted: Wanted | None = None,
) -> T:
    """What `step`, which reads a large body, returns in a thread for that.

    Raises RequestRefused (400) for what is no JSON, and what `prepare` raises.
    """
    try:
        [result] = await prepare(
            request,
            record_of(request.scope),
            [step],
            inline=False,
            executor=services.threads.bodies,
            wanted=wanted,
        )
    except Malformed as error:
        raise not_json(error) from None
    return result


def not_json(error: ValueError) -> RequestRefused:
    """The refusal of a body that is no JSON."""
    hint = "; half a surrogate pair is no character" if "hex escape" in str(error) else ""
    return RequestRefused(400, f"the body is not JSON: {error}{hint}")


def not_an_object(content: object, allowed: Mapping[str, str]) -> WrongFields:
    """The refusal of JSON that is something else."""
    names = ", ".join(allowed)
    message = f"expected a JSON object, got {shown(content)}"
    return WrongFields(
        [FieldError(field="", message=message, allowed=f"a JSON object with the fields {names}")]
    )


def too_many_parts() -> InvalidInput:
    """The refusal of a body that was not read to its end."""
    return InvalidInput(
        "the body holds far more fields, texts and lists than any request has",
        allowed="long lists of numbers or of texts, and few things beside them",
    )


def require_no_query(request: Request, allowed: Mapping[str, str]) -> None:
    """Raise InvalidInput for a query: options stand in the body."""
    if request.scope["query_string"]:
        name = next(iter(request.query_params), "")
        raise InvalidInput(
            "options of a JSON request stand in its body, not in the query",
            field=clipped(name),
            allowed=f"no query; in the body {', '.join(allowed)}",
        )


def require_plain(encoding: str | None) -> str:
    """The Content-Encoding "" of a body that has none. Raises RequestRefused (415) for others."""
    # Unpacked, a small body may be larger than any limit.
    sent = (encoding or "").strip()
    if sent and sent.lower() != "identity":
        raise RequestRefused(
            415,
            f"send the body as it is, without Content-Encoding: {clipped(sent)}",
            headers={"Accept-Encoding": "identity"},
        )
    return ""


def _require_json(content_type: str | None) -> None:
    if content_type == "application/json":
        return
    media_type = (content_type or "").partition(";")[0].strip().lower()
    if media_type != "application/json" and not (
        media_type.startswith("application/") and media_type.endswith("+json")
    ):
        sent = f", not {media_type[:60]}" if media_type else ""
        raise RequestRefused(415, f"send the body with Content-Type: application/json{sent}")
