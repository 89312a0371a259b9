"""Coroutines that are begun at once and go on later. Knows asyncio; not what is computed.

A task costs several microseconds and a round of the event loop before its first step. What is done
in that first step needs neither.
"""

import asyncio
from collections.abc import Awaitable, Coroutine, Generator
from contextvars import copy_context
from functools import partial
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class Begun(Generic[T]):
    """A coroutine whose first step is done: it has ended with `result`, or it waits.

    Await the object to go on. What the first step raises, the constructor raises.
    """

    def __init__(self, awaitable: Awaitable[T]) -> None:
        assert isinstance(awaitable, Coroutine)
        self._coroutine: Coroutine[Any, Any, T] = awaitable
        self._waits_for: Any = None
        self.ended = False
        self.result: T | None = None
        try:
            self._waits_for = self._coroutine.send(None)
        except StopIteration as end:
            self.ended, self.result = True, end.value

    def __await__(self) -> Generator[Any, Any, T]:
        while True:
            try:
                sent = yield self._waits_for
            except BaseException as error:  # cancelled, most of all: it must get to know
                proceed = partial(self._coroutine.throw, error)
            else:
                proceed = partial(self._coroutine.send, sent)
            try:
                self._waits_for = proceed()
            except StopIteration as end:
                result: T = end.value
                return result


def begin(
    coroutine: Coroutine[Any, Any, None], loop: asyncio.AbstractEventLoop
) -> asyncio.Task[None] | None:
    """Run `coroutine` until it waits for something; then it goes on in a task of its own.

    None if it has ended already. Its context is its own from the start. Until it first waits
    there is no current task, which timeouts of asyncio and threads of anyio ask for: whoever may
    need one calls `in_task` before.
    """
    context = copy_context()
    begun = context.run(Begun, coroutine)
    if begun.ended:
        return None
    return loop.create_task(_go_on(begun), context=context)


async def in_task() -> None:
    """Return in a task of the event loop: at once where there is one, else after one round."""
    if asyncio.current_task() is None:
        await asyncio.sleep(0)


async def _go_on(begun: Begun[None]) -> None:
    await begun
