"""KServe's time series protocol: /v1/timeseries. Knows its words; `common` has them answered."""

import time
import uuid
from calendar import month_abbr, monthrange
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field, WithJsonSchema

from app.api.bodies.fields import FastList
from app.api.bodies.json_body import read_json
from app.api.dialects.common import STRICT, Words, forecast, read_lists, respond
from app.api.forecasts.forecasting import TASK
from app.api.openapi import json_body, problems
from app.api.responses import json_response
from app.api.services import Services
from app.errors import InvalidInput

FORECAST: Final = "/v1/timeseries/forecast"
MODELS: Final = "/v1/timeseries/models"
PATHS: Final = {FORECAST: TASK}

# The protocol's names, and pandas' for the same; months and longer begin or end on their day.
_FREQUENCIES: Final = {
    **dict.fromkeys(("second", "S"), "s"),
    **dict.fromkeys(("minute", "T"), "min"),
    **dict.fromkeys(("hour", "H"), "h"),
    **dict.fromkeys(("day", "D"), "D"),
    **dict.fromkeys(("week", "W"), "W"),
    **dict.fromkeys(("month", "M"), "M"),
    **dict.fromkeys(("quarter", "Q"), "Q"),
    **dict.fromkeys(("year", "Y"), "Y"),
}
_WORDS: Final[Words] = {
    "series": "inputs[{}].series",
    "start": "inputs[{}].start_timestamp",
    "frequency": "inputs[0].frequency",
    "horizon": "options.horizon",
    "quantiles": "options.quantiles",
}
_ALLOWED: Final = {
    "model": "the name of a model; GET /v1/timeseries/models lists them",
    "inputs": "a list of objects with type, name, series, frequency, start_timestamp",
    "options": "an object with horizon and quantiles",
    "metadata": "an object, which is not read, or null",
}


class TimeSeriesInput(BaseModel):
    """One series."""

    model_config = STRICT

    type: Literal["univariate_time_series", "multivariate_time_series"] = Field(
        description="`univariate_time_series`; those of several variables are refused."
    )
    name: str = Field(max_length=200, description="What the answer calls it.")
    series: Annotated[
        Any,
        WithJsonSchema(
            {
                "type": "array",
                "items": {"type": ["number", "null"]},
                "description": "Oldest value first; `null` stands for a missing value.",
            }
        ),
    ]
    frequency: str = Field(
        max_length=32, description="second, minute, hour, day, week, month, quarter, year; S T H D."
    )
    start_timestamp: str | None = Field(None, description="Of the first value, in ISO 8601.")


class ForecastOptions(BaseModel):
    """How far, and how sure."""

    model_config = STRICT

    horizon: int = Field(description="Steps to predict.")
    quantiles: FastList[float] | None = Field(
        None, description="Levels between 0 and 1, exclusive."
    )


class TimeSeriesRequest(BaseModel):
    """Which series, and how far ahead."""

    model_config = STRICT

    model: str = Field(max_length=64, description="Which model to ask.")
    inputs: FastList[TimeSeriesInput] = Field(min_length=1, description="The series.")
    options: ForecastOptions
    metadata: dict[str, Any] | None = Field(None, description="The client's own; not read.")


class TimeSeriesForecast(BaseModel):
    """The forecast of one series."""

    type: str
    name: str
    mean_forecast: list[float]
    frequency: str = Field(description="As it was sent.")
    start_timestamp: str = Field(description="Of the first step; empty if no start was sent.")
    quantiles: dict[str, list[float]] | None = Field(description="Of the levels asked for.")
    notes: list[str] = Field(description="What a reader of the forecast should know.")


class TimeSeriesOutput(BaseModel):
    """What came of one series."""

    type: str
    id: str
    status: str
    content: list[TimeSeriesForecast]
    error: None


class TimeSeriesUsage(BaseModel):
    """Points read and predicted."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


class TimeSeriesAnswer(BaseModel):
    """An output for each input, in order."""

    id: str
    created_at: int = Field(description="Seconds since 1970.")
    status: str
    error: None
    model: str
    version: str
    outputs: list[TimeSeriesOutput]
    usage: TimeSeriesUsage


_EXAMPLES: Final[dict[str, Any]] = {
    "monthly": {
        "summary": "A monthly series, a quarter ahead",
        "value": {
            "model": "forecast",
            "inputs": [
                {
                    "type": "univariate_time_series",
                    "name": "passengers",
                    "series": [112, 118, 132, 129, 121, 135, 148, 148, 136, 119, 104, 118],
                    "frequency": "month",
                    "start_timestamp": "1949-01-01T00:00:00Z",
                }
            ],
            "options": {"horizon": 3, "quantiles": [0.1, 0.9]},
        },
    }
}


def routes(services: Services) -> APIRouter:
    """The routes of this dialect."""
    router = APIRouter(tags=["dialects"])

    @router.post(
        FORECAST,
        summary="Forecast as KServe's time series models do",
        response_model=TimeSeriesAnswer,
        responses=problems(400, 404, 413, 415, 422, 429, 500, 503, 504),
        openapi_extra=json_body(TimeSeriesRequest, _EXAMPLES),
    )
    async def ask(request: Request) -> Response:
        """The same forecast as `POST /forecast`, in the words of KServe."""
        body = await read_json(request, services, TimeSeriesRequest, _ALLOWED, long=("inputs",))
        frequency = _frequency(body.inputs)
        places = "inputs[{}].series"
        series = await read_lists(request, services, [each.series for each in body.inputs], places)
        fields = {
            "model": body.model,
            "series": series,
            "start": [each.start_timestamp for each in body.inputs],
            "frequency": frequency,
            "horizon": body.options.horizon,
            "quantiles": [0.5] if body.options.quantiles is None else body.options.quantiles,
        }
        asked, model, predictions = await forecast(request, services, fields, _WORDS)
        points = sum(map(len, series.series))
        steps = len(predictions) * asked.horizon

        def written() -> dict[str, Any]:
            levels = body.options.quantiles is not None
            return {
                "id": str(uuid.uuid4()),
                "created_at": int(time.time()),
                "status": "completed",
                "error": None,
                "model": model.name,
                "version": model.version,
                "outputs": [
                    _output(each, prediction, levels)
                    for each, prediction in zip(body.inputs, predictions, strict=True)
                ],
                "usage": {
                    "prompt_tokens": points,
                    "completion_tokens": steps,
                    "total_tokens": points + steps,
                },
            }

        return await respond(request, services, steps * (len(asked.quantiles) + 2), written)

    @router.head(MODELS, include_in_schema=False)
    @router.get(
        MODELS,
        summary="List the forecasters",
        response_model=list[str],
        responses=problems(500),
    )
    async def models() -> Response:
        """The names of the models that forecast."""
        served = services.repository.loaded()
        return json_response([each.name for each in served if each.manifest.task == TASK])

    return router


def _frequency(inputs: Sequence[TimeSeriesInput]) -> str:
    """The one frequency of all series, in pandas' words. Raises InvalidInput."""
    found = ""
    for number, each in enumerate(inputs):
        place = f"inputs[{number}]"
        if each.type != "univariate_time_series":
            raise InvalidInput(
                "series of several variables are not forecast",
                field=f"{place}.type",
                allowed="univariate_time_series, one input for each variable",
            )
        if each.frequency not in _FREQUENCIES:
            raise InvalidInput(
                f"there is no such frequency in this protocol: {each.frequency}",
                field=f"{place}.frequency",
                allowed=f"one of {', '.join(_FREQUENCIES)}",
            )
        alias = _alias(_FREQUENCIES[each.frequency], each.start_timestamp)
        if found and alias != found:
            raise InvalidInput(
                "it differs from that of inputs[0]",
                field=f"{place}.frequency",
                allowed="one frequency for all inputs of a request, and starts that agree with it",
            )
        found = alias
    return found


def _alias(frequency: str, start: str | None) -> str:
    """Months, quarters and years begin or end where the first of them does, on that month."""
    if frequency not in ("M", "Q", "Y"):
        return frequency
    try:
        day = None if start is None else datetime.fromisoformat(start)
    except ValueError:  # the forecaster tells
        day = None
    is_end = day is not None and day.day == monthrange(day.year, day.month)[1]
    alias = f"{frequency}{'E' if is_end else 'S'}"
    if frequency == "M" or day is None:
        return alias
    return f"{alias}-{month_abbr[day.month].upper()}"


def _output(sent: TimeSeriesInput, prediction: Mapping[str, Any], levels: bool) -> dict[str, Any]:
    stamps = prediction.get("timestamps")
    return {
        "type": "time_series_forecast",
        "id": str(uuid.uuid4()),
        "status": "completed",
        "error": None,
        "content": [
            {
                "type": sent.type,
                "name": sent.name,
                "mean_forecast": prediction["mean"],
                "frequency": sent.frequency,
                "start_timestamp": stamps[0].replace("+00:00", "Z") if stamps else "",
                "quantiles": prediction["quantiles"] if levels else None,
                "notes": prediction["notes"],
            }
        ],
    }
