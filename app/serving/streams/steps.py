"""Steps of streams, each taken once and in order. Knows positions; not what computes a step.

How one request is decided, with the turn of its stream:

    load --> position equal ------------> compute --> commit --+--> answer
      ^      position behind, same steps --> the kept answer   |
      |      else --> read the store --> WrongPosition         |
      '--------------- another process was first --------------'

The record in memory may be behind the store. So nobody is told a wrong position, and nothing is
answered before the store has taken the new state in place of the one that was computed from.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from app.errors import InvalidInput, StreamExists, StreamNotFound
from app.serving.streams.hot import HotOptions, HotStreams
from app.serving.streams.records import Answer, Kept, Key, Listed, Record, now
from app.serving.streams.store import Commit, Store
from app.serving.streams.taking import Computed, Network, Steps, Taken
from app.serving.streams.turns import Turns
from app.serving.streams.words import wrong_position
from app.telemetry import metrics

_ALL = 2**62  # a position that no stream reaches


@dataclass(frozen=True, slots=True)
class StreamOptions:
    """How many streams, and how large each."""

    # Streams that are kept.
    streams: int = 1_000_000
    # Bytes of the state and the kept answer of one.
    size: int = 8 * 1024 * 1024
    # Steps of one stream whose inputs are kept for another version.
    replay_steps: int = 4096


class Streams:
    """The streams of one process, on a store that others may share. For one event loop."""

    def __init__(
        self, store: Store, options: StreamOptions | None = None, hot: HotOptions | None = None
    ) -> None:
        self.store = store
        self._options = options or StreamOptions()
        self._hot = HotStreams(hot or HotOptions())
        self._turns = Turns()

    @property
    def limit(self) -> int:
        """Streams that may be kept."""
        return self._options.streams

    @property
    def hot(self) -> int:
        """Streams that are held in memory."""
        return len(self._hot)

    def at_hand(self, key: Key) -> Record | None:
        """The stream as it is in memory, if it is; the store may be ahead of it."""
        return self._hot.get(key)

    def begin(self, key: Key, steps: Steps) -> Record | None:
        """As `take` begins, without waiting: the stream before `steps`, whose turn is now taken.

        None, and no turn, if somebody has it, if the stream is not at hand, or if the steps are not
        its next ones. Else call `finish` or `leave` once.
        """
        record = self._hot.get(key)
        if record is None or steps.position not in (None, record.position):
            return None
        return record if self._turns.take_now(key) else None

    def leave(self, key: Key) -> None:
        """The steps that were begun are not taken."""
        self._turns.give(key)

    async def finish(self, begun: Sequence[Commit]) -> list[bool]:
        """Commit steps of several streams that were begun; whether each was taken.

        Those that were not have met another process, or a store that failed.
        """
        done: Sequence[bool | BaseException] = [False] * len(begun)
        started = time.monotonic()
        try:
            done = await self.store.commit_all(begun)
        finally:
            seconds = time.monotonic() - started
            for commit, taken in zip(begun, done, strict=True):
                if taken is True:
                    self._taken(commit, seconds)
                else:  # what was asked of the store may be done all the same
                    self._hot.drop(commit.key)
                self._turns.give(commit.key)
        return [taken is True for taken in done]

    def trim(self) -> None:
        """Hold no stream in memory that was not used of late."""
        self._hot.trim()

    async def open(
        self, key: Key, record: Record, kept: Sequence[Kept] = ()
    ) -> tuple[Record, bool]:
        """(the stream, whether it was made now). Raises TooManyStreams, InvalidInput, StoreFailed.

        If there is one of that name, it is returned as it is.
        """
        self._require_room(record)
        async with self._turns.turn(key):
            found = await self.store.create(key, record, self._options.streams, kept)
            self._hot.put(key, found or record)
            return found or record, found is None

    async def look(self, key: Key) -> Record:
        """The stream as the store has it. Raises StreamNotFound, StoreFailed."""
        try:
            return await self.store.load(key)
        except StreamNotFound:
            self._hot.drop(key)
            raise

    async def change(self, key: Key, before: Record, after: Record, *, forget: bool) -> bool:
        """Set what is not set by steps; whether it was still at `before`.

        forget: whether kept inputs no longer lead to the state. Raises InvalidInput, StoreFailed.
        """
        self._require_room(after)
        self._hot.drop(key)
        return await self.store.commit(
            Commit(key, before, after, forget_before=_ALL if forget else None)
        )

    async def delete(self, key: Key) -> None:
        """End a stream. Raises StreamNotFound, StoreFailed."""
        async with self._turns.turn(key):
            self._hot.drop(key)
            if not await self.store.delete(key):
                await self.store.load(key)  # says whether it has expired

    async def fork(self, key: Key, name: str) -> Record:
        """Another stream that goes on from where this one is.

        Raises StreamNotFound, StreamExists, TooManyStreams, StoreFailed.
        """
        async with self._turns.turn(key):
            record = await self.look(key)
            kept = await self.store.kept(key) if record.policy != "pin" else []
        begun = now()
        fork = record.moved(created=begun, expires=begun + record.ttl)
        made, new = await self.open(Key(key.owner, name), fork, kept)
        if not new:
            raise StreamExists(f"there is a stream {name!r} already, at {made.position} steps")
        return made

    async def page(self, owner: str, *, model: str | None, after: str, limit: int) -> list[Listed]:
        """As `Store.page`."""
        return await self.store.page(owner, model=model, after=after, limit=limit)

    async def take(
        self, key: Key, steps: Steps, network: Network, deadline: float | None = None
    ) -> Taken:
        """Take steps, or answer again what was answered to the same ones.

        deadline: a `time.monotonic()` value; until then the turn of the stream is waited for.
        Raises StreamNotFound, WrongPosition, DeadlineExceeded, StoreFailed, and what `network`
        raises.
        """
        seconds = None if deadline is None else max(0.0, deadline - time.monotonic())
        await self._turns.take(key, seconds)  # not `async with`, which takes longer than a step
        try:
            return await self._take(key, self._hot.get(key), steps, network)
        except BaseException:
            # What was asked of the store may be done all the same.
            self._hot.drop(key)
            raise
        finally:
            self._turns.give(key)

    async def _take(self, key: Key, record: Record | None, steps: Steps, network: Network) -> Taken:
        told: dict[str, Any] | None = None
        fresh = record is None
        while True:
            if record is None:
                record, fresh = await self.store.load(key), True
            again = _answered(record, steps)
            if again is not None:
                metrics.STREAM_REPLAYS.inc()
                return again
            if steps.position not in (None, record.position):
                if fresh:
                    raise wrong_position(record, steps.position or 0)
                record = None
                continue
            moved = await network.follow(key, record)
            if moved is not None:
                if not await self.store.commit(Commit(key, record, moved.record)):
                    metrics.STREAM_CONFLICTS.inc()
                    record = None
                    continue
                record, told = moved.record, moved.told
            computed = await network.compute(record)
            commit = self.commit_of(key, record, steps, computed)
            started = time.monotonic()
            if not await self.store.commit(commit):
                metrics.STREAM_CONFLICTS.inc()
                record = None  # another process was first
                continue
            self._taken(commit, time.monotonic() - started)
            return Taken(
                commit.after,
                computed.version,
                commit.after.position,
                computed.content,
                moved=told,
            )

    def _taken(self, commit: Commit, seconds: float) -> None:
        """The store has taken what steps have led to, in so many seconds."""
        answer = commit.after.answer
        assert answer is not None
        metrics.STREAM_STORE_SECONDS.observe(seconds)
        model = commit.after.model.partition(".")[0]
        metrics.STREAM_STEPS.labels(model, answer.version).inc(answer.count)
        self._hot.put(commit.key, commit.after)

    def commit_of(self, key: Key, record: Record, steps: Steps, computed: Computed) -> Commit:
        """What is to be stored of steps. Raises InvalidInput if it is too large to be kept."""
        after = replace(
            record,
            position=record.position + computed.count,
            state=computed.state,
            expires=record.touched(now()),
            answer=Answer(
                record.position, computed.count, steps.digest, computed.version, computed.content
            ),
        )
        self._require_room(after)
        if computed.inputs is None:
            return Commit(key, record, after)
        oldest = after.position - self._options.replay_steps
        return Commit(
            key,
            record,
            after,
            Kept(record.position, computed.count, computed.inputs),
            oldest if oldest > 0 else None,
        )

    def _require_room(self, record: Record) -> None:
        if record.size > self._options.size:
            raise InvalidInput(
                f"the state and the answer have {record.size} bytes, too many to be kept",
                allowed=f"at most {self._options.size} bytes; fewer steps in one request, or fewer "
                "outputs, need less",
            )


def _answered(record: Record, steps: Steps) -> Taken | None:
    """The answer that was given to these steps, if they are those of the last request."""
    answer = record.answer
    if answer is None or steps.position != answer.start or steps.digest != answer.digest:
        return None
    end = answer.start + answer.count
    return Taken(record, answer.version, end, answer.content, replayed=True)
