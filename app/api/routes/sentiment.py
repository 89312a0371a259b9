"""POST /sentiment: its schema and its route. Knows HTTP; what a label means stands in its task."""

from collections.abc import Sequence
from typing import Any, Final

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field

from app.api.bodies.json_body import read_json
from app.api.openapi import json_body, problems
from app.api.responses import json_response
from app.api.services import Services
from app.api.texts import TextRequest, allowed_texts, predict_texts
from app.settings import Settings
from app.telemetry import metrics
from app.telemetry.deferred import defer

TASK: Final = "sentiment"
PATH: Final = "/sentiment"

# An explanation is a hundred times as long as the text: a million tokens would be written for
# seconds, and nobody else answered meanwhile.
_EXPLAINED: Final = 10


class SentimentRequest(TextRequest):
    """Which texts, and whether to say why."""

    explain: bool = Field(False, description="Whether each token's part in the answer is wanted.")
    model: str = Field("sentiment", max_length=64, description="Which model to ask.")


class TokenContribution(BaseModel):
    """What one token speaks for."""

    token: str = Field(description="The token as the network knows it: `##` goes on with a word.")
    start: int = Field(description="Where it begins in the text, in characters from 0.")
    end: int = Field(description="Where it ends: the first character behind it.")
    contribution: float = Field(
        description="What it adds to the label's logit, above what it adds to the labels' mean."
    )


class SentimentExplanation(BaseModel):
    """Why the label was chosen, token by token."""

    method: str = Field(description="How the answer was split over the tokens.")
    label: str = Field(description="The label that is explained: the one that was answered.")
    bias: float = Field(description="What no token brings, on the same scale.")
    tokens: list[TokenContribution] = Field(description="Every token that was read, in order.")


class Sentiment(BaseModel):
    """What one text says."""

    label: str = Field(description="The likeliest label.")
    score: float = Field(description="Its probability.")
    probabilities: dict[str, float] = Field(description="Of every label; they sum up to 1.")
    truncated: bool = Field(description="Whether the text went on after what was read of it.")
    tokens: int = Field(description="Tokens that were read.")
    unknown_tokens: int = Field(description="Those of them that the model does not know.")
    understood: float | None = Field(
        None,
        description="Share of the text that is in the model's language, 0 to 1; only of models "
        "whose manifest has a threshold for it.",
    )
    abstained: bool | None = Field(
        None,
        description="True when too little is understood to rely on the answer; the manifest has "
        "the threshold. There whenever `understood` is.",
    )
    explanation: SentimentExplanation | None = Field(None, description="Only with `explain`.")


class SentimentAnswer(BaseModel):
    """One prediction per text, in the order of the request."""

    model: str
    version: str
    predictions: list[Sentiment]


_EXAMPLES: Final[dict[str, Any]] = {
    "one": {
        "summary": "A text, and why",
        "value": {"text": "@airline not bad at all, thank you!", "explain": True},
    },
    "many": {
        "summary": "Several texts at once",
        "value": {"text": ["What a waste of two hours.", "I would watch it again."]},
    },
}


def routes(services: Services) -> APIRouter:
    """The route of this task."""
    router = APIRouter(tags=["tasks"])
    allowed = allowed_fields(services.settings)

    @router.post(
        PATH,
        summary="Tell whether texts are negative, neutral or positive",
        response_model=SentimentAnswer,
        responses=problems(400, 404, 413, 415, 422, 429, 500, 503, 504),
        openapi_extra=json_body(SentimentRequest, _EXAMPLES),
    )
    async def sentiment(request: Request) -> Response:
        """The label of every text with calibrated probabilities, and on request each token's part.

        The answers do not depend on what else is sent or asked for at the same time.
        `X-Request-Timeout-Ms` shortens the time this may take; `Server-Timing` tells where it went.
        """
        body = await read_json(request, services, SentimentRequest, allowed)
        return await label_texts(services, request, body, TASK)

    return router


async def label_texts(
    services: Services, request: Request, body: SentimentRequest, task: str, *also: str
) -> Response:
    """The answer to a request of `task`, by a model of it or of a task of `also`.

    Raises as `predict_texts`.
    """
    most = services.settings.max_text_characters // (_EXPLAINED if body.explain else 1)
    model, predictions = await predict_texts(
        services, request, body, task, max(1, most), *also, explain=body.explain
    )
    shares = [each["unknown_tokens"] / each["tokens"] for each in predictions]
    defer(_count_unknown, model.name, model.version, shares)
    return json_response(
        {"model": model.name, "version": model.version, "predictions": predictions}
    )


def _count_unknown(model: str, version: str, shares: Sequence[float]) -> None:
    metric = metrics.UNKNOWN_TOKEN_RATIO.labels(model, version)
    for share in shares:
        metric.observe(share)


def allowed_fields(settings: Settings) -> dict[str, str]:
    """What each field of a request may hold."""
    return allowed_texts(settings) | {
        "explain": "true or false; true takes a tenth of the characters at most"
    }
