"""POST /translate: its schema and its route. Knows HTTP; what a text says its task finds out."""

from dataclasses import replace
from typing import Any, Final

from fastapi import APIRouter, Request, Response
from pydantic import Field
from pydantic_core import to_json

from app.api.bodies.json_body import read_json
from app.api.context import record_of
from app.api.events import answer_in_events, text_events, wants_events
from app.api.openapi import json_body, problems
from app.api.responses import json_response
from app.api.routes.translate_schema import EXAMPLES, TranslateAnswer
from app.api.services import Services
from app.api.texts import TextRequest, allowed_texts, check_texts, encode_texts
from app.api.work import run
from app.errors import InvalidInput
from app.serving.models.loader import LoadedModel
from app.settings import Settings
from app.tasks.decoding.beam_search import MAX_BEAM_WIDTH
from app.tasks.decoding.options import MAX_LENGTH_PENALTY, MAX_NGRAM
from app.tasks.translate.run import TranslatePrediction
from app.telemetry import metrics

TASK: Final = "translate"
PATH: Final = "/translate"


class TranslateRequest(TextRequest):
    """Which texts, into which language, and how translations are searched for."""

    target: str = Field(max_length=16, description="The language wanted, such as `de`.")
    source: str | None = Field(
        None, max_length=16, description="The language of the texts; else the model's."
    )
    beam_width: int | None = Field(
        None,
        ge=1,
        le=MAX_BEAM_WIDTH,
        description="Translations that are followed at once; 1 is greedy. Else the model's own.",
    )
    num_translations: int = Field(
        1, ge=1, le=MAX_BEAM_WIDTH, description="Translations wanted, at most `beam_width`."
    )
    max_length: int | None = Field(
        None,
        ge=1,
        description="Tokens of a sentence's translation, at most; else as many as the model says.",
    )
    length_penalty: float | None = Field(
        None,
        ge=0,
        le=MAX_LENGTH_PENALTY,
        allow_inf_nan=False,
        description="The higher, the longer are the translations that win. Else the model's own.",
    )
    no_repeat_ngram: int | None = Field(
        None,
        ge=0,
        le=MAX_NGRAM,
        description="Words of a phrase that no sentence may hold twice; 0 allows everything. "
        "Else the model's own.",
    )
    attention: bool = Field(
        False, description="Whether to tell where the network looked at each word."
    )
    model: str = Field("translate", max_length=64, description="Which model to ask.")

    def search(self) -> dict[str, Any]:
        """Those that the task takes."""
        return self.model_dump(exclude={"text", "model", "version"})


def routes(services: Services) -> APIRouter:
    """The route of this task."""
    router = APIRouter(tags=["tasks"])
    settings = services.settings
    allowed = allowed_fields(settings)

    @router.post(
        PATH,
        summary="Translate texts",
        response_model=TranslateAnswer,
        responses={
            **text_events("The translations", "one translation", ("Ein", " Hund")),
            **problems(400, 404, 413, 415, 422, 429, 500, 503, 504),
        },
        openapi_extra=json_body(TranslateRequest, EXAMPLES),
    )
    async def translate(request: Request) -> Response:
        """One translation per text, or several with `num_translations`, the best one first.

        A text is translated sentence by sentence. The answers do not depend on what else is sent
        or asked for at the same time. With `Accept: text/event-stream` the words of one text's
        translation come as they are found.
        """
        body = await read_json(request, services, TranslateRequest, allowed)
        texts, many = check_texts(
            body.text,
            max_texts=settings.max_texts,
            max_characters=settings.max_text_characters,
        )
        streamed = wants_events(request)
        if streamed:
            body = _for_events(texts, body)
        record = record_of(request.scope)
        model = services.lease(record, body.model, body.version, TASK)
        examples = await encode_texts(request, model, TASK, texts, many, body.search())
        if streamed:
            (example,) = examples
            return await answer_in_events(
                request,
                record,
                model,
                lambda listener: replace(example, listener=listener),
                lambda prediction: to_json(_answer(model, [prediction])),
            )
        return json_response(_answer(model, await run(request, record, model, examples)))

    return router


def allowed_fields(settings: Settings) -> dict[str, str]:
    """What each field of a request may hold."""
    return allowed_texts(settings) | {
        "target": "a language that the model translates into; its manifest lists them",
        "source": "the language that the model translates from, or null",
        "beam_width": f"a whole number, 1 to {MAX_BEAM_WIDTH}",
        "num_translations": "a whole number, 1 to beam_width",
        "max_length": "a whole number from 1; the model's manifest has the longest",
        "length_penalty": f"a number, 0 to {MAX_LENGTH_PENALTY:g}",
        "no_repeat_ngram": f"a whole number, 0 to {MAX_NGRAM}",
        "attention": "true or false",
    }


def _for_events(texts: list[str], body: TranslateRequest) -> TranslateRequest:
    """Words are certain one by one only for a single translation that is searched for greedily."""
    if len(texts) > 1:
        raise InvalidInput(
            "events are for one text", field="text", allowed="one text with text/event-stream"
        )
    for name in ("beam_width", "num_translations"):
        if (getattr(body, name) or 1) > 1:
            raise InvalidInput(
                f"words come as they are found with {name} 1 only",
                field=name,
                allowed="1 with text/event-stream",
            )
    return body.model_copy(update={"beam_width": 1})


def _answer(model: LoadedModel, predictions: list[TranslatePrediction]) -> dict[str, Any]:
    confidence = metrics.PREDICTION_CONFIDENCE.labels(TASK, model.name, model.version)
    for each in predictions:
        confidence.observe(each.candidates[0].probability)
    translations = [each.to_json() for each in predictions]
    return {"model": model.name, "version": model.version, "translations": translations}
