"""POST /authorship: its schema and its route. Knows HTTP; who may be an author its models know."""

from typing import Any, Final

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field

from app.api.bodies.json_body import read_json
from app.api.openapi import json_body, problems
from app.api.responses import json_response
from app.api.services import Services
from app.api.texts import TextRequest, allowed_texts, predict_texts
from app.settings import Settings

TASK: Final = "authorship"
PATH: Final = "/authorship"


class AuthorshipRequest(TextRequest):
    """Which texts, and whether to show what each part of them says."""

    evidence: bool = Field(
        False, description="Whether the probabilities of every chunk of a text are wanted."
    )
    model: str = Field("authorship", max_length=64, description="Which model, so which authors.")


class ChunkEvidence(BaseModel):
    """What one piece of a text says by itself."""

    start: int = Field(description="Where it begins in the text, in characters from 0.")
    end: int = Field(description="Where it ends: the first character behind it.")
    probabilities: dict[str, float] = Field(description="Of every candidate, from it alone.")


class Authorship(BaseModel):
    """Who wrote one text."""

    author: str = Field(description="The likeliest of the candidates, also when it abstains.")
    score: float = Field(description="Its probability.")
    probabilities: dict[str, float] = Field(
        description="Of every candidate; they sum up to 1, as if nobody else could have written it."
    )
    chunks: int = Field(description="Pieces of the text that were read.")
    characters: int = Field(description="Characters that were read.")
    truncated: bool = Field(description="Whether the text went on after what was read of it.")
    abstained: bool = Field(
        description="True when the evidence is too thin to rely on, or the text too far from what "
        "the candidates write; the manifest has both thresholds."
    )
    understood: float | None = Field(
        None,
        description="Share of the text whose words are spelled like the candidates', 0 to 1; only "
        "of models whose manifest has a threshold for it.",
    )
    evidence: list[ChunkEvidence] | None = Field(None, description="Only with `evidence`.")


class AuthorshipAnswer(BaseModel):
    """One prediction per text, in the order of the request."""

    model: str
    version: str
    predictions: list[Authorship]


_FEDERALIST: Final = (
    "To the People of the State of New York: Among the numerous advantages promised by a "
    "well constructed Union, none deserves to be more accurately developed than its tendency to "
    "break and control the violence of faction. The friend of popular governments never finds "
    "himself so much alarmed for their character and fate, as when he contemplates their "
    "propensity to this dangerous vice. He will not fail, therefore, to set a due value on any "
    "plan which, without violating the principles to which he is attached, provides a proper "
    "cure for it."
)
_EXAMPLES: Final[dict[str, Any]] = {
    "one": {
        "summary": "The beginning of a Federalist paper, chunk by chunk",
        "value": {"text": _FEDERALIST, "evidence": True},
    },
    "many": {"summary": "Several texts at once", "value": {"text": [_FEDERALIST, _FEDERALIST]}},
}


def routes(services: Services) -> APIRouter:
    """The route of this task."""
    router = APIRouter(tags=["tasks"])
    allowed = allowed_fields(services.settings)

    @router.post(
        PATH,
        summary="Tell who of a model's authors wrote texts",
        response_model=AuthorshipAnswer,
        responses=problems(400, 404, 413, 415, 422, 429, 500, 503, 504),
        openapi_extra=json_body(AuthorshipRequest, _EXAMPLES),
    )
    async def authorship(request: Request) -> Response:
        """The likeliest author of every text, calibrated probabilities, and whether to rely on it.

        Each model has its own authors, and a text by anybody else is given to one of them all the
        same; it abstains where a text is in another language, or in none. The answers do not
        depend on what else is sent or asked for at the same time. `X-Request-Timeout-Ms` shortens
        the time this may take; `Server-Timing` tells where it went.
        """
        body = await read_json(request, services, AuthorshipRequest, allowed)
        most = services.settings.max_text_characters
        model, predictions = await predict_texts(
            services, request, body, TASK, most, evidence=body.evidence
        )
        return json_response(
            {"model": model.name, "version": model.version, "predictions": predictions}
        )

    return router


def allowed_fields(settings: Settings) -> dict[str, str]:
    """What each field of a request may hold."""
    return allowed_texts(settings) | {"evidence": "true or false"}
