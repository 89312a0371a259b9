"""POST /v2/repository/...: what there is, loading and unloading; and what is not served at all.

Knows the protocol's repository extension. Who may load and unload is decided in `keys`.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field
from pydantic_core import from_json

from app.api.bodies.fields import shown
from app.api.bodies.json_body import parse_json, too_many_parts
from app.api.context import record_of
from app.api.errors import RequestRefused
from app.api.graphs import graph_of
from app.api.limits import deadline_of
from app.api.openapi import protocol_errors
from app.api.paths import PROTOCOL
from app.api.services import Services
from app.api.siblings import have_followed
from app.api.v2.metadata import configuration
from app.api.work import in_thread
from app.errors import InvalidInput, ModelNotFound, ModelRefused
from app.serving.models.repository import Repository
from app.settings import Settings

_MAX_BYTES: Final = 1024 * 1024  # of a configuration
_POLICY: Final = '{"specific": {"versions": [N]}} with one version, or {"latest": {}}'
_BODY: Final[dict[str, Any]] = {
    "requestBody": {
        "required": False,
        "description": "Empty, or a JSON object.",
        "content": {"application/json": {"schema": {"type": "object"}}},
    }
}


class VersionEntry(BaseModel):
    """One version of one model."""

    name: str
    version: str
    state: str = Field(description="READY, UNAVAILABLE, LOADING or UNLOADING.")
    reason: str = Field(description="Why it is in that state; empty if there is nothing to say.")


def routes(services: Services) -> APIRouter:
    """The routes of this file."""
    router = APIRouter(prefix=PROTOCOL, tags=["inference protocol"])
    absent_route = partial(router.api_route, methods=["GET", "POST"], include_in_schema=False)
    settings, repository = services.settings, services.repository

    @router.post(
        "/repository/index",
        summary="List every version of every model",
        openapi_extra=_BODY,
        responses=protocol_errors(400, 413, 422, 500, 504),
    )
    async def index(request: Request) -> list[VersionEntry]:
        """What lies in the repository and whether it is served; with `"ready": true` what is.

        The body may be empty.
        """
        content = await _content(request, services)
        only_ready = content.get("ready", False)
        if not isinstance(only_ready, bool):
            raise InvalidInput(
                f"expected true or false, got {shown(only_ready)}", field="ready", allowed="a bool"
            )
        record = record_of(request.scope)
        states = await in_thread(request, record, None, repository.index)
        return [
            VersionEntry(name=each.name, version=each.version, state=each.state, reason=each.reason)
            for each in states
            if each.state == "READY" or not only_ready
        ]

    @router.post(
        "/repository/models/{name}/load",
        summary="Load a model",
        openapi_extra=_BODY,
        response_class=Response,
        responses=protocol_errors(400, 403, 404, 409, 413, 422, 500, 501, 503, 504),
    )
    async def load(request: Request, name: str) -> Response:
        """Serve the highest version in the repository, or the one that the configuration names.

        Answers when it serves. What served before goes on until then, also if it is refused.
        `parameters.config` is a configuration as a JSON text; its `version_policy` may name one
        version, and everything else in it must be as it is. Loading goes on when the time is up.
        """
        _require_control(settings)
        services.lifecycle.require_open()
        parameters = _parameters(await _content(request, services))
        version = None
        for key, value in parameters.items():
            if key != "config":
                raise RequestRefused(501, f"parameters.{key[:60]}: only a config can be sent")
            version = _version(value, name, repository, settings)
        await _control(services, request, partial(repository.load, name, version))
        await have_followed(services.siblings, record_of(request.scope).deadline)
        return Response()

    @router.post(
        "/repository/models/{name}/unload",
        summary="Unload a model",
        openapi_extra=_BODY,
        response_class=Response,
        responses=protocol_errors(400, 403, 404, 413, 422, 500, 503, 504),
    )
    async def unload(request: Request, name: str) -> Response:
        """Serve no version of a model; answers when what it had accepted is finished.

        No model depends on another one here, so `unload_dependents` makes no difference.
        """
        _require_control(settings)
        services.lifecycle.require_open()
        _parameters(await _content(request, services))
        await _control(services, request, partial(repository.unload, name))
        await have_followed(services.siblings, record_of(request.scope).deadline)
        return Response()

    @router.post(
        "/repository/models/{name}/versions/{version}/promote",
        summary="Promote a version",
        openapi_extra=_BODY,
        response_class=Response,
        responses=protocol_errors(400, 403, 404, 409, 413, 422, 500, 503, 504),
    )
    async def promote(request: Request, name: str, version: str) -> Response:
        """Serve this version from now on; no part of the inference protocol.

        A candidate is one no more, and higher versions become candidates. Answers when it serves.
        What served before goes on until then, also if the version is refused.
        """
        _require_control(settings)
        services.lifecycle.require_open()
        _parameters(await _content(request, services))
        await _control(services, request, partial(repository.promote, name, version))
        await have_followed(services.siblings, record_of(request.scope).deadline)
        return Response()

    # Whole extensions that are not served: better said than left to be guessed from a 404.
    @absent_route("/systemsharedmemory/{rest:path}")
    @absent_route("/cudasharedmemory/{rest:path}")
    @absent_route("/trace/setting")
    @absent_route("/models/{name}/trace/setting")
    @absent_route("/logging")
    async def absent(request: Request) -> Response:
        """Shared memory, trace and log settings belong to the host, and not to its clients."""
        raise RequestRefused(501, "this extension of the protocol is not served")

    return router


def _require_control(settings: Settings) -> None:
    if not settings.model_control:
        raise RequestRefused(403, "models are not loaded and unloaded over HTTP here")


async def _control(services: Services, request: Request, change: Callable[[], object]) -> None:
    """Do it in a thread, and say what was refused without saying where it lies on the disk."""
    try:
        control = services.threads.control
        await in_thread(request, record_of(request.scope), control, change)
    except ModelRefused as error:
        raise ModelRefused(error.message.replace(f"{services.settings.models_dir}/", "")) from error


async def _content(request: Request, services: Services) -> Mapping[str, Any]:
    """The object in the body, empty for none; sets the deadline of the request."""
    record = record_of(request.scope)
    seconds = services.settings.request_timeout_seconds
    record.deadline = deadline_of(record.headers, record.started, seconds)
    body = await services.bodies.read(request, record, _MAX_BYTES)
    if not body:
        return {}
    parsed = await parse_json(request, services, body)
    if not parsed.whole:
        raise too_many_parts()
    content = parsed.content
    if not isinstance(content, dict):
        raise InvalidInput(f"expected an object, got {shown(content)}", allowed="a JSON object")
    return content


def _parameters(content: Mapping[str, Any]) -> Mapping[str, Any]:
    parameters = content.get("parameters") or {}
    if not isinstance(parameters, dict):
        raise InvalidInput(f"expected an object, got {shown(parameters)}", field="parameters")
    return parameters


def _version(text: Any, name: str, repository: Repository, settings: Settings) -> str | None:
    """The version that a configuration asks for; None for the highest. Raises InvalidInput."""
    field = "parameters.config"
    try:
        config = from_json(text) if isinstance(text, str) else None
    except ValueError:
        config = None
    if not isinstance(config, dict):
        raise InvalidInput(
            f"expected a JSON object as a text, got {shown(text)}", field=field, allowed=_POLICY
        )
    policy = config.pop("version_policy", {"latest": {}})
    try:
        model = repository.get(name)
        current = configuration(name, model, graph_of(model, name), settings)
    except ModelNotFound:
        current = {}
    for key, value in config.items():
        if key not in current or value != current[key]:
            raise InvalidInput(
                f"{shown(key)} cannot be set: a version brings its own configuration",
                field=field,
                allowed="a version_policy; anything else only as GET .../config has it",
            )
    match policy:
        case {"latest": {**options}} if options in ({}, {"num_versions": 1}):
            return None
        case {"specific": {"versions": [int(version)]}} if type(version) is int and version > 0:
            return str(version)
    raise InvalidInput(
        f"expected one version, got {shown(policy)}",
        field=f"{field}.version_policy",
        allowed=_POLICY,
    )
