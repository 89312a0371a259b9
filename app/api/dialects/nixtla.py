"""What `nixtla.NixtlaClient` asks. Knows its words; `common` has them answered."""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request, Response

from app.api.bodies.encodings import PACKED
from app.api.bodies.fields import clipped
from app.api.bodies.json_body import read_json
from app.api.dialects.common import forecast, reach_of, respond
from app.api.dialects.nixtla_schema import (
    ALLOWED,
    NixtlaForecast,
    NixtlaForecastRequest,
    NixtlaKey,
    NixtlaModelParameters,
    NixtlaParameters,
)
from app.api.dialects.nixtla_series import (
    WORDS,
    contributions_of,
    covariates_of,
    flat,
    intervals_of,
    levels_of,
    our_name,
    quantiles_of,
    split,
)
from app.api.forecasts.forecasting import TASK
from app.api.openapi import json_body, problems
from app.api.services import Services

FORECAST: Final = "/v2/forecast"
PATHS: Final = {FORECAST: TASK}

_EXAMPLES: Final[dict[str, Any]] = {
    "two": {
        "summary": "Two series, three steps, an 80 % interval",
        "value": {
            "series": {"y": [3.1, 2.9, 3.4, 3.2, 3.6, 105, 98, 110], "sizes": [5, 3]},
            "model": "timegpt-1",
            "freq": "D",
            "h": 3,
            "level": [80],
        },
    }
}


def routes(services: Services) -> APIRouter:
    """The routes of this dialect."""
    router = APIRouter(tags=["dialects"])

    @router.head("/validate_api_key", include_in_schema=False)
    @router.get(
        "/validate_api_key", summary="Is the API key known? (Nixtla)", responses=problems(500)
    )
    async def validate_api_key() -> NixtlaKey:
        """200 for a known key, and where the service asks for none; else 401."""
        return NixtlaKey()

    @router.head("/model_params", include_in_schema=False)
    @router.get(
        "/model_params",
        summary="How much of a series a forecaster reads (Nixtla)",
        responses=problems(404, 500, 503),
    )
    async def model_params(
        model: Annotated[str, Query(description="Its name, or timegpt-1.")] = "timegpt-1",
        freq: Annotated[str, Query(description="Changes nothing.")] = "",
    ) -> NixtlaModelParameters:
        """The client sends no more than that of a series."""
        memory, trained = reach_of(services, our_name(clipped(model)))
        settings = services.settings
        return NixtlaModelParameters(
            detail=NixtlaParameters(
                input_size=memory or settings.max_points,
                horizon=trained or settings.max_horizon,
            )
        )

    @router.post(
        FORECAST,
        summary="Forecast as Nixtla's client asks for it",
        response_model=NixtlaForecast,
        responses=problems(400, 404, 413, 415, 422, 429, 500, 503, 504),
        openapi_extra=json_body(NixtlaForecastRequest, _EXAMPLES),
    )
    async def ask(request: Request) -> Response:
        """The same forecast as `POST /forecast`, in the words of Nixtla's TimeGPT.

        The body may be packed with zstd, gzip or deflate.
        """
        body = await read_json(
            request, services, NixtlaForecastRequest, ALLOWED, ("series",), encodings=PACKED
        )
        body.refuse_what_is_not_served()
        levels = levels_of(body.level)
        series = await split(request, services, body)
        fields: dict[str, Any] = {
            "model": our_name(body.model),
            "series": series,
            **await covariates_of(request, services, body, series, body.h),
            "start": body.series.start_datetime,
            "frequency": body.freq,
            "horizon": body.h,
            "quantiles": quantiles_of(levels) or [0.5],
        }
        asked, _, predictions = await forecast(request, services, fields, WORDS)

        contributions = None
        if body.feature_contributions and predictions[0].get("covariates"):
            rows = len(fields["past_covariates"][0])
            contributions = contributions_of(predictions, rows)

        def written() -> dict[str, Any]:
            return {
                "mean": flat([each["mean"] for each in predictions]),
                "intervals": intervals_of(predictions, levels),
                "weights_x": None,
                "feature_contributions": contributions,
            }

        values = len(predictions) * asked.horizon * (len(asked.quantiles) + 2)
        return await respond(request, services, values, written)

    return router
