"""PUT, GET and DELETE /streams/{stream}, its fork, and the list. Knows HTTP and what a stream is.

Steps are taken in stream_steps.py, sealed states are read and written in stream_state.py.
"""

import re
from datetime import UTC, datetime
from typing import Annotated, Any, Final

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from app.api.bodies.fields import clipped, shown
from app.api.bodies.json_body import read_json
from app.api.context import record_of
from app.api.openapi import json_body, problems
from app.api.services import Services
from app.api.streams.following import new_record
from app.api.streams.states import digest_of, first_of, states_of
from app.errors import InvalidInput, StreamExists, StreamNotFound
from app.serving.streams.records import Key, Listed, Policy, Record, now
from app.settings import Settings

NAME_RULE: Final = "1 to 128 letters, digits, '.', '_' or '-'"
NAME_PATTERN: Final = r"^[A-Za-z0-9._-]{1,128}$"
_NAME: Final = re.compile("[A-Za-z0-9._-]{1,128}")
_LISTED: Final = 100
_MOST_LISTED: Final = 1000

StreamName = Annotated[
    str, Path(description=f"Name of a stream: {NAME_RULE}.", examples=["pump-7"])
]


class StreamRequest(BaseModel):
    """What a stream goes on with, and how."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    model: str = Field(
        max_length=129, description="Which model, or `name.graph` for one of several graphs."
    )
    version: str | None = Field(
        None, max_length=16, description="Insist on this version; else the one served."
    )
    ttl_seconds: float | None = Field(
        None, gt=0, allow_inf_nan=False, description="Seconds without a step until it expires."
    )
    on_new_version: Policy | None = Field(
        None,
        description="What happens when another version is served: `pin` (the default), `replay` or "
        "`refuse`.",
    )
    options: dict[str, Any] | None = Field(
        None,
        description="The model's own: of a forecaster "
        "`frequency`, `season_length`, `threshold`, `quantiles`.",
    )


class ForkRequest(BaseModel):
    """The other stream."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    stream: str = Field(pattern=NAME_PATTERN, description="Name of the new stream.")


class Stream(BaseModel):
    """One stream."""

    stream: str
    model: str
    version: str = Field(description="The version that its state is of.")
    position: int = Field(description="Steps that it has taken.")
    on_new_version: Policy
    ttl_seconds: float
    created: datetime
    expires: datetime = Field(description="When it expires if no step comes.")


class StreamList(BaseModel):
    """Streams in the order of their names."""

    streams: list[Stream]
    next: str | None = Field(description="`after` of the next page; null on the last one.")


_EXAMPLES: Final[dict[str, Any]] = {
    "open": {"summary": "A stream of a model", "value": {"model": "lstm"}},
    "follow": {
        "summary": "One that follows new versions, and lives for an hour without steps",
        "value": {"model": "lstm", "on_new_version": "replay", "ttl_seconds": 3600},
    },
}
_FORK: Final[dict[str, Any]] = {"fork": {"summary": "A copy", "value": {"stream": "what-if"}}}


def routes(services: Services) -> APIRouter:
    """The routes of this file."""
    router = APIRouter(prefix="/streams", tags=["streams"])
    settings, streams = services.settings, services.streams
    allowed = allowed_fields(settings)

    @router.put(
        "/{stream}",
        summary="Open a stream",
        response_model=Stream,
        responses={
            201: {"model": Stream, "description": "It was opened."},
            **problems(400, 404, 409, 413, 415, 422, 429, 500, 503, 504),
        },
        openapi_extra=json_body(StreamRequest, _EXAMPLES),
    )
    async def open_stream(request: Request, stream: StreamName) -> Response:
        """201, or 200 if it is there already and of the same model and version.

        `ttl_seconds` and `on_new_version` of a stream that is there are changed if they are sent.
        """
        key = key_of(services, request, stream)
        body = await read_json(request, services, StreamRequest, allowed)
        if (body.ttl_seconds or 0) > settings.stream_ttl_seconds:
            raise InvalidInput(
                f"{shown(body.ttl_seconds)} seconds are too many",
                field="ttl_seconds",
                allowed=allowed["ttl_seconds"],
            )
        try:
            return stream_response(stream, await _changed(services, key, body))
        except StreamNotFound:
            record, new = await streams.open(key, _record(services, request, body))
            if not new:  # another process was faster
                record = await _changed(services, key, body)
            return stream_response(stream, record, 201 if new else 200)

    @router.head("/{stream}", include_in_schema=False)
    @router.get(
        "/{stream}", summary="Tell where a stream is", responses=problems(404, 422, 500, 503)
    )
    async def show_stream(request: Request, stream: StreamName) -> Stream:
        """Its position, its version, and how long it lives. This does not prolong its life."""
        return _stream(stream, await streams.look(key_of(services, request, stream)))

    @router.delete(
        "/{stream}",
        summary="End a stream",
        status_code=204,
        response_class=Response,
        responses=problems(404, 422, 500, 503),
    )
    async def end_stream(request: Request, stream: StreamName) -> Response:
        """Its state is gone, and its name is free."""
        await streams.delete(key_of(services, request, stream))
        return Response(status_code=204)

    @router.head("", include_in_schema=False)
    @router.get("", summary="List streams", responses=problems(422, 500, 503))
    async def list_streams(
        request: Request,
        model: Annotated[str | None, Query(description="Only those of this model.")] = None,
        after: Annotated[str, Query(description="Only names behind this one.")] = "",
        limit: Annotated[
            str, Query(description=f"1 to {_MOST_LISTED}; the default is {_LISTED}.")
        ] = str(_LISTED),
    ) -> StreamList:
        """A page of the streams of this API key, in the order of their names."""
        most = _limit_of(limit)
        owner = services.owner(request.scope)
        found = await streams.page(owner, model=model, after=after, limit=most + 1)
        page = found[:most]
        return StreamList(
            streams=[_stream(each.name, each) for each in page],
            next=page[-1].name if len(found) > most else None,
        )

    @router.post(
        "/{stream}/fork",
        summary="Copy a stream",
        status_code=201,
        response_model=Stream,
        responses=problems(400, 404, 409, 413, 415, 422, 429, 500, 503, 504),
        openapi_extra=json_body(ForkRequest, _FORK),
    )
    async def fork_stream(request: Request, stream: StreamName) -> Response:
        """Another stream that goes on from here; neither knows of the other."""
        key = key_of(services, request, stream)
        body = await read_json(request, services, ForkRequest, {"stream": NAME_RULE})
        record = await streams.fork(key, body.stream)
        return stream_response(body.stream, record, 201)

    return router


def key_of(services: Services, request: Request, stream: str) -> Key:
    """Whose stream of which name. Raises InvalidInput for what is no name."""
    if not is_name(stream):
        raise InvalidInput(
            f"{clipped(stream)!r} is no name of a stream", field="stream", allowed=NAME_RULE
        )
    return Key(services.owner(request.scope), stream)


def is_name(text: str) -> bool:
    """Whether `text` may be the name of a stream."""
    return _NAME.fullmatch(text) is not None


def stream_response(name: str, record: Record, status: int = 200) -> Response:
    """What PUT and fork answer."""
    content = _stream(name, record).model_dump_json()
    return Response(content, status, media_type="application/json")


def allowed_fields(settings: Settings) -> dict[str, str]:
    """What each field of a request may hold."""
    return {
        "model": "the name of a model that streams",
        "version": 'a version as text, such as "1", or null',
        "ttl_seconds": f"more than 0, at most {settings.stream_ttl_seconds:g}",
        "on_new_version": "pin, replay or refuse",
        "options": "the model's own, or nothing",
    }


async def _changed(services: Services, key: Key, body: StreamRequest) -> Record:
    """The stream that is there, with the lifetime and the policy that are asked for.

    Raises StreamNotFound, StreamExists, InvalidInput.
    """
    streams = services.streams
    while True:
        record = await streams.look(key)
        if record.model != body.model or body.version not in (None, record.version):
            raise StreamExists(
                f"there is a stream {key.name!r} already, of version {record.version} of "
                f"{record.model}; DELETE it first"
            )
        policy = body.on_new_version or record.policy
        ttl = body.ttl_seconds or record.ttl
        if (policy, ttl) == (record.policy, record.ttl):
            return record
        after = record.moved(policy=policy, ttl=ttl, expires=now() + ttl)
        if await streams.change(key, record, after, forget=policy == "pin"):
            return after


def _record(services: Services, request: Request, body: StreamRequest) -> Record:
    """A new stream before its first step. Raises ModelNotFound, InvalidInput."""
    record = record_of(request.scope)
    name = clipped(body.model).partition(".")[0]
    model = services.lease(record, name, body.version)
    states = states_of(model, body.model)
    policy = body.on_new_version or "pin"
    if policy == "replay" and not states.can_be_fed_again:
        raise InvalidInput(
            "its inputs have no fixed size, so they cannot be kept",
            field="on_new_version",
            allowed="pin or refuse",
        )
    ttl = body.ttl_seconds or services.settings.stream_ttl_seconds
    digest = digest_of(model, states)
    first = first_of(states, body.options)
    return new_record(body.model, model.version, digest, policy, ttl, first)


def _stream(name: str, record: Record | Listed) -> Stream:
    return Stream(
        stream=name,
        model=record.model,
        version=record.version,
        position=record.position,
        on_new_version=record.policy,
        ttl_seconds=record.ttl,
        created=datetime.fromtimestamp(record.created, UTC),
        expires=datetime.fromtimestamp(record.expires, UTC),
    )


def _limit_of(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and 1 <= int(text[:9]) <= _MOST_LISTED):
        raise InvalidInput(
            f"expected a whole number, got {shown(text)}",
            field="limit",
            allowed=f"a whole number from 1 to {_MOST_LISTED}",
        )
    return int(text)
