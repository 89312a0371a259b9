"""POST /forecast: its schema and its route. Knows HTTP; what a forecast is stands in its task."""

from collections.abc import Sequence
from functools import partial
from typing import Annotated, Any, Final

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, FailFast, Field, WithJsonSchema

from app.api.context import record_of
from app.api.fields import shown
from app.api.json_body import in_bodies, read_json
from app.api.long_lists import LongList
from app.api.openapi import json_body, problems
from app.api.responses import BytesResponse, answer_json
from app.api.series import SHAPE, Series, check_series, check_starts, read_series
from app.api.services import Services
from app.api.work import encode_at, in_thread, prepare, run
from app.errors import InvalidInput
from app.serving.models.loader import LoadedModel
from app.serving.task import Task
from app.settings import Settings
from app.telemetry import metrics, tracing

TASK: Final = "forecast"
PATH: Final = "/forecast"

# Up to this much is prepared at once, in a few milliseconds, for less than a thread costs.
_INLINE_SERIES: Final = 4
_INLINE_POINTS: Final = 5_000
_INLINE_HORIZON: Final = 200
_INLINE_VALUES: Final = 20_000  # of an answer

_SERIES_SCHEMA: Final[dict[str, Any]] = {
    "title": "Series",
    "description": (
        "One series, oldest value first, or a list of series of any lengths; "
        "`null` stands for a missing value."
    ),
    "anyOf": [
        {"type": "array", "minItems": 1, "items": {"type": ["number", "null"]}},
        {
            "type": "array",
            "minItems": 1,
            "items": {"type": "array", "minItems": 1, "items": {"type": ["number", "null"]}},
        },
    ],
}
_START_SCHEMA: Final[dict[str, Any]] = {
    "title": "Start",
    "description": (
        "Timestamp of the first value (ISO 8601), one for all series or one each; "
        "with it and `frequency` the answer carries future timestamps."
    ),
    "anyOf": [
        {"type": "string"},
        {"type": "array", "items": {"type": ["string", "null"]}},
        {"type": "null"},
    ],
}


class ForecastRequest(BaseModel):
    """Which series, how far ahead, and how sure."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    # Checked by `check_series`: pydantic would take 100,000 points one by one.
    series: Annotated[Any, WithJsonSchema(_SERIES_SCHEMA)]
    horizon: int = Field(ge=1, description="Steps to predict.")
    quantiles: Annotated[list[float], FailFast()] = Field(
        default=[0.1, 0.5, 0.9],
        min_length=1,
        max_length=99,
        description="Levels between 0 and 1, exclusive; any of them, in any order.",
    )
    frequency: str | None = Field(
        None, max_length=32, description="Spacing of the values as a pandas alias: h, D, W, MS ..."
    )
    season_length: int | None = Field(
        None,
        ge=1,
        description="Steps in one season; found from the frequency or the data if absent.",
    )
    start: Annotated[Any, WithJsonSchema(_START_SCHEMA)] = None
    model: str = Field("forecast", max_length=64, description="Which model to ask.")
    version: str | None = Field(
        None, max_length=16, description="Insist on this version; else the one served."
    )


class Forecast(BaseModel):
    """What is expected of one series."""

    mean: list[float] = Field(
        description="Point forecast: the mean on the network's scale (log for positive series)."
    )
    quantiles: dict[str, list[float]] = Field(
        description="Per level asked for, the value that each step stays below with that chance."
    )
    timestamps: list[str] | None = Field(None, description="Of each step; only if `start` is set.")
    season_length: int = Field(
        description="The season that was looked for, in steps; 1 means none."
    )
    imputed: int = Field(description="Missing values that were filled in.")
    notes: list[str] = Field(description="What a reader of the forecast should know.")


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
    settings = services.settings
    allowed = allowed_fields(settings)

    @router.post(
        PATH,
        summary="Forecast one or more series",
        response_model=ForecastAnswer,
        responses=problems(400, 404, 413, 415, 422, 429, 500, 503, 504),
        openapi_extra=json_body(ForecastRequest, _EXAMPLES),
    )
    async def forecast(request: Request) -> Response:
        """Predict the next `horizon` values of every series, with quantiles.

        The answers do not depend on what else is sent or asked for at the same time.
        `X-Request-Timeout-Ms` shortens the time this may take; `Server-Timing` tells where it went.
        """
        body = await read_json(request, services, ForecastRequest, allowed, long=("series",))
        record = record_of(request.scope)
        model = services.lease(record, body.model, body.version, TASK)
        most = {"max_series": settings.max_series, "max_points": settings.max_points}
        if isinstance(body.series, LongList):
            read = partial(read_series, body.series, **most)
            series, many = await in_bodies(request, services, read)
        else:
            series, many = check_series(body.series, **most)
        _check_size(body, len(series), settings.max_horizon, settings.max_points)
        starts = check_starts(body.start, len(series), many)
        record.inputs = len(series)
        steps = [
            partial(_encode, model.task, body, each, start, f"[{index}]" if many else "")
            for index, (each, start) in enumerate(zip(series, starts, strict=True))
        ]
        with tracing.span("encode"):
            examples = await prepare(request, record, steps, inline=_is_short(body, series))
        lengths = metrics.input_length(TASK, model.name)
        for each in series:
            lengths.observe(len(each))
        predictions = await run(request, record, model, examples)
        write = partial(_written, model, predictions)
        if len(series) * body.horizon * (len(body.quantiles) + 1) <= _INLINE_VALUES:
            content, imputed = write()
        else:
            content, imputed = await in_thread(request, record, services.threads.bodies, write)
        metrics.MISSING_VALUES.labels(model.name).inc(imputed)
        return BytesResponse(content)

    return router


def allowed_fields(settings: Settings) -> dict[str, str]:
    """What each field of a request may hold."""
    return {
        "series": SHAPE,
        "horizon": f"a whole number from 1 to {settings.max_horizon}",
        "quantiles": "1 to 99 numbers between 0 and 1, both exclusive",
        "frequency": "a pandas alias such as h, D, W, MS, QS, YS or 15min, or null",
        "season_length": "a whole number from 1, or null",
        "start": "an ISO 8601 timestamp, one per series, or null",
        "model": "the name of a model, at most 64 characters; GET /models lists them",
        "version": 'a version as text, such as "1", or null',
    }


def _written(model: LoadedModel, predictions: Sequence[Any]) -> tuple[bytes, int]:
    """(the answer, missing values in all series): series by series, so that others get a turn."""
    forecasts = [prediction.to_json() for prediction in predictions]
    facts = answer_json({"model": model.name, "version": model.version})
    parts = b",".join([answer_json(each) for each in forecasts])
    imputed = sum(each["imputed"] for each in forecasts)
    return b'%b,"forecasts":[%b]}' % (facts[:-1], parts), imputed


def _is_short(body: ForecastRequest, series: Sequence[Series]) -> bool:
    return (
        len(series) <= _INLINE_SERIES
        and body.horizon <= _INLINE_HORIZON
        and sum(map(len, series)) <= _INLINE_POINTS
    )


def _check_size(body: ForecastRequest, series: int, max_horizon: int, max_points: int) -> None:
    if body.horizon > max_horizon:
        raise InvalidInput(
            f"{shown(body.horizon)} steps are too many, {max_horizon} is the most",
            field="horizon",
            allowed=f"a whole number from 1 to {max_horizon}",
        )
    values = series * body.horizon * (len(body.quantiles) + 1)
    if values > max_points:
        raise InvalidInput(
            f"{series} series, {body.horizon} steps, the mean and {len(body.quantiles)} quantiles "
            f"make {values} values; that is too much for one answer",
            field="horizon",
            allowed=f"at most {max_points} values in one answer",
        )


def _encode(
    task: Task[Any, Any], body: ForecastRequest, series: Series, start: str | None, index: str
) -> Any:
    """One example; errors name the place of the series in the request."""
    places = {"series": f"series{index}"}
    if isinstance(body.start, list):
        places["start"] = f"start{index}"
    return encode_at(
        places,
        task.encode,
        series=series,
        horizon=body.horizon,
        quantiles=tuple(body.quantiles),
        frequency=body.frequency,
        season_length=body.season_length,
        start=start,
    )
