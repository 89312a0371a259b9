"""POST /classify: its schema and its route. Knows HTTP; its models know the labels.

A sentiment model is a classifier, too, and may be asked here.
"""

from typing import Any, Final

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field

from app.api.bodies.json_body import read_json
from app.api.openapi import json_body, problems
from app.api.routes import sentiment
from app.api.services import Services

TASK: Final = "classify"
PATH: Final = "/classify"


class ClassifyRequest(sentiment.SentimentRequest):
    """Which texts, which model, so which labels, and whether to say why."""

    model: str = Field(
        "classifier", max_length=64, description="Which model to ask, so which labels."
    )


class Classification(sentiment.Sentiment):
    """What one text is about."""

    labels: list[str] | None = Field(
        None,
        description="Only of a model that gives a text several labels or none: all that are "
        "probable enough, the likeliest first. `probabilities` are then of each label by itself.",
    )


class ClassifyAnswer(BaseModel):
    """One prediction per text, in the order of the request."""

    model: str
    version: str
    predictions: list[Classification]


_EXAMPLES: Final[dict[str, Any]] = {
    "one": {
        "summary": "A text, and why, by a model that ships",
        "value": {"text": "It broke after a day.", "model": "sentiment", "explain": True},
    },
    "many": {
        "summary": "Several texts, by a classifier of your own",
        "value": {"text": ["My card was charged twice.", "Where is my parcel?"]},
    },
}


def routes(services: Services) -> APIRouter:
    """The route of this task."""
    router = APIRouter(tags=["tasks"])
    allowed = sentiment.allowed_fields(services.settings)

    @router.post(
        PATH,
        summary="Tell which of a model's labels texts have",
        response_model=ClassifyAnswer,
        responses=problems(400, 404, 413, 415, 422, 429, 500, 503, 504),
        openapi_extra=json_body(ClassifyRequest, _EXAMPLES),
    )
    async def classify(request: Request) -> Response:
        """The labels of every text with calibrated probabilities, and on request each token's part.

        Each model has its own labels: `unroll train classifier` makes one of labelled texts. The
        answers do not depend on what else is sent or asked for at the same time.
        `X-Request-Timeout-Ms` shortens the time this may take; `Server-Timing` tells where it went.
        """
        body = await read_json(request, services, ClassifyRequest, allowed)
        return await sentiment.label_texts(services, request, body, TASK, sentiment.TASK)

    return router
