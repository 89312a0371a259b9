"""What dialects share: another API's words for the fields of a forecast. Knows none of the APIs.

A dialect reads its own request, writes a `ForecastRequest`, and has `predictions_of` answer it, as
POST /forecast does. What is wrong with that is told in the words that the client has used.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, Final

from fastapi import Request, Response
from pydantic import ConfigDict, ValidationError

from app.api.bodies.fields import FieldError, WrongFields, field_errors, shown
from app.api.bodies.json_body import in_bodies
from app.api.bodies.long_lists import EmptyList, LongList, TooLong
from app.api.context import record_of
from app.api.forecasts.forecasting import TASK, ForecastRequest, allowed_fields, predictions_of
from app.api.forecasts.series import ReadSeries, Series, check_series
from app.api.responses import BytesResponse, answer_json
from app.api.services import Services
from app.api.work import in_thread
from app.errors import InvalidInput
from app.serving.models.loader import LoadedModel
from app.settings import Settings
from app.telemetry import metrics

# The name of a field, the number of the series behind it if there is one, and what follows.
_FIELD: Final = re.compile(r"(\w+)(?:\[(\d+)\])?(.*)", re.DOTALL)
INLINE_VALUES: Final = 20_000  # of a request or an answer that is read or written at once
STRICT: Final = ConfigDict(extra="forbid", strict=True, frozen=True)

# Where each field of a ForecastRequest stands in a dialect; {} is the number of the series.
Words = Mapping[str, str]


async def forecast(
    request: Request,
    services: Services,
    fields: Mapping[str, Any],
    words: Words,
    numbers: Sequence[int] | None = None,
) -> tuple[ForecastRequest, LoadedModel, list[dict[str, Any]]]:
    """(what was asked of the forecaster, who answered, what POST /forecast says of each series).

    `fields` are those of a ForecastRequest. `numbers`: by which the client knows the series, if not
    by their places. Raises what `predictions_of` raises, in `words`.
    """
    with said_in(words, numbers):
        body = _request_of(fields, services.settings)
        model, predictions = await predictions_of(request, services, body)
    forecasts = [each.to_json() for each in predictions]
    metrics.MISSING_VALUES.labels(model.name).inc(sum(each["imputed"] for each in forecasts))
    return body, model, forecasts


async def read_lists(
    request: Request,
    services: Services,
    lists: Sequence[Any],
    field: str,
    also: Mapping[str, None] | None = None,
) -> ReadSeries:
    """The series that a dialect has sent as JSON values; `field` says where, {} for their number.

    `also`: texts that stand for a missing value. Raises InvalidInput.
    """
    settings = services.settings
    if len(lists) > settings.max_series:
        raise InvalidInput(
            f"{len(lists)} series are too many",
            field=field.partition("[{}]")[0],
            allowed=f"at most {settings.max_series} series",
        )
    step = partial(_read_lists, lists, field, settings.max_points, also or {})
    size = sum(len(each) for each in lists if isinstance(each, list | LongList))
    if size <= INLINE_VALUES and not any(isinstance(each, LongList) for each in lists):
        return step()
    return await in_bodies(request, services, step)


def plain_rows(value: Any, field: str, length: int, most: int) -> list[list[Any]]:
    """The covariates that a dialect has sent as a JSON value: lists of `length` values each.

    For a thread if they are many; at most `most` values in all. Raises InvalidInput.
    """
    allowed = f"a list of lists of {length} values each, {most} at most in all"
    try:
        value = value.plain(most) if isinstance(value, LongList) else value
        if value is None:
            return []
        if not isinstance(value, list):
            raise InvalidInput(f"expected a list, got {shown(value)}", field=field, allowed=allowed)
        rows = [row.plain(most) if isinstance(row, LongList) else row for row in value]
    except (TooLong, EmptyList) as error:
        raise InvalidInput(str(error), field=field, allowed=allowed) from None
    for number, row in enumerate(rows):
        if not isinstance(row, list) or len(row) != length or number * length > most:
            what = f"it has {len(row)} values" if isinstance(row, list) else f"got {shown(row)}"
            raise InvalidInput(what, field=f"{field}[{number}]", allowed=allowed)
    return rows


async def respond(
    request: Request, services: Services, values: int, write: Callable[[], Any]
) -> Response:
    """The JSON of what `write` returns, with about so many values in it.

    Raises InferenceFailed for numbers that are not finite, and what `prepare` raises.
    """
    if values <= INLINE_VALUES:
        return BytesResponse(answer_json(write()))
    record = record_of(request.scope)
    executor = services.threads.bodies
    return BytesResponse(await in_thread(request, record, executor, lambda: answer_json(write())))


def reach_of(services: Services, name: str) -> tuple[int | None, int | None]:
    """(points that a forecast may use, steps that its network was trained for) of a forecaster.

    None for what its manifest does not tell. Raises NotReady, ModelNotFound.
    """
    features = services.repository.get(name, None, TASK).manifest.features
    memory, horizon = features.get("memory"), features.get("trained_horizon")
    return (
        memory if isinstance(memory, int) else None,
        horizon if isinstance(horizon, int) else None,
    )


@contextmanager
def said_in(words: Words, numbers: Sequence[int] | None = None) -> Iterator[None]:
    """Tells what is wrong with a ForecastRequest in the words of a dialect."""
    try:
        yield
    except InvalidInput as error:
        field = _said(error.field, words, numbers)
        raise InvalidInput(error.message, field=field, allowed=error.allowed) from error
    except WrongFields as error:
        raise WrongFields(
            [
                FieldError(
                    field=_said(each.field, words, numbers),
                    message=each.message,
                    allowed=each.allowed,
                )
                for each in error.errors
            ]
        ) from error


def _said(field: str, words: Words, numbers: Sequence[int] | None) -> str:
    match = _FIELD.fullmatch(field)
    if match is None or match[1] not in words:
        return field
    word, (_, number, rest) = words[match[1]], match.groups()
    if "[{}]" not in word:
        return word + (f"[{number}]" if number is not None else "") + rest
    if number is None:
        return word.partition("[{}]")[0]
    return word.format(number if numbers is None else numbers[int(number)]) + rest


def _request_of(fields: Mapping[str, Any], settings: Settings) -> ForecastRequest:
    try:
        return ForecastRequest.model_validate(fields)
    except ValidationError as error:
        raise WrongFields(field_errors(error, allowed_fields(settings))) from None


def _read_lists(
    lists: Sequence[Any], field: str, max_points: int, also: Mapping[str, None]
) -> ReadSeries:
    series: list[Series] = []
    left = max_points
    for number, each in enumerate(lists):
        with said_in({"series": field.format(number)}):
            try:
                values = each.plain(left) if isinstance(each, LongList) else each
            except TooLong:
                raise InvalidInput(
                    "there are too many points",
                    field="series",
                    allowed=f"at most {max_points} points",
                ) from None
            except EmptyList as error:
                raise InvalidInput(
                    str(error), field="series", allowed="a list of numbers, null for missing"
                ) from None
            if also and isinstance(values, list):
                values = [also.get(v, v) if isinstance(v, str) else v for v in values]
            (one, *_), many = check_series(values, max_series=1, max_points=left)
            if many:
                raise InvalidInput(
                    "it holds lists", field="series", allowed="a list of numbers, null for missing"
                )
            series.append(one)
            left -= len(one)
    return ReadSeries(series)
