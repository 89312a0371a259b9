"""POST /caption: its schema and its route. Knows HTTP; what an image shows its task finds out."""

from dataclasses import replace
from functools import partial
from typing import Any, Final

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from app.api.context import record_of
from app.api.events import answer_in_events, wants_events
from app.api.images import FIELD, SHAPE, ImageRequest, read_images
from app.api.openapi import problems
from app.api.responses import answer_json, json_response
from app.api.routes.caption_schema import EVENTS, CaptionAnswer, operation
from app.api.services import Services
from app.api.work import Wanted, encode_at, prepare, run
from app.errors import InvalidInput
from app.serving.models.loader import LoadedModel
from app.settings import Settings
from app.tasks.caption.content import is_large
from app.tasks.decoding.beam_search import MAX_BEAM_WIDTH
from app.tasks.decoding.options import MAX_LENGTH_PENALTY, MAX_NGRAM
from app.telemetry import metrics, tracing

TASK: Final = "caption"
PATH: Final = "/caption"


class CaptionOptions(BaseModel):
    """How captions are searched for, and which model is asked."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    beam_width: int | None = Field(
        None,
        ge=1,
        le=MAX_BEAM_WIDTH,
        description="Captions that are followed at once; 1 is greedy. Else the model's own.",
    )
    num_captions: int = Field(
        1, ge=1, le=MAX_BEAM_WIDTH, description="Captions wanted, at most `beam_width`."
    )
    max_length: int | None = Field(
        None, ge=1, description="Words of a caption, at most; else as many as the model says."
    )
    length_penalty: float | None = Field(
        None,
        ge=0,
        le=MAX_LENGTH_PENALTY,
        allow_inf_nan=False,
        description="The higher, the longer are the captions that win. Else the model's own.",
    )
    no_repeat_ngram: int | None = Field(
        None,
        ge=0,
        le=MAX_NGRAM,
        description="Words of a phrase that a caption may not hold twice; 0 allows everything. "
        "Else the model's own.",
    )
    attention: bool = Field(
        False, description="Whether to tell where the network looked at each word, if it does."
    )
    model: str = Field("caption", max_length=64, description="Which model to ask.")
    version: str | None = Field(
        None, max_length=16, description="Insist on this version; else the one served."
    )

    def search(self) -> dict[str, Any]:
        """Those that the task takes."""
        return self.model_dump(exclude={"model", "version"})


def routes(services: Services) -> APIRouter:
    """The route of this task."""
    router = APIRouter(tags=["tasks"])
    settings = services.settings
    allowed = allowed_fields(settings)

    @router.post(
        PATH,
        summary="Say in a sentence what images show",
        response_model=CaptionAnswer,
        responses={**EVENTS, **problems(400, 404, 413, 415, 422, 429, 500, 503, 504)},
        openapi_extra=operation(CaptionOptions),
    )
    async def caption(request: Request) -> Response:
        """One caption per image, or several with `num_captions`, the best one first.

        An image is the body itself, parts of a form, or base64 in JSON: JPEG, PNG or WebP. The
        answers do not depend on what else is sent or asked for at the same time. With
        `Accept: text/event-stream` the words of one image's caption come as they are found.
        `X-Request-Timeout-Ms` shortens the time this may take; `Server-Timing` tells where it went.
        """
        sent = await read_images(request, services)
        options = sent.parsed(CaptionOptions, allowed)
        streamed = wants_events(request)
        if streamed:
            options = _for_events(sent, options)
        record = record_of(request.scope)
        model = services.lease(record, options.model, options.version, TASK)
        record.inputs = len(sent.images)
        wanted = Wanted(record.deadline)
        search = options.search() | {"max_pixels": settings.max_pixels, "check": wanted.check}
        steps = [
            partial(encode_at, {FIELD: sent.field(i)}, model.task.encode, image=image, **search)
            for i, image in enumerate(sent.images)
        ]
        with tracing.span("encode"):
            threads = services.threads
            large = any(map(is_large, sent.images))
            executor = threads.large_images if large else threads.images
            examples = await prepare(
                request, record, steps, inline=False, executor=executor, wanted=wanted
            )
        lengths = metrics.input_length(TASK, model.name)
        for image in sent.images:
            lengths.observe(len(image) if isinstance(image, bytes) else len(image) * 3 // 4)
        if streamed:
            (example,) = examples
            return await answer_in_events(
                request,
                record,
                model,
                lambda listener: replace(example, listener=listener),
                lambda prediction: answer_json(_answer(model, [prediction])),
            )
        return json_response(_answer(model, await run(request, record, model, examples)))

    return router


def allowed_fields(settings: Settings) -> dict[str, str]:
    """What each field of a request may hold."""
    return {
        FIELD: f"{SHAPE}, at most {settings.max_images}",
        "beam_width": f"a whole number, 1 to {MAX_BEAM_WIDTH}",
        "num_captions": "a whole number, 1 to beam_width",
        "max_length": "a whole number from 1; the model's manifest has the longest",
        "length_penalty": f"a number, 0 to {MAX_LENGTH_PENALTY:g}",
        "no_repeat_ngram": f"a whole number, 0 to {MAX_NGRAM}",
        "attention": "true or false; true needs a model that attends",
        "model": "the name of a model, at most 64 characters; GET /models lists them",
        "version": 'a version as text, such as "1", or null',
    }


def _for_events(sent: ImageRequest, options: CaptionOptions) -> CaptionOptions:
    """Words are certain one by one only for a single caption that is searched for greedily."""
    if len(sent.images) > 1:
        raise InvalidInput(
            "events are for one image", field=FIELD, allowed="one image with text/event-stream"
        )
    for name in ("beam_width", "num_captions"):
        if (getattr(options, name) or 1) > 1:
            raise InvalidInput(
                f"words come as they are found with {name} 1 only",
                field=name,
                allowed="1 with text/event-stream",
            )
    return options.model_copy(update={"beam_width": 1})


def _answer(model: LoadedModel, predictions: list[Any]) -> dict[str, Any]:
    captions = [prediction.to_json() for prediction in predictions]
    confidence = metrics.PREDICTION_CONFIDENCE.labels(TASK, model.name, model.version)
    for each in captions:
        confidence.observe(each["candidates"][0]["probability"])
    abstained = sum(each.get("abstained", False) for each in captions)
    metrics.ABSTENTIONS.labels(model.name, model.version).inc(abstained)
    return {"model": model.name, "version": model.version, "captions": captions}
