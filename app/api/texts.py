"""What the routes that take texts share: their fields, limits and the way of a request.

Knows texts and predictions as JSON; not what is predicted about them.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Annotated, Any, Final

from fastapi import Request
from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema

from app.api.bodies.fields import shown
from app.api.context import record_of
from app.api.services import Services
from app.api.work import encode_at, prepare, run
from app.errors import InvalidInput
from app.serving.models.loader import LoadedModel
from app.settings import Settings
from app.telemetry import metrics, tracing
from app.telemetry.deferred import defer

# Up to this much is prepared at once, in a few milliseconds, for less than a thread costs.
_INLINE_TEXTS: Final = 8
_INLINE_CHARACTERS: Final = 4_000
_SHAPE: Final = "a text, or a list of texts"

TextField = Annotated[
    Any,
    WithJsonSchema(
        {
            "title": "Text",
            "description": "One text, or a list of texts; any language, any length.",
            "anyOf": [
                {"type": "string", "minLength": 1},
                {"type": "array", "minItems": 1, "items": {"type": "string", "minLength": 1}},
            ],
        }
    ),
]


class TextRequest(BaseModel):
    """Which texts, and which model is asked."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    # Checked by `check_texts`, which says which text of a list is wrong.
    text: TextField
    model: str
    version: str | None = Field(
        None, max_length=16, description="Insist on this version; else the one served."
    )


def allowed_texts(settings: Settings) -> dict[str, str]:
    """What each field of a TextRequest may hold."""
    return {
        "text": (
            f"{_SHAPE}, at most {settings.max_texts} of them "
            f"and {settings.max_text_characters} characters in all"
        ),
        "model": "the name of a model, at most 64 characters; GET /models lists them",
        "version": 'a version as text, such as "1", or null',
    }


def check_texts(value: Any, *, max_texts: int, max_characters: int) -> tuple[list[str], bool]:
    """(the texts, whether a list was sent) from the JSON value of `text`.

    A text may say too little for its task: that is for the task to say. Raises InvalidInput
    naming the first that is none.
    """
    many = isinstance(value, list)
    texts = value if many else [value]
    if not texts:
        raise _wrong("text", "the list is empty", _SHAPE)
    if len(texts) > max_texts:
        raise _wrong("text", f"{len(texts)} texts are too many", f"at most {max_texts} texts")
    for index, text in enumerate(texts):
        if not isinstance(text, str):
            field, allowed = (f"text[{index}]", "a text") if many else ("text", _SHAPE)
            raise _wrong(field, f"expected {allowed}, got {shown(text)}", allowed)
    characters = sum(map(len, texts))
    if characters > max_characters:
        raise _wrong(
            "text",
            f"{characters} characters are too many",
            f"at most {max_characters} characters, all texts of a request together",
        )
    return texts, many


async def predict_texts(
    services: Services,
    request: Request,
    body: TextRequest,
    task: str,
    max_characters: int,
    *also: str,
    **options: Any,
) -> tuple[LoadedModel, list[dict[str, Any]]]:
    """The model that was asked and what it says of each text, in order.

    `max_characters` may all texts have together. The model does `task`, whose request this is, or
    a task of `also`. `options` are passed to the task's `encode`.
    Raises what may be wrong with a request: a model
    that is not there, a text that is none or is refused, a full queue, the deadline; ClientGone.
    """
    record = record_of(request.scope)
    model = services.lease(record, body.model, body.version, task, *also)
    texts, many = check_texts(
        body.text, max_texts=services.settings.max_texts, max_characters=max_characters
    )
    examples = await encode_texts(request, model, task, texts, many, options)
    predictions = await run(request, record, model, examples)
    answers = [prediction.to_json() for prediction in predictions]
    scores = [answer["score"] for answer in answers]
    understood = [answer["understood"] for answer in answers if "understood" in answer]
    abstained = sum(bool(answer.get("abstained")) for answer in answers)
    defer(_count, task, model.name, model.version, scores, understood, abstained)
    return model, answers


def _count(
    task: str,
    model: str,
    version: str,
    scores: Sequence[float],
    understood: Sequence[float],
    abstained: int,
) -> None:
    """The metrics of the answers to one request."""
    confidence = metrics.PREDICTION_CONFIDENCE.labels(task, model, version)
    for score in scores:
        confidence.observe(score)
    understanding = metrics.UNDERSTOOD_RATIO.labels(model, version)
    for share in understood:
        understanding.observe(share)
    metrics.ABSTENTIONS.labels(model, version).inc(abstained)


async def encode_texts(
    request: Request,
    model: LoadedModel,
    task: str,
    texts: Sequence[str],
    many: bool,
    options: Mapping[str, Any],
) -> list[Any]:
    """The texts as examples of the task, in order; `many` says whether a list was sent.

    Raises what may be wrong with a text, the deadline; ClientGone.
    """
    record = record_of(request.scope)
    record.inputs = len(texts)
    steps = [
        partial(
            encode_at,
            {"text": f"text[{index}]" if many else "text"},
            model.task.encode,
            text=text,
            **options,
        )
        for index, text in enumerate(texts)
    ]
    with tracing.span("encode"):
        examples = await prepare(request, record, steps, inline=is_short(texts))
    defer(_count_lengths, task, model.name, [len(text) for text in texts])
    return examples


def _count_lengths(task: str, model: str, lengths: Sequence[int]) -> None:
    metric = metrics.input_length(task, model)
    for length in lengths:
        metric.observe(length)


def is_short(texts: Sequence[str]) -> bool:
    """Whether texts are encoded faster than a thread is reached."""
    return len(texts) <= _INLINE_TEXTS and sum(map(len, texts)) <= _INLINE_CHARACTERS


def _wrong(field: str, message: str, allowed: str) -> InvalidInput:
    return InvalidInput(message, field=field, allowed=allowed)
