"""POST /generate: its schema and its route. Knows HTTP; what is written its task finds out."""

import math
from dataclasses import replace
from functools import partial
from typing import Any, Final

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field

from app.api.bodies.json_body import read_json
from app.api.context import record_of
from app.api.events import answer_in_events, text_events, wants_events
from app.api.generation import ALLOWED, GenerationFields, check_stop
from app.api.openapi import json_body, problems
from app.api.responses import BytesResponse, answer_json, json_response
from app.api.services import Services
from app.api.work import in_thread, prepare, run
from app.errors import InvalidInput
from app.serving.models.loader import LoadedModel
from app.settings import Settings
from app.tasks.generate.run import GeneratePrediction
from app.tasks.generate.task import MAX_SAMPLES
from app.telemetry import metrics, tracing

TASK: Final = "generate"
PATH: Final = "/generate"

# Up to this many characters are prepared at once, for less than a thread costs.
_INLINE_CHARACTERS: Final = 4_000


class GenerateRequest(GenerationFields):
    """A beginning, and how it goes on."""

    prompt: str = Field(description="What the text goes on from; may be empty.")
    max_length: int = Field(
        ge=0,
        description="Characters of a text, at most (pieces, for a model of subwords); 0 only "
        "scores the prompt.",
    )
    num_samples: int = Field(
        1, ge=1, le=MAX_SAMPLES, description="Texts wanted; the seed goes up by one with each."
    )
    model: str = Field("generate", max_length=64, description="Which model to ask.")
    version: str | None = Field(
        None, max_length=16, description="Insist on this version; else the one served."
    )

    def options(self) -> dict[str, Any]:
        """Those that the task takes."""
        return self.model_dump(exclude={"model", "version"})


class GeneratedCharacter(BaseModel):
    """A character, or a piece of text for a model of subwords."""

    text: str
    log_probability: float = Field(
        description="The natural logarithm of its probability after all before it, without "
        "temperature, `top_k` and `top_p`."
    )


class GeneratedSample(BaseModel):
    """One text."""

    text: str = Field(description="What comes after the prompt.")
    finish: str = Field(description="Why it ends: `length` or `stop`.")
    seed: int = Field(description="Asked for one sample with this seed, the same text comes again.")
    prompt: list[GeneratedCharacter] | None = Field(None, description="With `log_probabilities`.")
    characters: list[GeneratedCharacter] | None = Field(
        None, description="Those of `text`, with `log_probabilities`."
    )


class GenerateAnswer(BaseModel):
    """The texts, in the order of their seeds."""

    model: str
    version: str
    samples: list[GeneratedSample]


_EXAMPLES: Final[dict[str, Any]] = {
    "one": {
        "summary": "200 characters more",
        "value": {"prompt": "ROMEO:\n", "max_length": 200, "temperature": 0.8, "seed": 1},
    },
    "score": {
        "summary": "How likely a text is",
        "value": {"prompt": "To be, or not to be", "max_length": 0, "log_probabilities": True},
    },
}


def routes(services: Services) -> APIRouter:
    """The route of this task."""
    router = APIRouter(tags=["tasks"])
    settings = services.settings
    allowed = allowed_fields(settings)

    @router.post(
        PATH,
        summary="Go on writing from a beginning",
        response_model=GenerateAnswer,
        responses={
            **text_events("The texts", "one text", ("O", " fair")),
            **problems(400, 404, 413, 415, 422, 429, 500, 503, 504),
        },
        openapi_extra=json_body(GenerateRequest, _EXAMPLES),
    )
    async def generate(request: Request) -> Response:
        """Texts that go on from a prompt, drawn by a seed.

        The same model, request and seed give the same text, whatever else is asked for at the same
        time. With `Accept: text/event-stream` one text comes as it is written.
        """
        body = await read_json(request, services, GenerateRequest, allowed)
        streamed = wants_events(request)
        _check(body, settings, streamed)
        record = record_of(request.scope)
        model = services.lease(record, body.model, body.version, TASK)
        record.inputs = 1
        encode = partial(model.task.encode, **body.options())
        with tracing.span("encode"):
            inline = len(body.prompt) <= _INLINE_CHARACTERS
            (example,) = await prepare(request, record, [encode], inline=inline)
        metrics.input_length(TASK, model.name).observe(len(body.prompt))
        if streamed:
            return await answer_in_events(
                request,
                record,
                model,
                lambda listener: replace(example, listener=listener),
                lambda prediction: answer_json(_answer(model, prediction)),
            )
        (prediction,) = await run(request, record, model, [example])
        if inline or not body.log_probabilities:
            return json_response(_answer(model, prediction))
        executor = services.threads.bodies
        write = partial(_written, model, prediction)
        return BytesResponse(await in_thread(request, record, executor, write))

    return router


def allowed_fields(settings: Settings) -> dict[str, str]:
    """What each field of a request may hold."""
    return {
        "prompt": f"a text, at most {settings.max_text_characters} characters",
        "max_length": "a whole number from 0; the model's manifest has the longest",
        "num_samples": f"a whole number, 1 to {MAX_SAMPLES}; 1 with text/event-stream",
        **ALLOWED,
        "model": "the name of a model, at most 64 characters; GET /models lists them",
        "version": 'a version as text, such as "1", or null',
    }


def _check(body: GenerateRequest, settings: Settings, streamed: bool) -> None:
    most = settings.max_text_characters
    if len(body.prompt) > most:
        raise InvalidInput(
            f"{len(body.prompt)} characters are too many",
            field="prompt",
            allowed=f"at most {most} characters",
        )
    check_stop(body.stop)
    if streamed and body.num_samples > 1:
        raise InvalidInput(
            "a text comes as it is written with num_samples 1 only",
            field="num_samples",
            allowed="1 with text/event-stream",
        )


def _written(model: LoadedModel, prediction: GeneratePrediction) -> bytes:
    return answer_json(_answer(model, prediction))


def _answer(model: LoadedModel, prediction: GeneratePrediction) -> dict[str, Any]:
    confidence = metrics.PREDICTION_CONFIDENCE.labels(TASK, model.name, model.version)
    for sample in prediction.samples:
        scored = sample.units or prediction.prompt or ()
        if scored:
            mean = sum(each.log_probability for each in scored) / len(scored)
            confidence.observe(math.exp(mean))
    return {"model": model.name, "version": model.version, **prediction.to_json()}
