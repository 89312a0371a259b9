"""POST /streams/{stream}/steps: its schema and its route. Knows HTTP; order is kept elsewhere."""

import hashlib
import re
from collections.abc import Mapping
from functools import lru_cache, partial
from typing import Annotated, Any, Final

from fastapi import APIRouter, Request, Response
from fastapi.routing import APIRoute
from pydantic import BaseModel, Field, WithJsonSchema
from pydantic_core import to_json

from app.api.context import record_of
from app.api.generation import ALLOWED, GenerationFields, check_stop
from app.api.json_body import read_json
from app.api.openapi import json_body, problems
from app.api.responses import BytesResponse
from app.api.routes.generate import GeneratedSample
from app.api.routes.streams import key_of
from app.api.services import Services
from app.api.stream_series import Asked, Told, read_entries, write_entries
from app.api.stream_values import read_tensors, write_tensors
from app.api.streams import Following, GraphSteps, Read, Write
from app.api.text_streams import TextSteps
from app.api.v2.inference import limits_of
from app.errors import InvalidInput
from app.serving.streams.records import Key
from app.serving.streams.steps import Steps, Taken
from app.settings import Settings
from app.tasks.tensor.checks import Limits

METERED_AS: Final = "stream"  # in the metrics, beside the names of the tasks
_PATH: Final = re.compile(r"/streams/[^/]+/steps")
_DIGEST_BYTES: Final = 16

_TENSOR: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["name", "datatype", "shape", "data"],
    "properties": {
        "name": {"type": "string"},
        "datatype": {"type": "string"},
        "shape": {"type": "array", "items": {"type": "integer"}},
        "data": {},
    },
}


class StepsRequest(GenerationFields):
    """Which steps, and where the stream should be before them.

    The fields of GenerationFields, and `max_length`, are for language models.
    """

    position: int | None = Field(
        None, ge=0, description="Steps that the stream has taken before these, as far as is known."
    )
    inputs: Annotated[
        Any,
        WithJsonSchema(
            {
                "description": "Tensors as `/v2` has them, with a batch axis of 1.",
                "type": "array",
                "items": _TENSOR,
            }
        ),
    ] = None
    values: Annotated[
        Any,
        WithJsonSchema(
            {
                "description": "One entry a step: of a forecaster that streams a number, or "
                "null for a missing value; of a graph with one input a number or a list.",
                "type": "array",
                "minItems": 1,
                "items": {},
            }
        ),
    ] = None
    text: str | None = Field(
        None, description="For language models: how the text goes on, before more is written."
    )
    max_length: int | None = Field(
        None, ge=0, description="For language models: units to write, at most; 0 if it is absent."
    )
    horizon: int | None = Field(
        None, ge=1, description="Of a forecaster that streams: steps to forecast from here."
    )
    feedback: list[Told] | None = Field(
        None,
        min_length=1,
        max_length=100,
        description="Of a forecaster that streams: which earlier values were anomalies, or not. "
        "It moves the threshold of this stream before the values are taken.",
    )
    outputs: list[str] | None = Field(
        None, min_length=1, max_length=100, description="Names of outputs; all but the states."
    )


class StepsAnswer(BaseModel):
    """What the steps were answered with."""

    stream: str
    model: str
    version: str = Field(description="The version that computed these steps.")
    position: int = Field(description="Steps that the stream has taken after these.")
    replayed: bool = Field(
        description="Whether this is the kept answer to steps that had been taken before."
    )
    moved: dict[str, Any] | None = Field(
        None,
        description="Only when the stream was moved to another version just now: `from` which one, "
        "`steps` that it was fed with, whether these are `complete`, and the largest `difference` "
        "between both answers to the last request.",
    )
    outputs: list[Any] | None = Field(None, description="Tensors, if `inputs` were sent.")
    steps: list[dict[str, Any]] | None = Field(
        None,
        description="Of each step its outputs by name, if `values` were sent; of a forecaster that "
        "streams `position`, `value`, `expected`, `quantiles`, `anomaly_score`, `anomalous`, and a "
        "`note` where there is one.",
    )
    forecast: dict[str, Any] | None = Field(
        None,
        description="If a `horizon` was sent: `mean`, `median` and `quantiles` of each step from "
        "here; null before the first known value.",
    )
    sample: GeneratedSample | None = Field(
        None, description="Of a language model: what was written, as `POST /generate` has it."
    )


_EXAMPLES: Final[dict[str, Any]] = {
    "values": {"summary": "Two steps", "value": {"position": 0, "values": [0.5, 0.7]}},
    "forecast": {
        "summary": "A value of a forecaster that streams, and what comes next",
        "value": {"values": [12.1, None], "horizon": 3},
    },
    "inputs": {
        "summary": "One step as tensors",
        "value": {
            "inputs": [{"name": "values", "datatype": "FP32", "shape": [1, 1, 1], "data": [0.5]}]
        },
    },
    "text": {
        "summary": "A text that goes on, of a language model",
        "value": {"position": 0, "text": "ROMEO:", "max_length": 40, "seed": 1},
    },
}


@lru_cache(maxsize=4096)
def is_steps(path: str) -> bool:
    """Whether a request to `path` takes steps."""
    return _PATH.fullmatch(path) is not None


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
            **json_body(StepsRequest, _EXAMPLES),
        },
    )
    async def take_steps(request: Request) -> Response:
        """Go on from where the stream is. The state is stored before the answer leaves.

        With `position`, steps are taken once: the same request again, with the same position, is
        answered again and takes no step.
        """
        key = key_of(services, request, request.scope["path"].split("/")[2])
        body = await read_json(request, services, StepsRequest, allowed)
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
        read: Read
        write: Write
        if body.values is not None:
            asked = Asked(body.values, body.horizon, body.feedback, body.outputs)
            asked.check(services.settings.max_horizon)
            read, write = partial(read_entries, asked, limits), write_entries
        elif body.horizon is not None or body.feedback is not None:
            field = "feedback" if body.horizon is None else "horizon"
            raise InvalidInput("it goes with values", field=field, allowed="null, or with values")
        else:
            read, write = partial(read_tensors, body.inputs, limits), write_tensors
        network = GraphSteps(services, request, record, read, write, body.outputs or ())
    steps = Steps(body.position, _digest(body, options))
    taken = await services.streams.take(key, steps, network, record.deadline)
    return _answer(key.name, taken)


def find_in(router: APIRouter) -> APIRoute:
    """The route of this file, among `router.routes`."""
    [found] = [each for each in router.routes if isinstance(each, APIRoute)]
    return found


def allowed_fields(settings: Settings) -> dict[str, str]:
    """What each field of a request may hold."""
    return {
        "position": "a whole number from 0, or null",
        "inputs": "a list of tensors, each with name, datatype, shape and data",
        "values": "a list of one entry a step, one at least",
        "text": f"for a language model: a text, at most {settings.max_text_characters} characters",
        "max_length": "for a language model: a whole number from 0",
        "horizon": f"for a forecaster: a whole number from 1 to {settings.max_horizon}",
        "feedback": "for a forecaster: a list of {position, anomalous}",
        "outputs": "a list of names of outputs, or null",
        **ALLOWED,
    }


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


def _digest(body: StepsRequest, options: Mapping[str, Any]) -> bytes:
    """The same for the same steps, and as far as anybody can find for no others."""
    told = [each.model_dump() for each in body.feedback or ()]
    entries = [body.inputs, body.values, body.outputs, body.horizon, told]
    asked = [options] if options else entries
    content = to_json(asked, inf_nan_mode="constants")
    return hashlib.blake2b(content, digest_size=_DIGEST_BYTES).digest()


def _answer(stream: str, taken: Taken) -> bytes:
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
