"""POST /streams/{stream}/steps: its route. Knows HTTP; order is kept elsewhere."""

import hashlib
import re
from functools import partial
from typing import Any, Final

from fastapi import APIRouter, Request, Response
from fastapi.routing import APIRoute
from pydantic_core import to_json

from app.api.bodies.json_body import read_json
from app.api.context import record_of
from app.api.generation import GenerationFields, check_stop
from app.api.openapi import json_body, problems
from app.api.paths import remembered
from app.api.responses import BytesResponse
from app.api.routes.stream_steps_schema import (
    EXAMPLES,
    StepsAnswer,
    StepsRequest,
    allowed_fields,
)
from app.api.routes.streams import key_of
from app.api.services import Services
from app.api.streams.following import Following, GraphSteps, Read, Write
from app.api.streams.series import Asked, read_entries, write_entries
from app.api.streams.texts import TextSteps
from app.api.streams.values import read_tensors, write_tensors
from app.api.v2.inference import limits_of
from app.errors import InvalidInput
from app.serving.streams.records import Key
from app.serving.streams.taking import Steps, Taken
from app.settings import Settings
from app.tasks.tensor.checks import Limits

METERED_AS: Final = "stream"  # in the metrics, beside the names of the tasks
_DIGEST_BYTES: Final = 16
# Of a body: what was sent is looked at on the loop, to know the same steps again.
MAX_BYTES: Final = 4 * 1024 * 1024
_OF_GRAPHS: Final = frozenset(("position", "inputs", "values", "horizon", "feedback", "outputs"))


# Whether a request to this path takes steps.
is_steps: Final = remembered(re.compile(r"/streams/[^/]+/steps"), 4096)


def routes(services: Services) -> APIRouter:
    """The route of this file."""
    router = APIRouter(tags=["streams"])
    settings = services.settings
    allowed = allowed_fields(settings)
    limits = limits_of(settings)

    @router.post(
        "/streams/{stream}/steps",
        summary="Take steps of a stream",
        response_model=StepsAnswer,
        responses=problems(400, 404, 409, 413, 415, 422, 429, 500, 503, 504),
        openapi_extra={
            "parameters": [
                {
                    "name": "stream",
                    "in": "path",
                    "required": True,
                    "description": "Name of a stream.",
                    "schema": {"type": "string"},
                }
            ],
            **json_body(StepsRequest, EXAMPLES),
        },
    )
    async def take_steps(request: Request) -> Response:
        """Go on from where the stream is. The state is stored before the answer leaves.

        With `position`, steps are taken once: the same request again, with the same position, is
        answered again and takes no step.
        """
        key = key_of(services, request, request.scope["path"].split("/")[2])
        body = await read_json(request, services, StepsRequest, allowed, max_bytes=MAX_BYTES)
        return BytesResponse(await answer_steps(services, request, key, body, limits))

    return router


async def answer_steps(
    services: Services, request: Request, key: Key, body: StepsRequest, limits: Limits
) -> bytes:
    """The JSON that steps are answered with. Raises InvalidInput, and what `Streams.take` does."""
    record = record_of(request.scope)
    network: Following[Any]
    options = _options(body, services.settings)
    if options:
        network = TextSteps(services, request, record, options)
    else:
        read, write = graph_steps(body, services.settings, limits)
        network = GraphSteps(services, request, record, read, write, body.outputs or ())
    steps = Steps(body.position, _digest(options) if options else digest_of_graph_steps(body))
    taken = await services.streams.take(key, steps, network, record.deadline)
    return answer_of(key.name, taken)


def graph_steps(body: StepsRequest, settings: Settings, limits: Limits) -> tuple[Read, Write]:
    """How the steps of a request for a graph are read, and its answer is written.

    Raises InvalidInput.
    """
    if body.values is not None:
        asked = Asked(body.values, body.horizon, body.feedback, body.outputs)
        asked.check(settings.max_horizon)
        return partial(read_entries, asked, limits), write_entries
    if body.horizon is not None or body.feedback is not None:
        field = "feedback" if body.horizon is None else "horizon"
        raise InvalidInput("it goes with values", field=field, allowed="null, or with values")
    return partial(read_tensors, body.inputs, limits), write_tensors


def find_in(router: APIRouter) -> APIRoute:
    """The route of this file, among `router.routes`."""
    [found] = [each for each in router.routes if isinstance(each, APIRoute)]
    return found


def _options(body: StepsRequest, settings: Settings) -> dict[str, Any]:
    """What a text is to go on by; empty for steps of a graph. Raises InvalidInput."""
    known = {*GenerationFields.model_fields, "text", "max_length"}
    found = {
        name: value
        for name, value in body.model_dump(include=known, exclude_unset=True).items()
        if value is not None
    }
    graph = [name for name in ("inputs", "values") if getattr(body, name) is not None]
    text = [name for name in ("text", "max_length") if name in found]
    if (len(graph), bool(text)) not in ((1, False), (0, True)):
        raise InvalidInput(
            "there must be one of inputs, values, and text with or without max_length",
            field="inputs",
            allowed="a list of tensors; or values, a list of one entry a step; or, for a language "
            "model, a text, a max_length, or both",
        )
    if graph and found:
        raise InvalidInput(
            "it is for language models", field=next(iter(found)), allowed=f"{graph[0]} alone"
        )
    if text and body.outputs is not None:
        raise InvalidInput("a text has no outputs", field="outputs", allowed="nothing")
    if len(body.text or "") > settings.max_text_characters:
        raise InvalidInput(
            f"{len(body.text or '')} characters are too many",
            field="text",
            allowed=f"at most {settings.max_text_characters} characters",
        )
    check_stop(body.stop)
    return found


def is_graph_steps(body: StepsRequest) -> bool:
    """Whether it asks for steps of a graph, and for nothing that only a text has."""
    return body.model_fields_set <= _OF_GRAPHS and (body.values is None) != (body.inputs is None)


def digest_of_graph_steps(body: StepsRequest) -> bytes:
    """The same for the same steps of a graph, and as far as anybody can find for no others."""
    told = [each.model_dump() for each in body.feedback or ()]
    return _digest(body.inputs, body.values, body.outputs, body.horizon, told)


def _digest(*asked: Any) -> bytes:
    content = to_json(asked, inf_nan_mode="constants")
    return hashlib.blake2b(content, digest_size=_DIGEST_BYTES).digest()


def answer_of(stream: str, taken: Taken) -> bytes:
    """The JSON of an answer."""
    facts: dict[str, Any] = {
        "stream": stream,
        "model": taken.record.model,
        "version": taken.version,
        "position": taken.position,
        "replayed": taken.replayed,
    }
    if taken.moved is not None:
        facts["moved"] = taken.moved
    return b"%b,%b}" % (to_json(facts)[:-1], taken.content)
