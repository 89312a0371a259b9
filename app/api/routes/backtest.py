"""POST /backtest: its schema and its route. Knows HTTP; origins and scores stand in the task."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Final

import numpy as np
from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field

from app.api.bodies.json_body import read_json
from app.api.context import record_of
from app.api.forecasts.autoets import autoets_of
from app.api.forecasts.backtests import fits_of, written
from app.api.forecasts.covariates import MOST_FORECASTS
from app.api.forecasts.forecasting import (
    Asked,
    ForecastRequest,
    allowed_fields,
    answer_asked,
    read_asked,
)
from app.api.openapi import json_body, problems
from app.api.responses import BytesResponse
from app.api.services import Services
from app.api.work import in_thread
from app.errors import InvalidInput
from app.tasks.forecast.backtest import origins

PATH: Final = "/backtest"
_MOST_WINDOWS: Final = 1000


class BacktestRequest(ForecastRequest):
    """As for a forecast, and from where in the past."""

    windows: int = Field(3, ge=1, le=_MOST_WINDOWS, description="Origins to forecast from.")
    step: int | None = Field(
        None, ge=1, description="Steps from one origin to the next; the horizon if absent."
    )


class BacktestWindow(BaseModel):
    """One forecast of what is known already."""

    origin: int = Field(description="Values that were known: the first ones of the series.")
    mean: list[float]
    median: list[float]
    quantiles: dict[str, list[float]]
    actual: list[float | None] = Field(description="What happened; null where it is missing.")
    timestamps: list[str] | None = Field(None, description="Of each step; only if `start` is set.")
    notes: list[str]
    scores: dict[str, dict[str, float | None]] = Field(description="By method, as below.")


class Backtest(BaseModel):
    """One series: its windows, oldest first, and the mean of each score over them."""

    windows: list[BacktestWindow]
    season_length: int
    scores: dict[str, dict[str, float | None]] = Field(
        description="By method (`forecast`, `naive`, `seasonal_naive`, `drift`, `autoets`) the "
        "errors."
    )
    notes: list[str] = Field(description="Why a method has no scores.")


class BacktestAnswer(BaseModel):
    """One backtest per series, in the order of the request."""

    model: str
    version: str
    backtests: list[Backtest]
    scores: dict[str, dict[str, float | None]] = Field(
        description="The means over the series of scores that have no unit of a series."
    )


_EXAMPLES: Final[dict[str, Any]] = {
    "monthly": {
        "summary": "The last two half years of a monthly series",
        "value": {
            "series": [
                *[365.3, 366.2, 367.4, 368.5, 369.1, 368.8, 367.6, 365.7, 363.9, 364.3, 365.6],
                *[366.9, 368.1, 368.9, 369.6, 371.0, 370.8, 370.2, 369.0, 366.7, 364.7, 365.1],
                *[366.6, 367.9, 369.0, 369.4, 370.4, 371.5, 371.6, 371.6, 369.9, 367.9, 366.5],
                *[366.7, 368.1, 369.4],
            ],
            "horizon": 6,
            "windows": 2,
            "frequency": "MS",
        },
    },
}


def routes(services: Services) -> APIRouter:
    """The route of backtests."""
    router = APIRouter(tags=["tasks"])
    settings = services.settings
    allowed = allowed_fields(settings) | {
        "windows": f"a whole number from 1 to {_MOST_WINDOWS}",
        "step": "a whole number from 1, or null",
    }

    @router.post(
        PATH,
        summary="Forecast what is known already, and score it",
        response_model=BacktestAnswer,
        responses=problems(400, 404, 413, 415, 422, 429, 500, 503, 504),
        openapi_extra=json_body(BacktestRequest, _EXAMPLES),
    )
    async def backtest(request: Request) -> Response:
        """Forecast from `windows` points in the past of every series, each from what stood before.

        The last window ends with the series. Beside the model's errors stand those of simple
        methods on the same windows, and those of AutoETS where its package is installed.
        """
        body = await read_json(request, services, BacktestRequest, allowed, long=("series",))
        _check_windows(body, settings.max_series)
        model, asked = await read_asked(request, services, body)
        _check_answer(body, len(asked), settings.max_series, settings.max_points)
        bodies = services.threads.bodies
        record = record_of(request.scope)
        cut = await in_thread(request, record, bodies, partial(_windows, asked, body))
        record.inputs = len(cut)
        predictions = await answer_asked(request, body, model, cut)
        fits = await in_thread(request, record, bodies, partial(fits_of, body, cut, predictions))
        fitted = await autoets_of(request, services, fits)
        write = partial(written, model, body, asked, cut, predictions, fitted)
        return BytesResponse(await in_thread(request, record, bodies, write))

    return router


def _check_windows(body: BacktestRequest, most: int) -> None:
    if body.windows > most:
        raise InvalidInput(
            f"{body.windows} windows are too many", field="windows", allowed=f"at most {most}"
        )


def _check_answer(body: BacktestRequest, series: int, max_series: int, max_points: int) -> None:
    forecasts = series * body.windows
    if body.past_covariates is not None or body.holidays is not None or body.multivariate:
        max_series = min(max_series, MOST_FORECASTS)
    values = forecasts * body.horizon * (len(body.quantiles) + 3)
    if forecasts > max_series or values > max_points:
        raise InvalidInput(
            f"{series} series and {body.windows} windows make {forecasts} forecasts with {values} "
            "values; that is too much for one answer",
            field="windows",
            allowed=f"at most {max_series} forecasts and {max_points} values in one answer",
        )


def _array(series: Any) -> Any:
    return np.array(series, dtype=np.float64)  # None becomes NaN


def _windows(asked: Sequence[Asked], body: BacktestRequest) -> list[Asked]:
    """What is known at each origin of each series, in order. Raises InvalidInput."""
    found = []
    for each in asked:
        values = _array(each.series)
        try:
            starts = origins(len(values), body.horizon, body.windows, body.step or body.horizon)
        except InvalidInput as error:
            field = f"series{each.index}"
            raise InvalidInput(error.message, field=field, allowed=error.allowed) from None
        # slices of one array: however many windows there are, no value is copied
        found += [
            replace(_cut(each, values, origin, body.horizon), window=window)
            for window, origin in enumerate(starts)
        ]
    return found


def _cut(asked: Asked, values: Any, origin: int, horizon: int) -> Asked:
    """What was known at `origin`: of covariates with a future also the steps that come."""
    past = {name: _part(each, 0, origin) for name, each in asked.past.items()}
    future = {name: _part(asked.past.get(name), origin, origin + horizon) for name in asked.future}
    return replace(asked, series=values[:origin], past=past, future=future)


def _part(values: Any, first: int, last: int) -> Any:
    return values[first:last] if isinstance(values, list | np.ndarray) else values
