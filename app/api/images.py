"""How images come in a request: as the body, as parts of a form, as base64 in JSON. Knows bodies.

However they come, the options are the same: in the query beside a body that is an image, among the
parts of a form, in the JSON object. Knows nothing of what is asked about the images.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, TypeAlias, TypeVar

from fastapi import Request
from pydantic import BaseModel, ValidationError
from starlette.datastructures import Headers
from starlette.formparsers import MultiPartException, MultiPartParser

from app.api.bodies.fields import WrongFields, clipped, field_errors, meant, shown, unknown_fields
from app.api.bodies.json_body import (
    in_bodies,
    parse_json,
    plain_fields,
    require_plain,
    too_many_parts,
)
from app.api.bodies.long_json import LONG_BYTES
from app.api.context import record_of
from app.api.errors import RequestRefused
from app.api.limits import deadline_of
from app.api.services import Services
from app.api.work import Wanted
from app.errors import InvalidInput
from app.telemetry import tracing

IMAGE_TYPES: Final = ("image/jpeg", "image/png", "image/webp")
FORM_TYPE: Final = "multipart/form-data"
JSON_TYPE: Final = "application/json"
FIELD: Final = "image"
SHAPE: Final = "an image as base64, or a list of such"
_MAX_FIELDS: Final = 32

Content: TypeAlias = bytes | str  # of a file, or that in base64
O = TypeVar("O", bound=BaseModel)  # noqa: E741


@dataclass(frozen=True)
class ImageRequest:
    """What was sent. `many`: whether in a way that might have held several; else one image."""

    images: list[Content]
    many: bool
    options: Mapping[str, Any]
    as_text: bool

    def parsed(self, options: type[O], allowed: Mapping[str, str]) -> O:
        """The options, checked; `allowed` says what each may be. Raises WrongFields."""
        wrong = unknown_fields(self.options, allowed)
        known = {name: self.options[name] for name in allowed if name in self.options}
        try:
            if self.as_text:
                found = options.model_validate_strings(known)
            else:
                found = options.model_validate(known)
        except ValidationError as error:
            raise WrongFields(wrong + field_errors(error, allowed)) from None
        if wrong:
            raise WrongFields(wrong)
        return found

    def field(self, index: int) -> str:
        """Where image number `index` stands in the request."""
        return f"{FIELD}[{index}]" if self.many else FIELD


async def read_images(request: Request, services: Services) -> ImageRequest:
    """What a request holds; sets the deadline of the request.

    Raises RequestRefused for a body that cannot be taken apart or is too large, InvalidInput for
    one without an image, with too many of them, or with options in the wrong place, QueueFull,
    DeadlineExceeded, and ClientDisconnect.
    """
    record, settings = record_of(request.scope), services.settings
    headers, most = record.headers, settings.max_images
    record.deadline = deadline_of(headers, record.started, settings.request_timeout_seconds)
    media_type = _media_type(headers.get("content-type", ""))
    require_plain(headers.get("content-encoding"))
    body = await services.bodies.read(request, record)
    with tracing.span("parse"):
        if media_type == FORM_TYPE:
            found = await _from_form(request, services, body)
        elif media_type in IMAGE_TYPES:
            if not body:
                raise RequestRefused(400, "the body is empty; send an image")
            found = ImageRequest([body], False, dict(request.query_params), True)
        else:
            found = await _from_json(request, services, body)
            if request.query_params:
                raise InvalidInput(
                    "options of a JSON request stand in its body",
                    field=clipped(next(iter(request.query_params))),
                    allowed="no query",
                )
    if not found.images:
        raise InvalidInput("there is no image", field=FIELD, allowed=f"1 to {most} images")
    if len(found.images) > most:
        raise _too_many(len(found.images), most)
    return found


async def _from_json(request: Request, services: Services, content: bytes) -> ImageRequest:
    parsed = await parse_json(request, services, content)
    body, most = parsed.content, services.settings.max_images
    if not isinstance(body, dict):
        raise InvalidInput(
            f"expected a JSON object, got {shown(body)}", allowed=f"an object with {FIELD}: {SHAPE}"
        )
    if not parsed.whole:
        raise too_many_parts()
    options = dict(body)
    if FIELD not in options:
        near = next((f"; {each} is unknown{meant(each, (FIELD,))}" for each in options), "")
        raise InvalidInput(f"this field is required{near}", field=FIELD, allowed=SHAPE)
    if parsed.lists:
        options = await plain_fields(request, services, options, {FIELD: SHAPE})
    value = options.pop(FIELD)
    many = isinstance(value, list)
    images = value if many else [value]
    if len(images) > most:
        raise _too_many(len(images), most)
    for index, image in enumerate(images):
        if not isinstance(image, str):
            raise InvalidInput(
                f"expected base64, got {shown(image)}",
                field=f"{FIELD}[{index}]" if many else FIELD,
                allowed="an image as base64" if many else SHAPE,
            )
    return ImageRequest(images, many, options, False)


async def _from_form(request: Request, services: Services, body: bytes) -> ImageRequest:
    """Every part that is a file is an image, whatever its name; the others are options."""
    headers, query = Headers(scope=request.scope), dict(request.query_params)
    wanted = Wanted(record_of(request.scope).deadline)
    read = partial(_read_form, headers, query, body, services.settings.max_images, wanted.check)
    if len(body) <= LONG_BYTES:
        return await read()
    return await in_bodies(request, services, lambda: asyncio.run(read()), wanted)


async def _read_form(
    headers: Headers,
    query: Mapping[str, str],
    body: bytes,
    max_images: int,
    check: Callable[[], None],
) -> ImageRequest:
    parser = MultiPartParser(
        headers,
        _chunks(body, check),
        max_files=max_images + 1,  # the first one too many is counted, and refused by us
        max_fields=_MAX_FIELDS,
    )
    # The body is in memory already, and a container's disk may be read-only.
    parser.spool_max_size = len(body) + 1
    try:
        form = await parser.parse()
    except MultiPartException as error:
        if error.message.startswith("Too many files"):
            raise _too_many(max_images + 1, max_images) from None
        raise RequestRefused(400, f"the form is malformed: {clipped(error.message)}") from None
    except (KeyError, ValueError, LookupError) as error:
        raise RequestRefused(400, f"the form is malformed: {type(error).__name__}") from None
    images: list[Content] = []
    options: dict[str, Any] = dict(query)
    try:
        for name, part in form.multi_items():
            if not isinstance(part, str):
                images.append(await part.read())
            elif name in options:
                raise InvalidInput("it is sent twice", field=clipped(name), allowed="one value")
            else:
                options[name] = part
    finally:
        await form.close()
    return ImageRequest(images, len(images) > 1, options, True)


async def _chunks(content: bytes, check: Callable[[], None]) -> AsyncGenerator[bytes, None]:
    for at in range(0, len(content), LONG_BYTES):
        check()
        yield content[at : at + LONG_BYTES]


def _media_type(header: str) -> str:
    """That of a Content-Type. Raises RequestRefused (415) for what is no kind of body here."""
    media_type = header.partition(";")[0].strip().lower()
    if media_type not in (*IMAGE_TYPES, FORM_TYPE, JSON_TYPE):
        sent = f", not {clipped(media_type)}" if media_type else ""
        known = ", ".join((*IMAGE_TYPES, FORM_TYPE))
        raise RequestRefused(415, f"send the body as {known} or {JSON_TYPE}{sent}")
    return media_type


def _too_many(count: int, most: int) -> InvalidInput:
    return InvalidInput(
        f"{count} images are too many",
        field=FIELD,
        allowed=f"at most {most} images",
    )
