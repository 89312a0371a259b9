"""Hands examples to a scheduler and waits for the answers. Knows futures; not what they hold.

Work that nobody waits for any more is cancelled: when the client leaves, when the deadline
passes, when another input of the same request fails.
"""

import asyncio
import time
from collections.abc import Sequence
from typing import Any

from fastapi import Request

from app import tracing
from app.api.context import RequestRecord
from app.api.limits import client_gone
from app.errors import DeadlineExceeded
from app.serving.loader import LoadedModel
from app.serving.scheduler import Outcome


class ClientGone(Exception):
    """The client closed the connection; there is nobody to answer."""


async def run(
    request: Request, record: RequestRecord, model: LoadedModel, examples: Sequence[Any]
) -> list[Any]:
    """The predictions for `examples`, in order; notes the timings in `record`.

    Raises what the scheduler raises, DeadlineExceeded, or ClientGone.
    """
    arrived = time.monotonic()
    futures = model.scheduler.submit_many(examples, deadline=record.deadline)
    answers = asyncio.gather(*map(asyncio.wrap_future, futures))
    # A failure that is never looked at, because the client has left, is not an accident.
    answers.add_done_callback(lambda done: done.cancelled() or done.exception())
    gone = asyncio.ensure_future(client_gone(request))
    try:
        await asyncio.wait(
            (answers, gone),
            timeout=None if record.deadline is None else record.deadline - time.monotonic(),
            return_when=asyncio.FIRST_COMPLETED,
        )
        if answers.done():
            outcomes: list[Outcome[Any]] = answers.result()
        elif gone.done():
            raise ClientGone
        else:
            raise DeadlineExceeded("the deadline passed before the answer was there")
    finally:
        gone.cancel()
        answers.cancel()
        for future in futures:
            future.cancel()
    record.queue_seconds = max(outcome.queue_seconds for outcome in outcomes)
    record.inference_seconds = max(outcome.inference_seconds for outcome in outcomes)
    if tracing.enabled():
        _record_batches(arrived, outcomes)
    return [outcome.prediction for outcome in outcomes]


def _record_batches(arrived: float, outcomes: Sequence[Outcome[Any]]) -> None:
    """Inputs that waited and ran equally long, to the last digit, were in one batch."""
    batches = {
        (each.queue_seconds, each.inference_seconds): (each.batch_size, each.runs)
        for each in outcomes
    }
    for (waited, seconds), (rows, runs) in batches.items():
        start = arrived + waited
        tracing.record_batch((arrived, start), (start, start + seconds), rows, runs)
