"""The covariates of a request, and forecasts with them. Knows requests and plans; no path."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Final, TypeAlias

import numpy as np
from fastapi import Request

from app.api.bodies.fields import shown
from app.api.context import record_of
from app.api.forecasts.series import Series
from app.api.work import in_thread, run
from app.errors import InvalidInput
from app.serving.models.loader import LoadedModel
from app.tasks.forecast.checks import check_one_length
from app.tasks.forecast.covariates.build import plan_of
from app.tasks.forecast.covariates.columns import MOST
from app.tasks.forecast.covariates.plan import Plan
from app.tasks.forecast.task import ForecastTask

# Values by the name of a covariate, which the task checks.
Covariates: TypeAlias = Mapping[str, Any]

MOST_FORECASTS: Final = 100  # with covariates in one request: each is fitted and backtested
_COVARIATE_SCHEMA: Final[dict[str, Any]] = {
    "type": "object",
    "additionalProperties": {
        "type": "array",
        "items": {"type": ["number", "boolean", "string", "null"]},
    },
}
COVARIATES_SCHEMA: Final[dict[str, Any]] = {
    "anyOf": [
        _COVARIATE_SCHEMA,
        {"type": "array", "items": _COVARIATE_SCHEMA},
        {"type": "null"},
    ],
}
SHAPE: Final = "an object of lists, one for each covariate; or one such object for each series"


def check_covariates(value: Any, field: str, series: int, many: bool) -> list[Covariates]:
    """The covariates of each series, from the JSON value of `field`. Raises InvalidInput."""
    if value is None:
        return [{}] * series
    if isinstance(value, dict):
        return [value] * series
    if not isinstance(value, list) or not many:
        raise InvalidInput(f"expected an object, got {shown(value)}", field=field, allowed=SHAPE)
    if len(value) != series:
        raise InvalidInput(f"{len(value)} objects for {series} series", field=field, allowed=SHAPE)
    for index, each in enumerate(value):
        if not isinstance(each, dict):
            raise InvalidInput(
                f"expected an object, got {shown(each)}", field=f"{field}[{index}]", allowed=SHAPE
            )
    return value


def with_others(covariates: Sequence[Covariates], series: Sequence[Series]) -> list[Covariates]:
    """The covariates of each of `series`, and the past of all others under the name "series[2]".

    Raises InvalidInput for a single series, too many, and lengths that differ.
    """
    if not 2 <= len(series) <= MOST + 1:
        raise InvalidInput(
            f"{len(series)} series are no channels",
            field="series",
            allowed=f"2 to {MOST + 1} series",
        )
    check_one_length(series)
    channels = {
        f"series[{index}]": np.array(each, dtype=np.float64) for index, each in enumerate(series)
    }
    return [
        {**own, **{name: each for name, each in channels.items() if name != f"series[{index}]"}}
        for index, own in enumerate(covariates)
    ]


def has_learned(model: LoadedModel, holidays: str | None) -> bool:
    """Whether the network itself takes covariates, so that nothing is fitted to the request.

    Raises InvalidInput for holidays, which no network has learned.
    """
    task = model.task
    learned = isinstance(task, ForecastTask) and task.learned is not None
    if learned and holidays is not None:
        raise InvalidInput(
            "this model takes the covariates that it has learned, and no holidays",
            field="holidays",
            allowed="null; or a covariate of holidays, if the model has learned one",
        )
    return learned


async def forecast_with_covariates(
    request: Request,
    model: LoadedModel,
    options: Sequence[Mapping[str, Any]],
    places: Sequence[str],
) -> list[Any]:
    """A prediction for each of `options`, the keywords of `plan_of`, one after the other.

    places: where each series stands in the request, "[3]", or nothing. One regression is fitted
    at a time and in a thread, so that nobody else waits; the deadline ends what takes too long.
    """
    if len(options) > MOST_FORECASTS:
        raise InvalidInput(
            f"{len(options)} forecasts with covariates are too many",
            field="series",
            allowed=f"at most {MOST_FORECASTS} series, or series times windows",
        )
    record = record_of(request.scope)
    answers = []
    for each, place in zip(options, places, strict=True):
        plan, examples = await in_thread(
            request, record, None, partial(_planned, model, each, place)
        )
        predictions = await run(request, record, model, examples)
        answers.append(
            await in_thread(request, record, None, partial(_combined, plan, predictions))
        )
    return answers


def _planned(model: LoadedModel, options: Mapping[str, Any], place: str) -> tuple[Plan, list[Any]]:
    try:
        plan = plan_of(**options)
        return plan, [model.task.encode(**ask.request) for ask in plan.asks]
    except InvalidInput as error:
        name, dot, rest = error.field.partition(".")
        if place and (name.endswith("covariates") or name == "series"):
            raise InvalidInput(
                error.message, field=f"{name}{place}{dot}{rest}", allowed=error.allowed
            ) from None
        raise


def _combined(plan: Plan, predictions: Sequence[Any]) -> Any:
    return plan.combine([each.to_json() for each in predictions])
