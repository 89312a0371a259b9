"""Notices a process that does not answer any more. Knows a channel and time; ends nothing."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from app.errors import Unanswered
from app.http.workers.channel import Channel

QUESTION: Final = "alive"  # answered by every process, on its event loop
START_SECONDS: Final = 120.0  # for a first answer, at least: it begins by importing everything
_SILENT_SECONDS: Final = 10.0  # without an answer, after which others are told; a third at most
_BEATS: Final = 10  # questions in the time after which a process counts as hung


async def watch(channel: Channel, limit: float, notice: Callable[[bool], None]) -> None:
    """Ask again and again; returns once nothing was heard for `limit` seconds.

    `notice` is called with True when it is silent, long before, and with False when something is
    heard again. Time is counted in questions: when this process is stopped itself, and goes on
    later, the other one is not to blame.
    """
    beat = min(1.0, limit / _BEATS)
    asked: asyncio.Task[None] | None = None
    heard, silent, noticed = 0, 0.0, False
    while silent < (limit if heard else max(limit, START_SECONDS)):
        if asked is None or asked.done():  # one at a time, or they would pile up
            asked = asyncio.create_task(_ask(channel))
        await asyncio.sleep(beat)
        silent = silent + beat if channel.heard == heard else 0.0
        heard = channel.heard
        if heard and noticed != (silent >= min(limit / 3, _SILENT_SECONDS)):
            noticed = not noticed
            notice(noticed)


async def _ask(channel: Channel) -> None:
    with suppress(Unanswered):
        await channel.ask(QUESTION)
