"""Series and levels as Nixtla's client sends them, and answers as it reads them. Knows no route."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from typing import Any, Final

import numpy as np
from fastapi import Request

from app.api.bodies.fields import shown
from app.api.bodies.json_body import in_bodies
from app.api.dialects.common import Words, plain_rows, read_lists
from app.api.dialects.nixtla_schema import NixtlaRequest
from app.api.forecasts.forecasting import TASK
from app.api.forecasts.series import ReadSeries
from app.api.services import Services
from app.errors import InvalidInput

WORDS: Final[Words] = {
    "series": "series.sizes[{}]",
    "start": "series.start_datetime[{}]",
    "frequency": "freq",
    "horizon": "h",
    "quantiles": "level",
    "past_covariates": "series.X",
    "future_covariates": "series.X_future",
}


def our_name(name: str) -> str:
    """Our name of a model: that of the general one for what the client calls it."""
    return TASK if name.startswith("timegpt") or name == "azureai" else name


async def split(request: Request, services: Services, body: NixtlaRequest) -> ReadSeries:
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


async def covariates_of(
    request: Request, services: Services, body: NixtlaRequest, series: ReadSeries, horizon: int
) -> dict[str, Any]:
    """The fields of a ForecastRequest for `X` and `X_future`.

    A row is a covariate of all series, one behind the other; the rows of `X_future` go on from the
    first ones of `X`. Raises InvalidInput.
    """
    sizes = [len(each) for each in series.series]
    most = services.settings.max_points

    def read() -> dict[str, Any]:
        past = _rows(body, body.series.X, "series.X", sum(sizes), most)
        future = _rows(body, body.series.X_future, "series.X_future", horizon * len(sizes), most)
        if len(future) > len(past):
            raise InvalidInput(
                f"it has {len(future)} rows, and X has {len(past)}",
                field="series.X_future",
                allowed="the future of the first rows of X",
            )
        return {
            "past_covariates": _by_series(past, sizes),
            "future_covariates": _by_series(future, [horizon] * len(sizes)),
        }

    if body.series.X is None and body.series.X_future is None:
        return {}
    return await in_bodies(request, services, read)


async def covariates_of_windows(
    request: Request,
    services: Services,
    body: NixtlaRequest,
    series: ReadSeries,
    windows: Sequence[tuple[int, int]],
    horizon: int,
) -> dict[str, Any]:
    """The same of forecasts of what is known already: `windows` are series and how many of their
    values are known.

    What follows in `X` is the future, but of the rows that `hist_exog` names. Behind the end of a
    series it is as at the end: such steps are not answered. Raises InvalidInput.
    """
    sizes = [len(each) for each in series.series]
    hidden = {name_of(row) for row in getattr(body, "hist_exog", None) or ()}

    def read() -> dict[str, Any]:
        rows = _rows(body, body.series.X, "series.X", sum(sizes), services.settings.max_points)
        whole = _by_series(rows, sizes)
        past, future = [], []
        for number, origin in windows:
            of_series = whole[number]
            past.append({name: cells[:origin] for name, cells in of_series.items()})
            ahead = {}
            for name in of_series.keys() - hidden:
                cells = of_series[name][origin : origin + horizon]
                ahead[name] = cells + cells[-1:] * (horizon - len(cells))
            future.append(ahead)
        return {"past_covariates": past, "future_covariates": future}

    return {} if body.series.X is None else await in_bodies(request, services, read)


def _rows(body: NixtlaRequest, value: Any, field: str, length: int, most: int) -> list[list[Any]]:
    """Rows of covariates, those of categories as texts. Raises InvalidInput."""
    rows = plain_rows(value, field, length, most)
    for place in body.series.categorical_exog or ():
        if 0 <= place < len(rows):
            rows[place] = [None if each is None else str(each) for each in rows[place]]
    return rows


def name_of(row: int) -> str:
    """What a covariate without a name is called."""
    return f"x{row}"


def _by_series(rows: Sequence[list[Any]], sizes: Sequence[int]) -> list[dict[str, Any]]:
    ends = np.cumsum(sizes).tolist()
    return [
        {name_of(number): row[end - size : end] for number, row in enumerate(rows)}
        for size, end in zip(sizes, ends, strict=True)
    ]


def contributions_of(
    predictions: Sequence[Mapping[str, Any]], rows: int
) -> list[list[float]] | None:
    """Of each covariate what it adds at each step of all series, and the rest of the mean."""
    told = [each.get("covariates", {}).get("contributions", {}) for each in predictions]
    nothing = [[0.0] * len(each["mean"]) for each in predictions]
    columns = [
        flat([each.get(name_of(row), zeros) for each, zeros in zip(told, nothing, strict=True)])
        for row in range(rows)
    ]
    means = flat([each["mean"] for each in predictions])
    sums = np.sum(columns, axis=0) if columns else np.zeros(len(means))
    return [*columns, (np.array(means) - sums).tolist()]


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


def levels_of(asked: Sequence[float] | None) -> dict[str, tuple[float, float]]:
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


def intervals_of(
    predictions: Sequence[Mapping[str, Any]], levels: Mapping[str, tuple[float, float]]
) -> dict[str, list[float]] | None:
    sides = {
        f"{side}-{name}": repr(quantile)
        for name, pair in levels.items()
        for side, quantile in zip(("lo", "hi"), pair, strict=True)
    }
    found = {
        name: flat([each["quantiles"][quantile] for each in predictions])
        for name, quantile in sides.items()
    }
    return found or None


def flat(paths: Iterable[list[float]]) -> list[float]:
    return list(chain.from_iterable(paths))


def quantiles_of(levels: Mapping[str, tuple[float, float]]) -> list[float]:
    """Every quantile that levels need, once."""
    return sorted(set(chain.from_iterable(levels.values())))
