"""GET and PUT /streams/{stream}/state: sealed states out and in. Knows HTTP, no seal."""

from collections.abc import Callable
from functools import partial
from typing import Any, Final, TypeVar

from fastapi import APIRouter, Request, Response

from app.api.bodies.fields import clipped
from app.api.bodies.json_body import in_bodies, require_plain
from app.api.bodies.long_json import LONG_BYTES
from app.api.context import record_of
from app.api.errors import RequestRefused
from app.api.limits import deadline_of
from app.api.openapi import problems
from app.api.responses import BytesResponse
from app.api.routes.streams import Stream, StreamName, key_of, stream_response
from app.api.services import Services
from app.api.streams.following import new_record, version_of
from app.api.streams.states import digest_of, states_of
from app.errors import InvalidInput, OtherGraph, StreamExists, StreamNotFound
from app.serving.models.loader import LoadedModel
from app.serving.streams.records import POLICIES, Key, Record, now
from app.serving.streams.sealed import MAX_HEADER_BYTES, MEDIA_TYPE, SealedFacts, seal, unseal

T = TypeVar("T")

_BINARY: Final[dict[str, Any]] = {
    MEDIA_TYPE: {"schema": {"type": "string", "format": "binary"}},
}
_HEADERS: Final = [(b"content-type", MEDIA_TYPE.encode())]


def routes(services: Services) -> APIRouter:
    """The routes of this file."""
    router = APIRouter(prefix="/streams", tags=["streams"])
    settings, streams = services.settings, services.streams
    most = settings.max_stream_bytes + MAX_HEADER_BYTES

    async def done(request: Request, size: int, step: Callable[[], T]) -> T:
        """What `step` returns, in a thread if it handles many bytes."""
        if size <= LONG_BYTES:
            return step()
        return await in_bodies(request, services, step)

    async def secret() -> bytes:
        key = settings.streams_key
        return await streams.store.secret() if key is None else key.get_secret_value().encode()

    @router.head("/{stream}/state", include_in_schema=False)
    @router.get(
        "/{stream}/state",
        summary="Take a state out",
        response_class=Response,
        responses={
            200: {"description": "The state, sealed.", "content": _BINARY},
            **problems(404, 409, 422, 500, 503),
        },
    )
    async def read_state(request: Request, stream: StreamName) -> Response:
        """The state as it is now, as safetensors, with a seal; the stream goes on."""
        record = await streams.look(key_of(services, request, stream))
        model = await version_of(services, record_of(request.scope), record)
        tensors = states_of(model, record.model).tensors_of(record.state)
        facts = SealedFacts(
            record.model, record.version, record.digest, record.position, record.policy, record.ttl
        )
        step = partial(seal, facts, tensors, await secret())
        return BytesResponse(await done(request, len(record.state), step), _HEADERS)

    @router.put(
        "/{stream}/state",
        summary="Put a state in",
        response_model=Stream,
        responses={
            201: {"model": Stream, "description": "A stream was opened with it."},
            **problems(400, 404, 409, 412, 413, 415, 422, 429, 500, 503, 504),
        },
        openapi_extra={"requestBody": {"required": True, "content": _BINARY}},
    )
    async def write_state(request: Request, stream: StreamName) -> Response:
        """A stream that goes on from a sealed state: a new one, or the one that is there."""
        key = key_of(services, request, stream)
        record = record_of(request.scope)
        headers = record.headers
        kind = headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != MEDIA_TYPE:
            sent = f", not {clipped(kind)}" if kind else ""
            raise RequestRefused(415, f"send the body with Content-Type: {MEDIA_TYPE}{sent}")
        require_plain(headers.get("content-encoding"))
        record.deadline = deadline_of(headers, record.started, settings.request_timeout_seconds)
        body = await services.bodies.read(request, record, most)
        step = partial(unseal, body, await secret())
        facts, tensors = await done(request, len(body), step)
        model = _version_of(services, record, facts)
        try:
            state = states_of(model, facts.model).state_from(tensors)
        except ValueError as error:
            raise InvalidInput(str(error), field="the body") from None
        made, new = await _put(services, key, _record(facts, model, state))
        return stream_response(stream, made, 201 if new else 200)

    return router


def _version_of(services: Services, record: Any, facts: SealedFacts) -> LoadedModel:
    """A loaded version with the graph that the state is of. Raises OtherGraph, ModelNotFound."""
    name = facts.model.partition(".")[0]
    model = services.lease(record, name, None)
    if digest_of(model, states_of(model, facts.model)) == facts.digest:
        return model
    held = services.repository.held.lease(name, facts.version)
    if held is not None:
        record.at_end.append(held.leases.give_back)
        if digest_of(held, states_of(held, facts.model)) == facts.digest:
            return held
    raise OtherGraph(
        f"the state is of version {facts.version} of {facts.model}, and version {model.version}, "
        "which is served, has another graph"
    )


def _record(facts: SealedFacts, model: LoadedModel, state: bytes) -> Record:
    [policy] = [each for each in POLICIES if each == facts.policy]
    fresh = new_record(facts.model, model.version, facts.digest, policy, facts.ttl, state)
    return fresh.moved(position=facts.position)


async def _put(services: Services, key: Key, record: Record) -> tuple[Record, bool]:
    """(the stream with this state, whether it was made now)."""
    streams = services.streams
    while True:
        try:
            before = await streams.look(key)
        except StreamNotFound:
            made, new = await streams.open(key, record)
            if new:
                return made, True
            continue
        if before.model != record.model:
            raise StreamExists(
                f"there is a stream {key.name!r} already, of {before.model}; DELETE it first"
            )
        after = before.moved(
            version=record.version,
            digest=record.digest,
            position=record.position,
            state=record.state,
            answer=None,
            expires=now() + before.ttl,
        )
        if await streams.change(key, before, after, forget=True):
            return after, False
