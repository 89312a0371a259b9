"""Both sides of a channel ask and answer, whatever happens to the other."""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from app.errors import Unanswered
from app.http.workers.channel import Channel


def talk(use: Callable[[Channel, Channel], Awaitable[None]]) -> None:
    """Run `use` with the two sides; the second doubles numbers, and fails at 13."""

    async def one(what: str, value: Any) -> Any:
        return [what, value]

    async def other(what: str, value: Any) -> Any:
        if what == "never":
            await asyncio.Event().wait()
        if value == 13:
            raise ValueError("not thirteen")
        return 2 * value

    async def run() -> None:
        ends = socket.socketpair()
        sides = Channel(one), Channel(other)
        for side, end in zip(sides, ends, strict=True):
            await side.connect(end)
        tasks = [asyncio.create_task(side.listen()) for side in sides]
        try:
            await use(*sides)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    asyncio.run(run())


def test_both_ask_at_once() -> None:
    async def use(one: Channel, other: Channel) -> None:
        found = await asyncio.gather(*(one.ask("double", each) for each in range(10)))
        assert found == [2 * each for each in range(10)]
        assert await other.ask("echo", {"a": [1, None]}) == ["echo", {"a": [1, None]}]

    talk(use)


def test_what_goes_wrong_is_told() -> None:
    async def use(one: Channel, other: Channel) -> None:
        with pytest.raises(Unanswered, match="not thirteen"):
            await one.ask("double", 13)
        assert await one.ask("double", 14) == 28

    talk(use)


def test_nobody_waits_for_ever() -> None:
    async def use(one: Channel, other: Channel) -> None:
        with pytest.raises(Unanswered, match="in time"):
            await one.ask("never", seconds=0.01)
        assert await one.ask("double", 1) == 2

    talk(use)


def test_a_large_message_arrives() -> None:
    async def use(one: Channel, other: Channel) -> None:
        text = "x" * 3_000_000
        assert await other.ask("echo", text) == ["echo", text]

    talk(use)


def test_who_is_gone_answers_nobody() -> None:
    async def use(one: Channel, other: Channel) -> None:
        waiting = asyncio.ensure_future(one.ask("never"))
        await asyncio.sleep(0.01)
        other.close()
        with pytest.raises(Unanswered, match="gone"):
            await waiting
        with pytest.raises(Unanswered):
            await one.ask("double", 1)

    talk(use)


def test_before_there_is_a_side() -> None:
    async def use() -> None:
        async def nothing(what: str, value: Any) -> Any:
            return None

        with pytest.raises(Unanswered):
            await Channel(nothing).ask("double", 1)

    asyncio.run(use())
