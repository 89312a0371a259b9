"""What one of several processes knows of the others: it asks them through their parent.

Knows questions and answers; no route. A service that is one process has no fleet.
"""

import asyncio
import os
import signal
import socket
from contextlib import suppress
from typing import Any, Final

from prometheus_client import REGISTRY

from app.api.siblings import Answers
from app.errors import Unanswered
from app.http.workers import heartbeat
from app.http.workers.channel import Channel
from app.telemetry.merge import Snapshot, merged, page, snapshot

_PATIENCE: Final = 2.0  # seconds, for what is answered from memory


class Fleet:
    """The way to the other processes, from the first request until the parent is gone."""

    def __init__(self, end: socket.socket) -> None:
        self._end = end
        self._channel = Channel(self._answer)
        self._answers: Answers = {}
        self._listening: asyncio.Task[None] | None = None
        self.ready = False  # whether every process was ready once
        self.silent = 0  # how many do not answer

    async def start(self, answers: Answers) -> None:
        """Answer from now on; without the parent the process ends as if by SIGTERM."""
        self._answers = answers
        await self._channel.connect(self._end)
        self._listening = asyncio.create_task(self._listen())

    def stop(self) -> None:
        """Answer no more."""
        if self._listening is not None:
            self._listening.cancel()

    async def metrics(self) -> bytes:
        """The page of metrics of all processes, those that have ended included."""
        found: list[Snapshot] = await self._channel.ask(
            "gather", ["metrics", None, _PATIENCE], 2 * _PATIENCE
        )
        return page(merged(found))

    async def gather(self, what: str, value: Any = None) -> list[Any]:
        """What every process answers, this one too. Raises Unanswered if any cannot."""
        asked = [what, value, _PATIENCE]
        found: list[Any] = await self._channel.ask("gather", asked, 2 * _PATIENCE)
        return found

    async def others(self, what: str, value: Any, seconds: float | None) -> list[Any]:
        """What every other process answers within `seconds`. Raises Unanswered if any cannot."""
        # The parent waits for as long as it takes: so it is known here that time was up.
        found: list[Any] = await self._channel.ask("others", [what, value, None], seconds)
        return found

    def tell_loaded(self) -> None:
        """This process has loaded its models."""
        self._telling = asyncio.create_task(self._tell())

    async def _tell(self) -> None:
        with suppress(Unanswered):  # the parent is gone, and `_listen` has noticed
            await self._channel.ask("loaded")

    async def _listen(self) -> None:
        await self._channel.listen()
        os.kill(os.getpid(), signal.SIGTERM)  # nobody is left who would end us

    async def _answer(self, what: str, value: Any) -> Any:
        if what == "metrics":
            return snapshot(REGISTRY.collect())
        if what == heartbeat.QUESTION:
            return None
        if what == "all_ready":
            self.ready = True
            return None
        if what == "silent":
            self.silent = value
            return None
        return await self._answers[what](value)
