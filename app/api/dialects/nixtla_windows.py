"""Forecasts of what is known already, as Nixtla's client asks: cross validation, anomalies.

Every value is forecast from those before it alone, by the forecaster that POST /forecast asks.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any, Final, TypeVar

import numpy as np
import numpy.typing as npt
from fastapi import APIRouter, Request, Response
from pydantic import BaseModel

from app.api.bodies.encodings import PACKED
from app.api.bodies.json_body import read_json
from app.api.dialects.common import forecast, respond, said_in
from app.api.dialects.nixtla_schema import (
    ALLOWED,
    NixtlaAnomalies,
    NixtlaAnomalyRequest,
    NixtlaOnlineRequest,
    NixtlaRequest,
    NixtlaValidation,
    NixtlaValidationRequest,
)
from app.api.dialects.nixtla_series import (
    WORDS,
    covariates_of_windows,
    flat,
    intervals_of,
    levels_of,
    our_name,
    quantiles_of,
    split,
)
from app.api.forecasts.covariates import MOST_FORECASTS
from app.api.forecasts.forecasting import TASK
from app.api.forecasts.series import ReadSeries
from app.api.openapi import json_body, problems
from app.api.services import Services
from app.errors import InvalidInput
from app.tasks.forecast.backtest import origins

PATHS: Final = dict.fromkeys(
    ("/v2/cross_validation", "/v2/anomaly_detection", "/v2/online_anomaly_detection"), TASK
)

B = TypeVar("B", bound=NixtlaRequest)
_LEAST: Final = 2  # values that a forecast needs
_WINDOWS: Final = 50  # in which a series is judged, at most
_UNJUDGED: Final = 0.2  # of a series, from which its first values are forecast
_FARTHEST: Final = 1e6  # standard deviations
_SERIES: Final[dict[str, Any]] = {
    "y": [3.1, 2.9, 3.4, 3.2, 3.6, 3.3, 9.8, 3.4, 3.5],
    "sizes": [9],
}


@dataclass(frozen=True)
class Window:
    """So many values of a series, forecast from its first `origin` values."""

    series: int
    origin: int
    steps: int


def routes(services: Services) -> APIRouter:
    """The routes of this file."""
    router = APIRouter(tags=["dialects"])
    statuses = problems(400, 404, 413, 415, 422, 429, 500, 503, 504)
    validation, historic, online = PATHS

    @router.post(
        validation,
        summary="Forecast what is known already (Nixtla)",
        response_model=NixtlaValidation,
        responses=statuses,
        openapi_extra=_body(NixtlaValidationRequest, {"h": 2, "n_windows": 2, "level": [80]}),
    )
    async def cross_validation(request: Request) -> Response:
        """Forecasts from `n_windows` points in the past of each series, the last `h` steps ago."""
        body, series = await _read(request, services, NixtlaValidationRequest)
        windows = [
            window
            for number, each in enumerate(series.series)
            for window in _rolling(number, len(each), body)
        ]
        levels = levels_of(body.level)
        horizon = max(each.steps for each in windows)
        return await _answer(request, services, body, series, windows, levels, horizon)

    @router.post(
        historic,
        summary="Find unusual values (Nixtla)",
        response_model=NixtlaAnomalies,
        responses=statuses,
        openapi_extra=_body(NixtlaAnomalyRequest, {"level": 99}),
    )
    async def anomaly_detection(request: Request) -> Response:
        """Judges each value of a series by its forecast, but for the first fifth.

        A series is forecast up to fifty times, a step ahead, or so many steps as that takes.
        """
        body, series = await _read(request, services, NixtlaAnomalyRequest)
        windows = [
            window
            for number, each in enumerate(series.series)
            for window in _whole(number, len(each))
        ]
        levels = levels_of([body.level])
        horizon = max(each.steps for each in windows)
        return await _answer(request, services, body, series, windows, levels, horizon)

    @router.post(
        online,
        summary="Find unusual values at the end (Nixtla)",
        response_model=NixtlaAnomalies,
        responses=statuses,
        openapi_extra=_body(NixtlaOnlineRequest, {"level": 99, "h": 1, "detection_size": 4}),
    )
    async def online_anomaly_detection(request: Request) -> Response:
        """Judges the last `detection_size` values of each series by their forecasts."""
        body, series = await _read(request, services, NixtlaOnlineRequest)
        if body.threshold_method != "univariate":
            raise InvalidInput(
                "series are judged one by one", field="threshold_method", allowed="univariate"
            )
        step = body.step_size or body.h
        if step > body.h:
            raise InvalidInput(
                f"{step} steps apart forecasts of {body.h} steps leave values out",
                field="step_size",
                allowed=f"1 to {body.h}",
            )
        windows = [
            window
            for number, each in enumerate(series.series)
            for window in _last(number, len(each), body.detection_size, step)
        ]
        levels = levels_of([body.level])
        return await _answer(request, services, body, series, windows, levels, body.h)

    return router


def _body(kind: type[BaseModel], options: dict[str, Any]) -> dict[str, Any]:
    value = {"series": _SERIES, "model": "timegpt-1", "freq": "D", **options}
    return json_body(kind, {"one": {"summary": "One series", "value": value}})


async def _read(request: Request, services: Services, kind: type[B]) -> tuple[B, ReadSeries]:
    allowed = {name: ALLOWED[name] for name in kind.model_fields}
    body = await read_json(request, services, kind, allowed, ("series",), encodings=PACKED)
    body.refuse_what_is_not_served()
    if body.feature_contributions:
        raise InvalidInput(
            "contributions to forecasts of what is known already are not served",
            field="feature_contributions",
            allowed="false",
        )
    return body, await split(request, services, body)


def _rolling(number: int, size: int, body: NixtlaValidationRequest) -> list[Window]:
    """The windows of one series, the oldest first. Raises InvalidInput."""
    if body.full_history:
        return _whole(number, size)
    with said_in({"series": f"series.sizes[{number}]"}):
        starts = origins(size, body.h, body.n_windows, body.step_size or body.h)
    return [Window(number, origin, body.h) for origin in starts]


def _whole(number: int, size: int) -> list[Window]:
    """Windows of equal length up to the end of a series."""
    judged = size - max(_LEAST, int(_UNJUDGED * size))
    if judged < 1:
        raise _short(number, size, _LEAST + 1)
    steps = -(-judged // _WINDOWS)
    return [
        Window(number, origin, steps)
        for origin in range(size - judged // steps * steps, size, steps)
    ]


def _last(number: int, size: int, judged: int, step: int) -> list[Window]:
    """Windows of the last values of a series."""
    first = size - judged
    if first < _LEAST:
        raise _short(number, size, _LEAST + judged)
    return [Window(number, origin, min(step, size - origin)) for origin in range(first, size, step)]


def _short(number: int, size: int, need: int) -> InvalidInput:
    return InvalidInput(
        f"it needs {need} values, and there are {size}",
        field=f"series.sizes[{number}]",
        allowed=f"at least {need}",
    )


async def _answer(
    request: Request,
    services: Services,
    body: NixtlaRequest,
    series: ReadSeries,
    windows: Sequence[Window],
    levels: dict[str, tuple[float, float]],
    horizon: int,
) -> Response:
    """The forecasts of all windows; of anomalies, too, what is unusual. Raises InvalidInput."""
    most = services.settings.max_series
    if body.series.X is not None:
        most = min(most, MOST_FORECASTS)
    if len(windows) > most:
        raise InvalidInput(
            f"they take {len(windows)} forecasts, which are too many for one request",
            field="series.sizes",
            allowed=f"at most {most} forecasts; fewer series, or fewer windows, need less",
        )
    judged = isinstance(body, NixtlaAnomalyRequest)
    starts = body.series.start_datetime
    places_known = [(each.series, each.origin) for each in windows]
    fields = {
        "model": our_name(body.model),
        "series": ReadSeries([series.series[each.series][: each.origin] for each in windows]),
        "start": starts and [starts[each.series] for each in windows],
        "frequency": body.freq,
        "horizon": horizon,
        "quantiles": sorted({*quantiles_of(levels), 0.5}),
        **await covariates_of_windows(request, services, body, series, places_known, horizon),
    }
    numbers = [each.series for each in windows]
    asked, _, predictions = await forecast(request, services, fields, WORDS, numbers)

    def written() -> dict[str, Any]:
        cut = [_cut(each, window.steps) for each, window in zip(predictions, windows, strict=True)]
        starts_at = np.cumsum([0, *map(len, series.series)])
        places = [
            int(starts_at[each.series]) + each.origin + step
            for each in windows
            for step in range(each.steps)
        ]
        sizes = [0] * len(series.series)
        for each in windows:
            sizes[each.series] += each.steps
        intervals = intervals_of(cut, levels)
        answer: dict[str, Any] = {
            "mean": flat([each["mean"] for each in cut]),
            "intervals": intervals,
            "weights_x": None,
            "feature_contributions": None,
            "sizes": sizes,
            "idxs": places,
        }
        if judged and intervals is not None:
            every = [np.array(each, np.float64) for each in series.series]
            values = np.concatenate(every)[places]
            medians = np.array(flat([each["quantiles"]["0.5"] for each in cut]))
            [name] = levels
            low, high = (np.array(intervals[f"{side}-{name}"]) for side in ("lo", "hi"))
            answer["anomaly"] = ((values < low) | (values > high)).tolist()
            answer["anomaly_score"] = _scores(values, medians, low, high, levels[name][1]).tolist()
        return answer

    size = len(predictions) * asked.horizon * (len(asked.quantiles) + 2)
    return await respond(request, services, size, written)


def _cut(prediction: dict[str, Any], steps: int) -> dict[str, Any]:
    """The first steps of a forecast."""
    return {
        "mean": prediction["mean"][:steps],
        "quantiles": {level: path[:steps] for level, path in prediction["quantiles"].items()},
    }


def _scores(
    values: npt.NDArray[np.float64],
    medians: npt.NDArray[np.float64],
    low: npt.NDArray[np.float64],
    high: npt.NDArray[np.float64],
    level: float,
) -> npt.NDArray[np.float64]:
    """How far `values` are from the median, on their side of the interval whose upper end is the
    quantile `level`, in standard deviations; 0 for a missing value. All (points,)."""
    distance = np.where(np.isnan(values), 0.0, np.abs(values - medians))
    width = np.where(values > medians, high - medians, medians - low)
    parts = np.divide(distance, width, out=np.where(distance > 0, np.inf, 0.0), where=width > 0)
    return np.minimum(parts * NormalDist().inv_cdf(level), _FARTHEST)
