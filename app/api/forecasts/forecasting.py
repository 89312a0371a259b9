"""What is asked of a forecaster, checked and answered. Knows requests and tasks; no path.

`POST /forecast` and every route that forecasts on its way call `predictions_of`: there is one
reading of a request and one way to the network.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any, Final

from fastapi import Request
from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema

from app.api.bodies.fields import FastList, shown
from app.api.bodies.json_body import in_bodies
from app.api.bodies.long_lists import LongList
from app.api.context import record_of
from app.api.forecasts.channels import apart, encode_together, forecasts_together
from app.api.forecasts.covariates import (
    COVARIATES_SCHEMA,
    Covariates,
    check_covariates,
    forecast_with_covariates,
    has_learned,
    with_others,
)
from app.api.forecasts.covariates import SHAPE as SHAPE_OF_COVARIATES
from app.api.forecasts.series import (
    SHAPE,
    ReadSeries,
    Series,
    check_series,
    check_starts,
    read_series,
)
from app.api.services import Services
from app.api.work import encode_at, in_thread, prepare, run
from app.errors import InvalidInput
from app.serving.models.loader import LoadedModel
from app.serving.task import Task
from app.settings import Settings
from app.telemetry import metrics, tracing

TASK: Final = "forecast"

# Up to this much is prepared at once, in a few milliseconds, for less than a thread costs.
_INLINE_SERIES: Final = 4
_INLINE_POINTS: Final = 5_000
_INLINE_HORIZON: Final = 200
_COVARIATES: Final = ("past_covariates", "future_covariates")

SERIES_SCHEMA: Final[dict[str, Any]] = {
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
START_SCHEMA: Final[dict[str, Any]] = {
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
    series: Annotated[Any, WithJsonSchema(SERIES_SCHEMA)]
    horizon: int = Field(ge=1, description="Steps to predict.")
    quantiles: FastList[float] = Field(
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
    start: Annotated[Any, WithJsonSchema(START_SCHEMA)] = None
    past_covariates: Annotated[Any, WithJsonSchema(COVARIATES_SCHEMA)] = Field(
        None, description="What else was known at each value of the series, by name."
    )
    future_covariates: Annotated[Any, WithJsonSchema(COVARIATES_SCHEMA)] = Field(
        None, description="The same for the steps to predict; names of `past_covariates`."
    )
    holidays: str | None = Field(
        None,
        max_length=16,
        description="Whose holidays count: a country as DE, or a part of one as DE-BY.",
    )
    multivariate: bool = Field(
        False,
        description="Whether the series are channels of one: forecast together, if the model was "
        "trained so; else each sees the others' past.",
    )
    minimum: float | None = Field(
        None, allow_inf_nan=False, description="The least value that is possible."
    )
    maximum: float | None = Field(
        None, allow_inf_nan=False, description="The greatest value that is possible."
    )
    integer: bool = Field(False, description="Whether only whole numbers are possible.")
    model: str = Field("forecast", max_length=64, description="Which model to ask.")
    version: str | None = Field(
        None, max_length=16, description="Insist on this version; else the one served."
    )


@dataclass(frozen=True)
class Asked:
    """One series of a request as `encode` of the task takes it.

    index: where it stands in the request's lists, "[3]", or nothing if it stands alone. window: of
    channels, which question they belong to; those of one are answered together.
    """

    series: Series
    start: str | None
    index: str
    past: Covariates
    future: Covariates
    window: int = 0


async def read_asked(
    request: Request, services: Services, body: ForecastRequest
) -> tuple[LoadedModel, list[Asked]]:
    """(the model, what is asked of it, in order).

    Raises InvalidInput, ModelNotFound, and what reading in a thread raises; see `work`.
    """
    settings = services.settings
    record = record_of(request.scope)
    model = services.lease(record, body.model, body.version, TASK)
    most = {"max_series": settings.max_series, "max_points": settings.max_points}
    if isinstance(body.series, ReadSeries):
        series, many = list(body.series.series), True
    elif isinstance(body.series, LongList):
        read = partial(read_series, body.series, **most)
        series, many = await in_bodies(request, services, read)
    else:
        series, many = check_series(body.series, **most)
    _check_size(body, len(series), settings.max_horizon, settings.max_points)
    starts = check_starts(body.start, len(series), many)
    record.inputs = len(series)
    lengths = metrics.input_length(TASK, model.name)
    for each in series:
        lengths.observe(len(each))
    past = check_covariates(body.past_covariates, "past_covariates", len(series), many)
    ahead = check_covariates(body.future_covariates, "future_covariates", len(series), many)
    places = [f"[{index}]" if many else "" for index in range(len(series))]
    if body.multivariate and not forecasts_together(model):
        step = partial(with_others, past, series)
        past = await in_thread(request, record, services.threads.bodies, step)
    every = zip(series, starts, places, past, ahead, strict=True)
    return model, [Asked(*each) for each in every]


async def answer_asked(
    request: Request, body: ForecastRequest, model: LoadedModel, asked: Sequence[Asked]
) -> list[Any]:
    """A prediction for each of `asked`, in order. Raises what preparing and computing raise."""
    record = record_of(request.scope)
    given = body.holidays is not None or any(each.past or each.future for each in asked)
    learned = has_learned(model, body.holidays)
    if given and not learned:
        options = [_options(body, each) | _covariates(body, each) for each in asked]
        places = [each.index for each in asked]
        return await forecast_with_covariates(request, model, options, places)
    together = forecasts_together(model)
    if together:
        steps = encode_together(model, asked, _shared(body) | {"multivariate": body.multivariate})
    else:
        steps = [partial(_encode, model.task, body, each, learned) for each in asked]
    with tracing.span("encode"):
        examples = await prepare(request, record, steps, inline=_is_short(body, asked))
    predictions = await run(request, record, model, examples)
    return apart(asked, predictions) if together else predictions


async def predictions_of(
    request: Request, services: Services, body: ForecastRequest
) -> tuple[LoadedModel, list[Any]]:
    """(the model, a prediction for each series of `body`, in order). Raises as the two above."""
    model, asked = await read_asked(request, services, body)
    return model, await answer_asked(request, body, model, asked)


def allowed_fields(settings: Settings) -> dict[str, str]:
    """What each field of a request may hold."""
    return {
        "series": SHAPE,
        "horizon": f"a whole number from 1 to {settings.max_horizon}",
        "quantiles": "1 to 99 numbers between 0 and 1, both exclusive",
        "frequency": "a pandas alias such as h, D, W, MS, QS, YS or 15min, or null",
        "season_length": "a whole number from 1, or null",
        "start": "an ISO 8601 timestamp, one per series, or null",
        "past_covariates": f"{SHAPE_OF_COVARIATES}, as long as the series",
        "future_covariates": f"{SHAPE_OF_COVARIATES}, as long as the horizon",
        "holidays": "a country by two letters, such as DE, a part of one, such as DE-BY, or null",
        "multivariate": "true for series of one length, or false",
        "minimum": "a number, at most maximum, or null",
        "maximum": "a number, at least minimum, or null",
        "integer": "true or false",
        "model": "the name of a model, at most 64 characters; GET /models lists them",
        "version": 'a version as text, such as "1", or null',
    }


def _is_short(body: ForecastRequest, asked: Sequence[Asked]) -> bool:
    return (
        len(asked) <= _INLINE_SERIES
        and body.horizon <= _INLINE_HORIZON
        and sum(len(each.series) for each in asked) <= _INLINE_POINTS
    )


def _check_size(body: ForecastRequest, series: int, max_horizon: int, max_points: int) -> None:
    if body.horizon > max_horizon:
        raise InvalidInput(
            f"{shown(body.horizon)} steps are too many, {max_horizon} is the most",
            field="horizon",
            allowed=f"a whole number from 1 to {max_horizon}",
        )
    values = series * body.horizon * (len(body.quantiles) + 2)
    if values > max_points:
        raise InvalidInput(
            f"{series} series, {body.horizon} steps, mean, median and {len(body.quantiles)} "
            f"quantiles make {values} values; that is too much for one answer",
            field="horizon",
            allowed=f"at most {max_points} values in one answer",
        )


def _encode(task: Task[Any, Any], body: ForecastRequest, asked: Asked, learned: bool) -> Any:
    """One example; errors name the place of the series in the request."""
    places = {name: f"{name}{asked.index}" for name in ("series", *_COVARIATES)}
    if isinstance(body.start, list):
        places["start"] = f"start{asked.index}"
    options = _options(body, asked)
    if learned:
        options |= {"past_covariates": asked.past, "future_covariates": asked.future}
    return encode_at(places, task.encode, **options)


def _options(body: ForecastRequest, asked: Asked) -> dict[str, Any]:
    """The keywords of `encode`."""
    return {"series": asked.series, "start": asked.start, **_shared(body)}


def _shared(body: ForecastRequest) -> dict[str, Any]:
    """Those that are the same for all series."""
    return {
        "horizon": body.horizon,
        "quantiles": tuple(body.quantiles),
        "frequency": body.frequency,
        "season_length": body.season_length,
        "minimum": body.minimum,
        "maximum": body.maximum,
        "integer": body.integer,
    }


def _covariates(body: ForecastRequest, asked: Asked) -> dict[str, Any]:
    """What `plan_of` takes besides."""
    return {
        "past_covariates": asked.past,
        "future_covariates": asked.future,
        "holidays": body.holidays,
    }
