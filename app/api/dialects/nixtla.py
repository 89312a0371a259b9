"""What `nixtla.NixtlaClient` asks. Knows its words; `common` has them answered."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from typing import Annotated, Any, Final

import numpy as np
from fastapi import APIRouter, Query, Request, Response

from app.api.dialects.common import Words, forecast, reach_of, read_lists, respond
from app.api.dialects.nixtla_schema import (
    ALLOWED,
    NixtlaForecast,
    NixtlaForecastRequest,
    NixtlaKey,
    NixtlaModelParameters,
    NixtlaParameters,
    NixtlaRequest,
)
from app.api.encodings import PACKED
from app.api.fields import clipped, shown
from app.api.forecasting import TASK
from app.api.json_body import read_json
from app.api.openapi import json_body, problems
from app.api.series import ReadSeries
from app.api.services import Services
from app.errors import InvalidInput

FORECAST: Final = "/v2/forecast"
PATHS: Final = {FORECAST: TASK}
_WORDS: Final[Words] = {
    "series": "series.sizes[{}]",
    "start": "series.start_datetime[{}]",
    "frequency": "freq",
    "horizon": "h",
    "quantiles": "level",
}
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
        memory, trained = reach_of(services, _model(clipped(model)))
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
        if body.series.X is not None or body.feature_contributions:
            raise InvalidInput(
                "covariates are not served",
                field="series.X" if body.series.X is not None else "feature_contributions",
                allowed="series without covariates",
            )
        levels = _levels(body.level)
        fields = {
            "model": _model(body.model),
            "series": await _split(request, services, body),
            "start": body.series.start_datetime,
            "frequency": body.freq,
            "horizon": body.h,
            "quantiles": sorted({each for pair in levels.values() for each in pair}) or [0.5],
        }
        asked, _, predictions = await forecast(request, services, fields, _WORDS)

        def written() -> dict[str, Any]:
            return {
                "mean": _flat([each["mean"] for each in predictions]),
                "intervals": _intervals(predictions, levels),
                "weights_x": None,
                "feature_contributions": None,
            }

        values = len(predictions) * asked.horizon * (len(asked.quantiles) + 2)
        return await respond(request, services, values, written)

    return router


def _model(name: str) -> str:
    """Our name of a model: that of the general one for what the client calls it."""
    return TASK if name.startswith("timegpt") or name == "azureai" else name


async def _split(request: Request, services: Services, body: NixtlaRequest) -> ReadSeries:
    """The series, which come one behind the other. Raises InvalidInput."""
    sizes = _sizes(body.series.sizes, services.settings.max_series)
    [values] = (await read_lists(request, services, [body.series.y], "series.y")).series
    if sum(sizes) != len(values):
        raise InvalidInput(
            f"they make {sum(sizes)} values, and y has {len(values)}",
            field="series.sizes",
            allowed="the number of values of each series",
        )
    return ReadSeries(np.split(np.array(values, np.float64), np.cumsum(sizes)[:-1]))


def _sizes(value: Any, most: int) -> list[int]:
    allowed = f"whole numbers from 1, of at most {most} series"
    if not isinstance(value, list) or not 0 < len(value) <= most:
        raise InvalidInput(
            f"expected a list of 1 to {most} whole numbers, got {shown(value)}",
            field="series.sizes",
            allowed=allowed,
        )
    for number, each in enumerate(value):
        if type(each) is not int or each < 1:
            raise InvalidInput(
                f"expected a whole number from 1, got {shown(each)}",
                field=f"series.sizes[{number}]",
                allowed=allowed,
            )
    return value


def _levels(asked: Sequence[float] | None) -> dict[str, tuple[float, float]]:
    """By the name of each level, the quantiles between which so many per cent lie."""
    levels = {}
    for number, each in enumerate(asked or ()):
        if not 0 <= each < 100:
            raise InvalidInput(
                f"{shown(each)} per cent are no interval",
                field=f"level[{number}]",
                allowed="0 to below 100",
            )
        low = (100 - each) / 200
        levels[str(int(each) if each == int(each) else each)] = (low, 1 - low)
    return levels


def _intervals(
    predictions: Sequence[Mapping[str, Any]], levels: Mapping[str, tuple[float, float]]
) -> dict[str, list[float]] | None:
    sides = {
        f"{side}-{name}": repr(quantile)
        for name, pair in levels.items()
        for side, quantile in zip(("lo", "hi"), pair, strict=True)
    }
    found = {
        name: _flat([each["quantiles"][quantile] for each in predictions])
        for name, quantile in sides.items()
    }
    return found or None


def _flat(paths: Iterable[list[float]]) -> list[float]:
    return list(chain.from_iterable(paths))
