"""AutoETS beside a backtest: how long it may take, and what is said where it is not there.

Knows requests; the fits stand in the task.
"""

import asyncio
import time
from collections.abc import Sequence
from functools import partial
from typing import Final

from fastapi import Request

from app.api.context import record_of
from app.api.services import Services
from app.api.work import Wanted, prepare
from app.errors import DeadlineExceeded
from app.tasks.forecast.autoets import available
from app.tasks.forecast.backtest import Guess
from app.tasks.forecast.fitting import Fit

NAME: Final = "autoets"
MOST_SECONDS: Final = 10.0  # that a request's fits take, and no more than half of what it has left

ABSENT: Final = (
    "autoets is left out: the service has no statsforecast, which pip install 'unroll[baselines]' "
    "brings"
)
LATE: Final = (
    "autoets is left out: not every window of this series was fitted in the time that a request has"
)
NEVER: Final = "autoets is left out: it cannot be fitted to every window of this series"


async def autoets_of(
    request: Request, services: Services, fits: Sequence[Sequence[Fit]]
) -> list[list[Guess] | str]:
    """Of each series a forecast for each of its windows, or a note that says why there is none.

    The fits are made in order, in the one process that the service has for them. A series has
    them all or none, so that methods are compared on the same windows.
    """
    if not available():
        return [ABSENT] * len(fits)
    record = record_of(request.scope)
    now = time.monotonic()
    left = MOST_SECONDS if record.deadline is None else (record.deadline - now) / 2
    until = now + min(left, MOST_SECONDS)
    wanted = Wanted(until)
    done: list[Guess | None] = []
    every = [fit for of_series in fits for fit in of_series]
    step = partial(services.fitter.fit_all, every, until, wanted.check, done)
    try:
        async with asyncio.timeout(until - now):  # it may have to wait for other requests' fits
            executor = services.threads.baselines
            await prepare(request, record, [step], inline=False, executor=executor, wanted=wanted)
    except (TimeoutError, DeadlineExceeded):
        pass  # what was fitted until now counts
    return _by_series([len(of_series) for of_series in fits], list(done))


def _by_series(counts: Sequence[int], done: Sequence[Guess | None]) -> list[list[Guess] | str]:
    found: list[list[Guess] | str] = []
    first = 0
    for count in counts:
        part = done[first : first + count]
        guesses = [each for each in part if each is not None]
        late = len(part) < count and len(guesses) == len(part)
        found.append(guesses if len(guesses) == count else LATE if late else NEVER)
        first += count
    return found
