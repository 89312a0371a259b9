"""Prepares examples, hands them to a scheduler, waits for the answers. Knows not what they hold.

Work that nobody waits for any more is cancelled: when the client leaves, when the deadline
passes, when another input of the same request fails.
"""

import asyncio
import contextvars
import re
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from typing import Any, TypeVar

from fastapi import Request

from app.api.context import RequestRecord
from app.api.limits import client_gone
from app.errors import DeadlineExceeded, InvalidInput, UnrollError
from app.serving.models.loader import LoadedModel
from app.serving.scheduling.entry import Outcome
from app.telemetry import tracing

T = TypeVar("T")
_NAME = re.compile(r"[\[.]")  # what ends the name of a field, within the name of a part of it


class ClientGone(Exception):
    """The client closed the connection; there is nobody to answer."""


class Wanted:
    """Whether somebody still waits for what a thread does; threads ask now and then."""

    def __init__(self, deadline: float | None) -> None:
        """deadline: a `time.monotonic()` value."""
        self._deadline = deadline
        self._dropped = threading.Event()

    def drop(self) -> None:
        """Nobody waits any more."""
        self._dropped.set()

    def check(self) -> None:
        """Raise ClientGone when nobody waits, and DeadlineExceeded when it is too late."""
        if self._dropped.is_set():
            raise ClientGone
        if self._deadline is not None and time.monotonic() > self._deadline:
            raise DeadlineExceeded("the deadline passed before the input was prepared")


async def prepare(
    request: Request,
    record: RequestRecord,
    steps: Sequence[Callable[[], T]],
    *,
    inline: bool,
    executor: Executor | None = None,
    wanted: Wanted | None = None,
) -> list[T]:
    """What each of `steps` returns, in order; at once if `inline`, else in a thread of `executor`.

    While a step runs inline nobody else is answered: together they must take a few milliseconds.
    No step begins once the deadline has passed or the client has left; a step that may take long
    asks `wanted`. Raises what a step raises, DeadlineExceeded, or ClientGone.
    """
    still = wanted or Wanted(record.deadline)

    def take() -> list[T]:
        done: list[T] = []
        for step in steps:
            still.check()
            done.append(step())
        return done

    if inline:
        return take()
    context = contextvars.copy_context()
    begin = asyncio.get_running_loop().run_in_executor
    try:
        # Not a variable: see the end of `waited_for`.
        return await waited_for(request, record, begin(executor, context.run, take))
    finally:
        still.drop()  # a thread cannot be cancelled, only asked


def encode_at(places: Mapping[str, str], encode: Callable[..., T], **request: Any) -> T:
    """What `encode` makes of one input of several.

    A task knows its one input only: where it names a field, or a part of one, that `places` has,
    the error names the place in the request instead. Raises what `encode` raises.
    """
    try:
        return encode(**request)
    except InvalidInput as error:
        name = _NAME.split(error.field, maxsplit=1)[0]
        if name not in places:
            raise
        field = places[name] + error.field[len(name) :]
        raise InvalidInput(error.message, field=field, allowed=error.allowed) from error


async def in_thread(
    request: Request, record: RequestRecord, executor: Executor | None, step: Callable[[], T]
) -> T:
    """What `step` returns, as `prepare` does it in a thread of `executor`, or of the loop's."""
    [result] = await prepare(request, record, [step], inline=False, executor=executor)
    return result


async def run(
    request: Request, record: RequestRecord, model: LoadedModel, examples: Sequence[Any]
) -> list[Any]:
    """The predictions for `examples`, in order; notes the timings in `record`.

    Raises what the scheduler raises, DeadlineExceeded, or ClientGone.
    """
    arrived = time.monotonic()
    if len(examples) == 1 and (record.deadline is None or arrived < record.deadline):
        [result] = model.scheduler.run_inline(examples, [arrived], idle=record.is_alone())
        if isinstance(result, UnrollError):
            raise result
        if result is not None:
            return predictions_of(record, arrived, [result])
    futures = model.scheduler.submit_many(examples, deadline=record.deadline)
    try:
        if len(futures) == 1:
            outcomes = [await waited_for(request, record, asyncio.wrap_future(futures[0]))]
        else:
            answers = asyncio.gather(*map(asyncio.wrap_future, futures))
            outcomes = await waited_for(request, record, answers)
            del answers  # as in `waited_for`
    finally:
        for future in futures:
            future.cancel()
        del futures
    return predictions_of(record, arrived, outcomes)


def predictions_of(
    record: RequestRecord, arrived: float, outcomes: Sequence[Outcome[Any]]
) -> list[Any]:
    """What came out, once the timings are noted."""
    record.queue_seconds = max(outcome.queue_seconds for outcome in outcomes)
    record.inference_seconds = max(outcome.inference_seconds for outcome in outcomes)
    if tracing.enabled():
        _record_batches(arrived, outcomes)
    return [outcome.prediction for outcome in outcomes]


async def waited_for(request: Request, record: RequestRecord, work: asyncio.Future[T]) -> T:
    """The result of `work`, which is cancelled at the deadline and when the client leaves."""
    # A failure that is never looked at, because the client has left, is not an accident.
    work.add_done_callback(lambda done: done.cancelled() or done.exception())
    gone = asyncio.ensure_future(client_gone(request))
    left = None if record.deadline is None else max(0.0, record.deadline - time.monotonic())
    try:
        await asyncio.wait((work, gone), timeout=left, return_when=asyncio.FIRST_COMPLETED)
        if work.done():
            return work.result()
        if gone.done():
            raise ClientGone
        raise DeadlineExceeded("the deadline passed before the answer was there")
    finally:
        gone.cancel()
        work.cancel()
        # An error holds this frame, and the work holds the error: a circle around all that was
        # sent, which would stay until the collector comes by.
        del work


def _record_batches(arrived: float, outcomes: Sequence[Outcome[Any]]) -> None:
    """Inputs that waited and ran equally long, to the last digit, were in one batch."""
    batches = {
        (each.queue_seconds, each.inference_seconds): (each.batch_size, each.runs)
        for each in outcomes
    }
    for (waited, seconds), (rows, runs) in batches.items():
        start = arrived + waited
        tracing.record_batch((arrived, start), (start, start + seconds), rows, runs)
