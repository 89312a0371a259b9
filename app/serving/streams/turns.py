"""One after the other: what is asked of one stream in one process. Knows keys and waiting."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from app.errors import DeadlineExceeded
from app.serving.streams.records import Key


class Turns:
    """First come, first served for each key. Holds nothing of keys that nobody asks for."""

    def __init__(self) -> None:
        self._waiting: dict[Key, deque[asyncio.Future[None]]] = {}

    @asynccontextmanager
    async def turn(self, key: Key, seconds: float | None = None) -> AsyncIterator[None]:
        """Until the block ends nobody else has the turn of this key.

        Raises DeadlineExceeded if it does not come within `seconds`.
        """
        queue = self._waiting.get(key)
        if queue is None:
            queue = self._waiting[key] = deque()
        else:
            await self._wait(key, queue, seconds)
        try:
            yield
        finally:
            self._next(key, queue)

    async def _wait(
        self, key: Key, queue: deque[asyncio.Future[None]], seconds: float | None
    ) -> None:
        ours: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        queue.append(ours)
        try:
            async with asyncio.timeout(seconds):
                await asyncio.shield(ours)
        except BaseException as error:
            if ours.done():  # it came just then: pass it on
                self._next(key, queue)
            else:
                queue.remove(ours)
            if isinstance(error, TimeoutError):
                raise DeadlineExceeded(
                    "the deadline passed while steps of the same stream were taken"
                ) from None
            raise

    def _next(self, key: Key, queue: deque[asyncio.Future[None]]) -> None:
        """Give the turn to whoever waits longest."""
        if queue:
            queue.popleft().set_result(None)
        else:
            del self._waiting[key]
