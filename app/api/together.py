"""Hands what is asked in one turn of the event loop to each scheduler at once. Knows no stream.

A step of a small network takes less time than handing it to a thread. Computed inline one by one,
steps that came together would share no batch.
"""

import asyncio
import time
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from fastapi import Request

from app.api.context import RequestRecord
from app.api.work import predictions_of, waited_for
from app.errors import UnrollError
from app.serving.models.loader import LoadedModel
from app.serving.scheduling.entry import Outcome
from app.serving.scheduling.protocol import Scheduler


@dataclass(slots=True)
class _Asked:
    """An example that waits for the end of this turn. answer: an outcome, or a future of it."""

    example: Any
    record: RequestRecord
    arrived: float
    answer: "asyncio.Future[Outcome[Any] | Future[Outcome[Any]]]"


class Together:
    """Gathers examples by scheduler. For one event loop."""

    def __init__(self) -> None:
        self._asked: dict[int, tuple[Scheduler[Any, Any], list[_Asked]]] = {}

    async def run(
        self, request: Request, record: RequestRecord, model: LoadedModel, example: Any
    ) -> Any:
        """The prediction for one example; notes the timings in `record`.

        Raises what the scheduler raises, DeadlineExceeded, or ClientGone.
        """
        loop = asyncio.get_running_loop()
        if not self._asked:
            loop.call_soon(self._hand_over)
        asked = _Asked(example, record, time.monotonic(), loop.create_future())
        scheduler = model.scheduler
        self._asked.setdefault(id(scheduler), (scheduler, []))[1].append(asked)
        answer = await asked.answer
        if isinstance(answer, Future):
            answer = await waited_for(request, record, asyncio.wrap_future(answer))
        return predictions_of(record, asked.arrived, [answer])[0]

    def _hand_over(self) -> None:
        everything, self._asked = self._asked, {}
        alone = len(everything) == 1
        for scheduler, asked in everything.values():
            wanted = [each for each in asked if not each.answer.done()]
            if wanted:
                _hand_over(scheduler, wanted, alone=alone and len(wanted) == 1)


def _hand_over(scheduler: Scheduler[Any, Any], asked: list[_Asked], *, alone: bool) -> None:
    examples, since = [each.example for each in asked], [each.arrived for each in asked]
    try:
        results = scheduler.run_inline(examples, since, idle=alone and asked[0].record.is_alone())
    except Exception as error:
        for each in asked:
            each.answer.set_exception(error)
        return
    for each, result in zip(asked, results, strict=True):
        if result is None:
            try:
                future = scheduler.submit(each.example, deadline=each.record.deadline)
            except UnrollError as error:
                each.answer.set_exception(error)
            else:
                each.answer.set_result(future)
        elif isinstance(result, UnrollError):
            each.answer.set_exception(result)
        else:
            each.answer.set_result(result)
