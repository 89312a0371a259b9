"""A process that does not answer is noticed, and given up after a while."""

import asyncio
import socket
from collections.abc import Callable
from typing import Any

import pytest

from app.http.workers import heartbeat
from app.http.workers.channel import Channel


def watched(answers: Callable[[int], bool], limit: float = 0.3) -> tuple[list[bool], int]:
    """What was noticed until the process was given up, and how often it was asked.

    The process answers its n-th question if `answers(n)`, and is silent from then on otherwise.
    """
    asked = 0

    async def process(what: str, value: Any) -> None:
        nonlocal asked
        assert what == heartbeat.QUESTION
        asked += 1
        if not answers(asked):
            await asyncio.Event().wait()

    async def nothing(what: str, value: Any) -> None: ...

    async def run() -> list[bool]:
        ends = socket.socketpair()
        parent, child = Channel(nothing), Channel(process)
        await parent.connect(ends[0])
        await child.connect(ends[1])
        listening = [asyncio.create_task(each.listen()) for each in (parent, child)]
        noticed: list[bool] = []
        await asyncio.wait_for(heartbeat.watch(parent, limit, noticed.append), 60)
        for each in listening:
            each.cancel()
        return noticed

    return asyncio.run(run()), asked


def test_a_silent_process_is_noticed_first_and_given_up_later() -> None:
    noticed, asked = watched(lambda number: number < 20)
    assert noticed[-1:] == [True]
    assert asked == 20  # a question that is not answered is not asked again


def test_one_that_has_never_answered_has_more_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heartbeat, "START_SECONDS", 0.6)
    noticed, asked = watched(lambda number: False, limit=0.1)
    assert noticed == []  # it was not ready before, either
    assert asked == 1
