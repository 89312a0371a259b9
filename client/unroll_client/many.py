"""Any number of inputs, cut into lists that the service takes. Knows no task and no HTTP.

A few lists are on their way at a time, answers come in the order of the inputs, and no more inputs
are read than are on their way: memory does not grow with their number. An input that the service
refuses has its error in its place, and the others of its list are sent again without it; a list
that is too large, takes too long, or on which the network fails is cut in two.
"""

from __future__ import annotations

import asyncio
import re
from collections import deque
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

from unroll_client.errors import (
    DeadlineExceeded,
    FieldError,
    InvalidInput,
    NotUnroll,
    Refused,
    UnrollError,
)

T = TypeVar("T")
_AHEAD: Final = 2  # lists begun for each that may be on its way


@dataclass(frozen=True)
class Size:
    """How much one list holds: so many inputs, and so much of what `weight` counts."""

    count: int
    weight: int


@dataclass(frozen=True)
class Work(Generic[T]):
    """What is asked about every input."""

    # (number, input) -> what is sent of it; raises UnrollError for one that cannot be sent.
    prepare: Callable[[int, Any], Any]
    weigh: Callable[[Any], int]
    # The answers to a list of prepared inputs, in order.
    ask: Callable[[list[Any]], Awaitable[Sequence[T]]]
    # Fields of the request that have one entry an input.
    fields: tuple[str, ...]
    size: Size
    # Lists that may be on their way at the same time.
    connections: int
    # Called with the number of inputs that were answered since the last call.
    tell: Callable[[int], None]


@dataclass(frozen=True)
class _Input:
    number: int
    sent: Any


class Items(Generic[T]):
    """An asynchronous iterator of answers, which come in lists."""

    def __init__(self, lists: AsyncIterator[list[T]]) -> None:
        self.lists = lists
        self._left: deque[T] = deque()

    def __aiter__(self) -> Items[T]:
        return self

    async def __anext__(self) -> T:
        while not self._left:
            self._left.extend(await self.lists.__anext__())
        return self._left.popleft()

    async def aclose(self) -> None:
        """Give up what is on its way."""
        close = getattr(self.lists, "aclose", None)
        if close is not None:
            await close()


async def answers(
    inputs: Iterable[Any] | AsyncIterable[Any], work: Work[T]
) -> AsyncIterator[list[T | UnrollError]]:
    """The answers in the order of `inputs`, list by list.

    Raises:
        UnrollError: something that is no fault of one input.
    """
    most = _Most(work.size.count)
    running: deque[asyncio.Task[list[T | UnrollError]]] = deque()
    try:
        async for batch in _batches(inputs, work, most):
            running.append(asyncio.create_task(_asked(batch, work, most)))
            if len(running) >= _AHEAD * work.connections:
                done = await running.popleft()
                work.tell(len(done))
                yield done
        while running:
            done = await running.popleft()
            work.tell(len(done))
            yield done
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


class _Most:
    """Inputs in a list, at most: less once the service has found a list too large."""

    def __init__(self, count: int) -> None:
        self.count = count

    def lower(self, count: int) -> None:
        self.count = max(1, min(self.count, count))


async def _batches(
    inputs: Iterable[Any] | AsyncIterable[Any], work: Work[T], most: _Most
) -> AsyncIterator[list[_Input | UnrollError]]:
    batch: list[_Input | UnrollError] = []
    weight, number = 0, 0
    async for value in each_of(inputs):
        try:
            sent = work.prepare(number, value)
        except UnrollError as error:
            batch.append(error)
        else:
            size = work.weigh(sent)
            if batch and weight + size > work.size.weight:
                yield batch
                batch, weight = [], 0
            batch.append(_Input(number, sent))
            weight += size
        number += 1
        if len(batch) >= most.count:
            yield batch
            batch, weight = [], 0
    if batch:
        yield batch


async def each_of(inputs: Iterable[Any] | AsyncIterable[Any]) -> AsyncIterator[Any]:
    """Each of them, whichever kind of iterable they are."""
    if isinstance(inputs, AsyncIterable):
        async for value in inputs:
            yield value
    else:
        for value in inputs:
            yield value


async def _asked(
    batch: Sequence[_Input | UnrollError], work: Work[T], most: _Most
) -> list[T | UnrollError]:
    """One answer or error for each of a batch, in order."""
    placed: dict[int, T | UnrollError] = {}
    waiting = [[each for each in batch if isinstance(each, _Input)]]
    while waiting:
        inputs = waiting.pop()
        if not inputs:
            continue
        try:
            found = await work.ask([each.sent for each in inputs])
        except Refused as error:
            wrong = _wrong(error, inputs, work.fields)
            if wrong:
                placed |= wrong
                waiting.append([each for each in inputs if each.number not in wrong])
            elif not _of_the_list(error, work.fields):
                raise
            elif len(inputs) == 1:
                placed[inputs[0].number] = error
            else:
                half = len(inputs) // 2
                if isinstance(error, InvalidInput):
                    most.lower(half)
                waiting += [inputs[half:], inputs[:half]]
            continue
        if len(found) != len(inputs):
            raise NotUnroll(f"{len(inputs)} inputs have {len(found)} answers")
        placed |= {each.number: answer for each, answer in zip(inputs, found, strict=True)}
    return [placed[each.number] if isinstance(each, _Input) else each for each in batch]


def _wrong(
    error: Refused, inputs: Sequence[_Input], fields: tuple[str, ...]
) -> dict[int, UnrollError]:
    """The errors of the inputs that the service names, by their numbers."""
    found: dict[int, UnrollError] = {}
    if not isinstance(error, InvalidInput):
        return found
    for each in error.errors:
        named = re.match(rf"({'|'.join(fields)})\[(\d+)\](.*)", each.field, re.DOTALL)
        if named and int(named[2]) < len(inputs):
            number = inputs[int(named[2])].number
            if number not in found:
                field = f"{named[1]}[{number}]{named[3]}"
                found[number] = _of_one(error, FieldError(field, each.message, each.allowed))
    return found


def _of_one(error: Refused, wrong: FieldError) -> InvalidInput:
    """The error of one input; its number counts all inputs, not those of one request."""
    detail = f"{wrong.field}: {wrong.message}"
    problem = {**error.problem, "detail": detail, "errors": [vars(wrong)]}
    return InvalidInput(
        f"{error.status} {detail} (allowed: {wrong.allowed})",
        status=error.status,
        problem=problem,
        request_id=error.request_id,
    )


def _of_the_list(error: Refused, fields: tuple[str, ...]) -> bool:
    """Whether a smaller list may be answered, or the fault lies in one input of it."""
    if isinstance(error, InvalidInput):
        return error.status == 413 or error.field in fields
    return error.kind == "inference-failed" or (
        isinstance(error, DeadlineExceeded) and error.problem != {}
    )
