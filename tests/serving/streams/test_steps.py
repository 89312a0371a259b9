"""Steps are taken once and in order, whoever else takes steps of the same stream."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from app.errors import DeadlineExceeded, StreamExists, StreamNotFound, WrongPosition
from app.serving.streams.hot import HotOptions
from app.serving.streams.memory import MemoryStore
from app.serving.streams.records import Key, Record
from app.serving.streams.sqlite import SqliteStore
from app.serving.streams.steps import StreamOptions, Streams
from app.serving.streams.taking import Computed, Moved, Steps, Taken
from app.serving.streams.turns import Turns
from tests.samples import sample
from tests.serving.streams.stores import record

KEY = Key("", "pump-7")


@dataclass
class Adding:
    """A network whose state is the text of all steps, and whose answer is that state."""

    text: bytes
    count: int = 1
    gate: asyncio.Event | None = None
    log: list[bytes] = field(default_factory=list)

    async def follow(self, key: Key, record: Record) -> Moved | None:
        return None

    async def compute(self, record: Record) -> Computed:
        self.log.append(self.text)
        if self.gate is not None:
            await self.gate.wait()
        state = record.state + self.text
        return Computed(self.count, record.version, state, b'"all":"%b"' % state)


async def take(streams: Streams, text: bytes, position: int | None = None) -> Taken:
    return await streams.take(KEY, Steps(position, b"digest of " + text), Adding(text))


def run(scenario: Callable[[], Awaitable[Any]]) -> Any:
    return asyncio.run(scenario())  # type: ignore[arg-type]


def two(tmp_path: Path) -> tuple[Streams, Streams]:
    """Two processes on one file."""
    return Streams(SqliteStore(tmp_path)), Streams(SqliteStore(tmp_path))


def test_two_processes_take_turns(tmp_path: Path) -> None:
    async def scenario() -> None:
        one, other = two(tmp_path)
        await one.open(KEY, record(state=b""))
        for number in range(6):
            streams = (one, other)[number % 2]
            taken = await take(streams, b"%d" % number, number)
            assert (taken.position, taken.replayed) == (number + 1, False)
        # Each knows what the other has answered, and where the stream is.
        again = await take(one, b"5", 5)
        assert again.replayed
        assert again.content == b'"all":"012345"'
        with pytest.raises(WrongPosition) as caught:
            await take(other, b"x", 3)
        assert caught.value.position == 6
        for streams in (one, other):
            await streams.store.close()

    run(scenario)


def test_without_positions_nothing_is_lost_or_done_twice(tmp_path: Path) -> None:
    async def scenario() -> None:
        one, other = two(tmp_path)
        before = sample("unroll_stream_conflicts_total")
        await one.open(KEY, record(state=b""))
        texts = [b"%c" % letter for letter in range(97, 97 + 20)]
        taken = await asyncio.gather(
            *[take((one, other)[place % 2], text) for place, text in enumerate(texts)]
        )
        assert sorted(each.position for each in taken) == list(range(1, 21))
        state = (await one.look(KEY)).state
        assert sorted(state) == sorted(b"".join(texts))
        # In the order in which each process was asked.
        assert [each for each in state if each in b"".join(texts[::2])] == list(
            b"".join(texts[::2])
        )
        assert sample("unroll_stream_conflicts_total") > before
        for streams in (one, other):
            await streams.store.close()

    run(scenario)


def test_the_same_position_is_taken_by_one(tmp_path: Path) -> None:
    async def scenario() -> None:
        one, other = two(tmp_path)
        await one.open(KEY, record(state=b""))
        tries = [take(streams, text, 0) for streams, text in ((one, b"a"), (other, b"b"))]
        found = await asyncio.gather(*tries, return_exceptions=True)
        [refused] = [each for each in found if isinstance(each, WrongPosition)]
        assert refused.position == 1
        assert len((await one.look(KEY)).state) == 1
        # The same steps at the same time are answered alike, and taken once.
        tries = [take(streams, b"c", 1) for streams in (one, other, one)]
        answers = await asyncio.gather(*tries)
        assert len({each.content for each in answers}) == 1
        assert [each.replayed for each in answers].count(False) == 1
        assert (await one.look(KEY)).position == 2
        for streams in (one, other):
            await streams.store.close()

    run(scenario)


def test_a_stream_that_is_gone_is_gone_for_all(tmp_path: Path) -> None:
    async def scenario() -> None:
        one, other = two(tmp_path)
        await one.open(KEY, record(state=b""))
        await take(other, b"a", 0)
        await one.delete(KEY)
        for position in (0, 1, None):
            if position != 0:  # what was answered stays true for who has it in memory
                with pytest.raises(StreamNotFound):
                    await take(other, b"b", position)
        await one.open(KEY, record(state=b""))
        taken = await take(other, b"c", None)
        assert taken.content == b'"all":"c"'
        for streams in (one, other):
            await streams.store.close()

    run(scenario)


def test_steps_of_one_stream_wait_for_each_other_and_of_others_do_not() -> None:
    async def scenario() -> None:
        streams = Streams(MemoryStore())
        other = Key("", "other")
        for key in (KEY, other):
            await streams.open(key, record(state=b""))
        gate, log = asyncio.Event(), list[bytes]()
        first = asyncio.create_task(
            streams.take(KEY, Steps(None, b""), Adding(b"1", gate=gate, log=log))
        )
        second = asyncio.create_task(streams.take(KEY, Steps(None, b""), Adding(b"2", log=log)))
        await asyncio.sleep(0.01)
        await streams.take(other, Steps(None, b""), Adding(b"x"))
        assert log == [b"1"]
        gate.set()
        assert (await first).position == 1
        assert (await second).content == b'"all":"12"'

    run(scenario)


def test_who_leaves_in_the_middle_leaves_no_half_step() -> None:
    async def scenario() -> None:
        streams = Streams(MemoryStore())
        await streams.open(KEY, record(state=b""))
        gate = asyncio.Event()
        leaving = asyncio.create_task(streams.take(KEY, Steps(0, b"d"), Adding(b"gone", gate=gate)))
        await asyncio.sleep(0.01)
        leaving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await leaving
        assert (await streams.look(KEY)).position == 0
        assert (await take(streams, b"a", 0)).content == b'"all":"a"'

    run(scenario)


def test_who_waits_too_long_for_the_turn_is_told() -> None:
    async def scenario() -> None:
        turns = Turns()
        order = []

        async def wait(name: str, seconds: float | None) -> None:
            async with turns.turn(KEY, seconds):
                order.append(name)
                await asyncio.sleep(0.05)

        async with turns.turn(KEY):
            late = asyncio.create_task(wait("late", 0.01))
            next_one = asyncio.create_task(wait("next", None))
            left = asyncio.create_task(wait("left", None))
            last = asyncio.create_task(wait("last", 5))
            await asyncio.sleep(0.03)
            left.cancel()
            with pytest.raises(DeadlineExceeded):
                await late
        await asyncio.gather(next_one, last)
        assert order == ["next", "last"]
        async with turns.turn(KEY, 0):  # nobody has it
            order.append("again")
        assert order[-1] == "again"

    run(scenario)


def test_memory_is_bounded() -> None:
    async def scenario() -> None:
        hot = HotOptions(streams=3, size=250, seconds=0.05)
        streams = Streams(MemoryStore(), hot=hot)
        for number in range(5):
            await streams.open(Key("", str(number)), record(state=b"s" * 50))
        assert streams.hot == 3
        await streams.open(Key("", "large"), record(state=b"s" * 200))
        assert streams.hot == 2
        await streams.open(Key("", "too large"), record(state=b"s" * 300))
        assert streams.hot == 2
        await asyncio.sleep(0.06)
        streams.trim()
        assert streams.hot == 0
        assert (await streams.look(Key("", "0"))).state == b"s" * 50

    run(scenario)


def test_forks_and_limits() -> None:
    async def scenario() -> None:
        streams = Streams(MemoryStore(), StreamOptions(streams=2))
        await streams.open(KEY, record(state=b""))
        await take(streams, b"a", 0)
        fork = await streams.fork(KEY, "fork")
        assert (fork.position, fork.state) == (1, b"a")
        with pytest.raises(StreamExists):
            await streams.fork(KEY, "fork")
        with pytest.raises(StreamNotFound):
            await streams.fork(Key("", "none"), "other")

    run(scenario)
