"""The filled-in past of the series of a forecast request. Knows requests; not how gaps are filled.

The forecasts and backcasts of all gaps go to the scheduler together, as those of other requests.
"""

from collections.abc import Sequence
from functools import partial
from itertools import islice
from typing import Any, Final

import numpy as np
from fastapi import Request

from app.api.context import record_of
from app.api.forecasts.forecasting import Asked, ForecastRequest
from app.api.services import Services
from app.api.work import encode_at, prepare, run
from app.errors import InvalidInput
from app.serving.models.loader import LoadedModel
from app.tasks.forecast.imputation import Filling, ImputedPast, encode_gaps, find_gaps
from app.tasks.forecast.task import ForecastTask

MOST_GAPS: Final = 200  # of a request; each takes two forecasts


async def imputed_pasts(
    request: Request,
    services: Services,
    body: ForecastRequest,
    model: LoadedModel,
    asked: Sequence[Asked],
) -> list[ImputedPast]:
    """The past of each of `asked` with its gaps filled, in order.

    Raises InvalidInput, and what preparing and computing raise; see `work`.
    """
    record, task = record_of(request.scope), model.task
    assert isinstance(task, ForecastTask)
    if task.channels:
        raise InvalidInput(
            "a model that forecasts channels together fills no gaps",
            field="return_imputed",
            allowed="false with this model",
        )
    most = services.settings
    check = partial(_check, body, asked, most.max_horizon, most.max_points)
    steps = [check, *(partial(_encode, task, body, each) for each in asked)]
    _, *fillings = await prepare(request, record, steps, inline=False)
    examples = [example for filling in fillings for example in filling.examples]
    predictions = iter(await run(request, record, model, examples) if examples else [])

    def filled() -> list[ImputedPast]:
        return [
            filling.filled(list(islice(predictions, len(filling.examples)))) for filling in fillings
        ]

    [pasts] = await prepare(request, record, [filled], inline=False)
    return pasts


def _encode(task: ForecastTask, body: ForecastRequest, asked: Asked) -> Filling:
    return encode_at(
        {"series": f"series{asked.index}"},
        partial(encode_gaps, task),
        series=asked.series,
        quantiles=tuple(body.quantiles),
        frequency=body.frequency,
        season_length=body.season_length,
        minimum=body.minimum,
        maximum=body.maximum,
        integer=body.integer,
    )


def _check(body: ForecastRequest, asked: Sequence[Asked], max_horizon: int, max_points: int) -> Any:
    """Raise InvalidInput where too much would have to be filled or answered."""
    values = sum(len(each.series) for each in asked) * (len(body.quantiles) + 1)
    if values > max_points:
        raise InvalidInput(
            f"the filled-in past and {len(body.quantiles)} quantiles make {values} values; that is "
            "too much for one answer",
            field="return_imputed",
            allowed=f"at most {max_points} values in one answer",
        )
    count = 0
    for each in asked:
        for gap in find_gaps(np.array(each.series, dtype=np.float64)):
            count += 1
            if gap.size > max_horizon:
                raise InvalidInput(
                    f"{gap.size} values in a row are missing, from {gap.start} on",
                    field=f"series{each.index}",
                    allowed=f"gaps of at most {max_horizon} values with return_imputed",
                )
    if count > MOST_GAPS:
        raise InvalidInput(
            f"there are {count} gaps to fill",
            field="return_imputed",
            allowed=f"at most {MOST_GAPS} gaps in all series of a request",
        )
