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

    def take_now(self, key: Key) -> bool:
        """Take the turn if nobody has it; `give` it back once."""
        if key in self._waiting:
            return False
        self._waiting[key] = deque()
        return True

    @asynccontextmanager
    async def turn(self, key: Key, seconds: float | None = None) -> AsyncIterator[None]:
        """Until the block ends nobody else has the turn of this key.

        Raises DeadlineExceeded if it does not come within `seconds`.
        """
        await self.take(key, seconds)
        try:
            yield
        finally:
            self.give(key)

    async def take(self, key: Key, seconds: float | None = None) -> None:
        """Wait for the turn; `give` it back once. Raises DeadlineExceeded."""
        if not self.take_now(key):
            await self._wait(key, self._waiting[key], seconds)

    def give(self, key: Key) -> None:
        """Give the turn to whoever waits longest."""
        queue = self._waiting[key]
        if queue:
            queue.popleft().set_result(None)
        else:
            del self._waiting[key]

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
                self.give(key)
            else:
                queue.remove(ours)
            if isinstance(error, TimeoutError):
                raise DeadlineExceeded(
                    "the deadline passed while steps of the same stream were taken"
                ) from None
            raise
