"""POST /anomalies: its schema and its route. Knows HTTP; what is unusual stands in its task."""

from collections.abc import Sequence
from functools import partial
from typing import Annotated, Any, Final

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema

from app.api.bodies.json_body import in_bodies, read_json
from app.api.bodies.long_lists import LongList
from app.api.context import record_of
from app.api.forecasts.forecasting import SERIES_SCHEMA, START_SCHEMA
from app.api.forecasts.series import SHAPE, Series, check_series, check_starts, read_series
from app.api.openapi import json_body, problems
from app.api.responses import BytesResponse, answer_json
from app.api.services import Services
from app.api.work import encode_at, in_thread, prepare, run
from app.serving.models.loader import LoadedModel
from app.serving.task import Task
from app.settings import Settings
from app.tasks.anomalies.task import AnomalyTask
from app.telemetry import metrics, tracing

TASK: Final = "anomalies"
PATH: Final = "/anomalies"

_INLINE_POINTS: Final = 100  # are prepared at once, in a few milliseconds
_INLINE_SCORES: Final = 20_000  # of an answer


class AnomaliesRequest(BaseModel):
    """Which series, and what is unusual enough."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    # Checked by `check_series`: pydantic would take 100,000 points one by one.
    series: Annotated[Any, WithJsonSchema(SERIES_SCHEMA)]
    frequency: str | None = Field(
        None, max_length=32, description="Spacing of the values as a pandas alias: h, D, 5min ..."
    )
    season_length: int | None = Field(
        None,
        ge=1,
        description="Steps in one season; found from the frequency or the data if absent.",
    )
    start: Annotated[Any, WithJsonSchema(START_SCHEMA)] = None
    threshold: float | None = Field(
        None, gt=0, le=1, description="Score from which a value is an anomaly; else the model's."
    )
    model: str = Field("forecast-stream", max_length=64, description="Which model to ask.")
    version: str | None = Field(
        None, max_length=16, description="Insist on this version; else the one served."
    )


class Anomaly(BaseModel):
    """One value that is unusual enough."""

    index: int = Field(description="Its place in the series, from 0.")
    value: float
    expected: float = Field(description="The median of what had been foretold of it.")
    score: float
    timestamp: str | None = Field(None, description="When, if `start` and `frequency` are set.")


class SeriesAnomalies(BaseModel):
    """What is unusual in one series."""

    scores: list[float] = Field(
        description="Of each value how unusual it was, 0 to 1; 0 for a missing one."
    )
    anomalies: list[Anomaly]
    threshold: float = Field(description="The score from which values were called anomalous.")
    season_length: int = Field(description="The season that was followed at the end; 1: none.")
    warm_up: int = Field(
        description="First values, of which only what is beyond doubt is called anomalous."
    )


class AnomaliesAnswer(BaseModel):
    """One result per series, in the order of the request."""

    model: str
    version: str
    results: list[SeriesAnomalies]


_EXAMPLES: Final[dict[str, Any]] = {
    "hourly": {
        "summary": "Hourly values with a gap",
        "value": {
            "series": [12.1, 11.8, None, 12.4, 12.0, 19.7, 12.2],
            "frequency": "h",
            "start": "2026-03-01T00:00",
        },
    },
    "many": {
        "summary": "Two series, and fewer alarms",
        "value": {"series": [[3, 3, 4, 3], [0.5, 0.7, 0.6]], "threshold": 0.9999},
    },
}


def routes(services: Services) -> APIRouter:
    """The route of this task."""
    router = APIRouter(tags=["tasks"])
    settings = services.settings
    allowed = allowed_fields(settings)

    @router.post(
        PATH,
        summary="Find what is unusual in one or more series",
        response_model=AnomaliesAnswer,
        responses=problems(400, 404, 413, 415, 422, 429, 500, 503, 504),
        openapi_extra=json_body(AnomaliesRequest, _EXAMPLES),
    )
    async def anomalies(request: Request) -> Response:
        """Score every value of every series by what came before it alone.

        The scores are those that a stream of the same values is answered with.
        """
        body = await read_json(request, services, AnomaliesRequest, allowed, long=("series",))
        record = record_of(request.scope)
        model = services.lease(record, body.model, body.version, TASK)
        most = {"max_series": settings.max_series, "max_points": settings.max_points}
        if isinstance(body.series, LongList):
            read = partial(read_series, body.series, **most)
            series, many = await in_bodies(request, services, read)
        else:
            series, many = check_series(body.series, **most)
        starts = check_starts(body.start, len(series), many)
        record.inputs = len(series)
        points = sum(map(len, series))
        steps = [
            partial(_encode, model.task, body, each, start, f"[{index}]" if many else "")
            for index, (each, start) in enumerate(zip(series, starts, strict=True))
        ]
        with tracing.span("encode"):
            examples = await prepare(request, record, steps, inline=points <= _INLINE_POINTS)
        lengths = metrics.input_length(TASK, model.name)
        for each in series:
            lengths.observe(len(each))
        predictions = await run(request, record, model, examples)
        write = partial(_written, model, predictions)
        if points <= _INLINE_SCORES:
            return BytesResponse(write())
        return BytesResponse(await in_thread(request, record, services.threads.bodies, write))

    return router


def allowed_fields(settings: Settings) -> dict[str, str]:
    """What each field of a request may hold."""
    return {
        "series": SHAPE,
        "frequency": "a pandas alias such as min, 5min, h, D, W, MS, or null",
        "season_length": "a whole number from 1, or null",
        "start": "an ISO 8601 timestamp, one per series, or null",
        "threshold": "a number above 0, at most 1, or null",
        "model": "the name of a model, at most 64 characters; GET /models lists them",
        "version": 'a version as text, such as "1", or null',
    }


def _written(model: LoadedModel, predictions: Sequence[Any]) -> bytes:
    assert isinstance(model.task, AnomalyTask)
    parts = []
    for prediction in predictions:
        model.task.count(prediction)
        parts.append(answer_json(prediction.to_json()))
    facts = answer_json({"model": model.name, "version": model.version})
    return b'%b,"results":[%b]}' % (facts[:-1], b",".join(parts))


def _encode(
    task: Task[Any, Any], body: AnomaliesRequest, series: Series, start: str | None, index: str
) -> Any:
    """One example; errors name the place of the series in the request."""
    places = {"series": f"series{index}"}
    if isinstance(body.start, list):
        places["start"] = f"start{index}"
    return encode_at(
        places,
        task.encode,
        series=series,
        threshold=body.threshold,
        frequency=body.frequency,
        season_length=body.season_length,
        start=start,
    )
