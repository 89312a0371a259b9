"""What DeepAR and GluonTS are asked: /invocations. Knows their words; `common` has it answered."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Final

from fastapi import APIRouter, Request, Response

from app.api.bodies.fields import shown
from app.api.bodies.json_body import checked, in_bodies, json_of_each, read_content, read_json
from app.api.bodies.long_json import LONG_BYTES, LongBody
from app.api.context import record_of
from app.api.dialects.common import (
    INLINE_VALUES,
    Words,
    forecast,
    plain_rows,
    reach_of,
    read_lists,
)
from app.api.dialects.deepar_schema import (
    ALLOWED,
    DeepARAnswer,
    DeepARConfiguration,
    DeepARInstance,
    DeepARRequest,
)
from app.api.dialects.paths import sample_paths
from app.api.errors import RequestRefused
from app.api.forecasts.forecasting import TASK
from app.api.forecasts.series import ReadSeries
from app.api.openapi import json_body, problems
from app.api.responses import BytesResponse, answer_json
from app.api.routes.health import require_ready
from app.api.services import Services
from app.api.work import in_thread
from app.errors import InvalidInput

INVOCATIONS: Final = "/invocations"
PING: Final = "/ping"
PATHS: Final = {INVOCATIONS: TASK}

_LINES: Final = ("application/jsonlines", "application/jsonl", "application/x-ndjson")
_WORDS: Final[Words] = {
    "series": "instances[{}].target",
    "start": "instances[{}].start",
    "frequency": "configuration.frequency",
    "horizon": "configuration.prediction_length",
    "quantiles": "configuration.quantiles",
    "model": "configuration.model",
    "past_covariates": "instances[{}].dynamic_feat",
    "future_covariates": "instances[{}].dynamic_feat",
}
_FINE: Final = [each / 100 for each in range(1, 100)]  # what paths are drawn from

_EXAMPLES: Final[dict[str, Any]] = {
    "two": {
        "summary": "Two daily series, two steps",
        "value": {
            "instances": [
                {"start": "2009-11-01 00:00:00", "target": [4.0, 10.0, "NaN", 100.0, 113.0]},
                {"start": "1999-01-30", "target": [2.0, 1.0]},
            ],
            "configuration": {
                "num_samples": 50,
                "output_types": ["mean", "quantiles"],
                "quantiles": ["0.5", "0.9"],
                "prediction_length": 2,
                "frequency": "D",
            },
        },
    }
}


def routes(services: Services) -> APIRouter:
    """The routes of this dialect."""
    router = APIRouter(tags=["dialects"])

    @router.head(PING, include_in_schema=False)
    @router.get(PING, summary="May requests be sent? (SageMaker)", responses=problems(500, 503))
    async def ping() -> dict[str, str]:
        """As `GET /health/ready`: 200 when requests are taken, else 503."""
        require_ready(services)
        return {}

    @router.post(
        INVOCATIONS,
        summary="Forecast as DeepAR and GluonTS do on SageMaker",
        response_model=DeepARAnswer,
        responses=problems(400, 404, 413, 415, 422, 429, 500, 503, 504),
        openapi_extra=json_body(DeepARRequest, _EXAMPLES),
    )
    async def invocations(request: Request) -> Response:
        """The same forecast as `POST /forecast`, in the words of DeepAR.

        JSON Lines (`Content-Type: application/jsonlines`) hold an instance a line, and may begin
        with a line that holds the `configuration`; the answer is a prediction a line.
        """
        kind = record_of(request.scope).headers.get("content-type", "").partition(";")[0].strip()
        lines = kind.lower() in _LINES
        if lines:
            body = await _read_lines(request, services)
        else:
            long = ("instances",)
            body = await read_json(request, services, DeepARRequest, ALLOWED, long)
        wanted = body.configuration
        levels = _levels(wanted.quantiles)
        paths = "samples" in wanted.output_types
        series = await _series(request, services, body.instances)
        horizon = _horizon(services, wanted)
        most = services.settings.max_points
        fields = {
            "model": wanted.model,
            "series": series,
            **_covariates(body.instances, [len(each) for each in series.series], horizon, most),
            "start": [each.start for each in body.instances] if wanted.frequency else None,
            "frequency": wanted.frequency,
            "horizon": horizon,
            "quantiles": _FINE if paths else sorted(set(levels.values())),
        }
        if paths and not set(levels.values()) <= set(_FINE):
            raise InvalidInput(
                "with samples they are told to the hundredth only",
                field="configuration.quantiles",
                allowed="0.01, 0.02 ... 0.99",
            )
        asked, _, predictions = await forecast(request, services, fields, _WORDS)
        write = partial(_written, predictions, wanted, levels, lines)
        rows = len(levels) + 1 + (wanted.num_samples if paths else 0)
        if len(predictions) * asked.horizon * rows <= INLINE_VALUES:
            content = write()
        else:
            executor = services.threads.bodies
            content = await in_thread(request, record_of(request.scope), executor, write)
        media = kind.encode() if lines else b"application/json"
        return BytesResponse(content, [(b"content-type", media)])

    return router


async def _read_lines(request: Request, services: Services) -> DeepARRequest:
    """A body of an instance a line. Raises what `read_json` raises."""
    content = await read_content(request, services, ALLOWED)
    if not content.strip():
        raise RequestRefused(400, "the body is empty; send an instance a line")
    most = services.settings.max_series

    def read() -> LongBody:
        lines = [line for line in content.split(b"\n", most + 2) if line.strip()]
        found = json_of_each(lines[: most + 2])
        fields = {}
        if isinstance(found[0], dict) and found[0].keys() == {"configuration"}:
            fields = found.pop(0)
        return LongBody(fields | {"instances": found})

    parsed = read() if len(content) <= LONG_BYTES else await in_bodies(request, services, read)
    return await checked(request, services, parsed, DeepARRequest, ALLOWED)


async def _series(
    request: Request, services: Services, instances: Sequence[DeepARInstance]
) -> ReadSeries:
    for number, each in enumerate(instances):
        if each.cat is not None:
            raise InvalidInput(
                "the networks know no categories",
                field=f"instances[{number}].cat",
                allowed="null, or no such field",
            )
    lists = [each.target for each in instances]
    return await read_lists(request, services, lists, "instances[{}].target", {"NaN": None})


def _covariates(
    instances: Sequence[DeepARInstance], sizes: Sequence[int], horizon: int, most: int
) -> dict[str, Any]:
    """The fields of a ForecastRequest for `dynamic_feat`. Raises InvalidInput."""
    if all(each.dynamic_feat is None for each in instances):
        return {}
    past, future = [], []
    for number, (each, size) in enumerate(zip(instances, sizes, strict=True)):
        field = f"instances[{number}].dynamic_feat"
        rows = plain_rows(each.dynamic_feat, field, size + horizon, most)
        names = {f"dynamic_feat_{place}": row for place, row in enumerate(rows)}
        past.append({name: row[:size] for name, row in names.items()})
        future.append({name: row[size:] for name, row in names.items()})
    return {"past_covariates": past, "future_covariates": future}


def _horizon(services: Services, wanted: DeepARConfiguration) -> int:
    """How far: as DeepAR has it, that is the network's unless it is told."""
    if wanted.prediction_length is not None:
        return wanted.prediction_length
    trained = reach_of(services, wanted.model)[1]
    if trained is None:
        raise InvalidInput(
            "this field is required",
            field="configuration.prediction_length",
            allowed="a whole number of steps",
        )
    return trained


def _levels(sent: Sequence[str | float]) -> dict[str, float]:
    """The levels by the texts that the answer calls them by. Raises InvalidInput."""
    levels = {}
    for number, each in enumerate(sent):
        try:
            levels[str(each)] = float(each)
        except ValueError:
            raise InvalidInput(
                f"expected a number, got {shown(each)}",
                field=f"configuration.quantiles[{number}]",
                allowed="between 0 and 1",
            ) from None
    return levels


def _written(
    predictions: Sequence[Mapping[str, Any]],
    wanted: DeepARConfiguration,
    levels: dict[str, float],
    lines: bool,
) -> bytes:
    """The answer, a prediction at a time, so that others get a turn."""
    parts = []
    for prediction in predictions:
        found: dict[str, Any] = {}
        if "mean" in wanted.output_types:
            found["mean"] = prediction["mean"]
        if "quantiles" in wanted.output_types:
            quantiles = {name: prediction["quantiles"][repr(p)] for name, p in levels.items()}
            found["quantiles"] = quantiles
        if "samples" in wanted.output_types:
            found["samples"] = sample_paths(prediction["quantiles"], wanted.num_samples)
        parts.append(answer_json(found))
    return b"\n".join([*parts, b""]) if lines else b'{"predictions":[%b]}' % b",".join(parts)
