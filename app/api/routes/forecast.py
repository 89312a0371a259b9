"""POST /forecast: its schema and its route. Knows HTTP; what a forecast is stands in its task."""

from collections.abc import Sequence
from functools import partial
from typing import Any, Final

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field

from app.api.bodies.json_body import read_json
from app.api.context import record_of
from app.api.forecasts.forecasting import TASK as TASK
from app.api.forecasts.forecasting import ForecastRequest, allowed_fields, answer_asked, read_asked
from app.api.forecasts.imputing import imputed_pasts
from app.api.openapi import json_body, problems
from app.api.responses import BytesResponse, answer_json
from app.api.services import Services
from app.api.work import in_thread
from app.serving.models.loader import LoadedModel
from app.tasks.forecast.imputation import ImputedPast
from app.telemetry import metrics

_INLINE_VALUES: Final = 20_000  # of an answer that is written at once
PATH: Final = "/forecast"


class PastForecastRequest(ForecastRequest):
    """As for any forecast, and whether the past is answered as well."""

    return_imputed: bool = Field(
        False, description="Whether to answer the past with its missing values filled in."
    )


class PastReport(BaseModel):
    """A series as it was sent, with its missing values filled in."""

    values: list[float] = Field(description="The past, each missing value filled in.")
    quantiles: dict[str, list[float | None]] = Field(
        description="Per level; a known value itself, `null` where too little is known around."
    )


class CovariateReport(BaseModel):
    """What covariates had to do with a forecast."""

    weight: float = Field(
        description="Share of the forecast that uses them, 0 to 1; 0 where they did not help."
    )
    windows: int = Field(description="Windows at the end of the past that they were judged on.")
    error: float | None = Field(description="Mean absolute error of the median there.")
    error_without: float | None = Field(description="The same without covariates.")
    contributions: dict[str, list[float]] = Field(
        description="By name, how much higher each step is than with its average of the past."
    )


class Forecast(BaseModel):
    """What is expected of one series."""

    mean: list[float] = Field(
        description="Expected value of each step: what to add up over steps or series."
    )
    median: list[float] = Field(description="Middle of each step: as likely too high as too low.")
    quantiles: dict[str, list[float]] = Field(
        description="Per level asked for, the value that each step stays below with that chance."
    )
    timestamps: list[str] | None = Field(None, description="Of each step; only if `start` is set.")
    season_length: int = Field(
        description="The season that was looked for, in steps; 1 means none."
    )
    imputed: int = Field(description="Missing values that were filled in.")
    notes: list[str] = Field(description="What a reader of the forecast should know.")
    covariates: CovariateReport | None = Field(None, description="Only if there are any.")
    past: PastReport | None = Field(None, description="Only with `return_imputed`.")


class ForecastAnswer(BaseModel):
    """One forecast per series, in the order of the request."""

    model: str
    version: str
    forecasts: list[Forecast]


_EXAMPLES: Final[dict[str, Any]] = {
    "monthly": {
        "summary": "A monthly series with a gap, half a year ahead",
        "value": {
            "series": [
                *[365.3, 366.2, 367.4, None, 369.1, 368.8, 367.6, 365.7, 363.9, 364.3, 365.6],
                *[366.9, 368.1, 368.9],
            ],
            "horizon": 6,
            "frequency": "MS",
            "start": "1998-01-01",
        },
    },
    "many": {
        "summary": "Two series of different lengths, and an 80 % interval",
        "value": {
            "series": [[3.1, 2.9, 3.4, 3.2, 3.6], [105, 98, 110]],
            "horizon": 3,
            "quantiles": [0.1, 0.9],
        },
    },
}


def routes(services: Services) -> APIRouter:
    """The route of this task."""
    router = APIRouter(tags=["tasks"])
    allowed = allowed_fields(services.settings) | {"return_imputed": "true or false"}

    @router.post(
        PATH,
        summary="Forecast one or more series",
        response_model=ForecastAnswer,
        responses=problems(400, 404, 413, 415, 422, 429, 500, 503, 504),
        openapi_extra=json_body(PastForecastRequest, _EXAMPLES),
    )
    async def forecast(request: Request) -> Response:
        """Predict the next `horizon` values of every series, with quantiles.

        The answers do not depend on what else is sent or asked for at the same time.
        `X-Request-Timeout-Ms` shortens the time this may take; `Server-Timing` tells where it went.
        """
        body = await read_json(request, services, PastForecastRequest, allowed, long=("series",))
        model, asked = await read_asked(request, services, body)
        predictions = await answer_asked(request, body, model, asked)
        pasts: list[ImputedPast] = []
        values = len(asked) * body.horizon * (len(body.quantiles) + 2)
        if body.return_imputed:
            pasts = await imputed_pasts(request, services, body, model, asked)
            values += sum(len(each.values) for each in pasts) * (len(body.quantiles) + 1)
        write = partial(_written, model, predictions, pasts)
        if values <= _INLINE_VALUES:
            content, imputed = write()
        else:
            executor = services.threads.bodies
            content, imputed = await in_thread(request, record_of(request.scope), executor, write)
        metrics.MISSING_VALUES.labels(model.name).inc(imputed)
        return BytesResponse(content)

    return router


def _written(
    model: LoadedModel, predictions: Sequence[Any], pasts: Sequence[ImputedPast]
) -> tuple[bytes, int]:
    """(the answer, missing values in all series): series by series, so that others get a turn."""
    forecasts = [prediction.to_json() for prediction in predictions]
    for forecast, past in zip(forecasts, pasts, strict=False):
        forecast["past"] = past.to_json()
    facts = answer_json({"model": model.name, "version": model.version})
    parts = b",".join([answer_json(each) for each in forecasts])
    imputed = sum(each["imputed"] for each in forecasts)
    return b'%b,"forecasts":[%b]}' % (facts[:-1], parts), imputed
