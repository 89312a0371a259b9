"""Streams in a Redis that several machines share. Knows its commands; scripts stand beside.

What is asked for in one turn of the event loop goes out together. Nothing is sent a second time by
itself: it may have been done, and only the answer got lost.
"""

import asyncio
import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, NoReturn

from app.errors import ConfigurationError, StoreFailed
from app.serving.streams.records import Kept, Key, Listed, Record, now
from app.serving.streams.redis_rows import (
    FIRST_CHANGED,
    LISTED,
    fields_of,
    listed_from,
    packed,
    record_from,
    unpacked,
)
from app.serving.streams.redis_scripts import COMMIT, CREATE, DELETE, EXPIRE, PREFIX
from app.serving.streams.store import REMEMBERED_SECONDS, Commit
from app.serving.streams.words import expired, not_found, too_many

_SECONDS: Final = 5.0  # that Redis may take to answer
_PAGE: Final = 200  # names that are read at a time


@dataclass(slots=True)
class _Call:
    script: str
    arguments: tuple[Any, ...]
    answer: "asyncio.Future[Any]"


class RedisStore:
    """Implements `Store`. Its methods are for one event loop."""

    kind = "redis"

    def __init__(self, url: str) -> None:
        """Nothing is asked before the first call.

        Raises ConfigurationError for a URL that is none, and where the client is not installed.
        """
        try:
            import redis.asyncio
            import redis.exceptions
            from redis.asyncio.retry import Retry
            from redis.backoff import NoBackoff
        except ImportError:
            raise ConfigurationError(
                "UNROLL_STREAMS_URL: a Redis needs its client: pip install 'unroll[redis]'"
            ) from None
        self._errors = redis.exceptions
        self._client: Any  # its types tell apart what its settings say, and these know no settings
        try:
            self._client = redis.asyncio.Redis.from_url(
                url,
                retry=Retry(NoBackoff(), 0),
                socket_timeout=_SECONDS,
                socket_connect_timeout=_SECONDS,
            )
        except ValueError as error:
            raise ConfigurationError(f"UNROLL_STREAMS_URL: {error}") from None
        self._calls: list[_Call] = []
        self._sending: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        """Nothing to do before the first call."""

    async def close(self) -> None:
        if self._sending:
            await asyncio.wait(self._sending)
        await self._client.aclose()

    async def secret(self) -> bytes:
        try:
            await self._client.set(f"{PREFIX}secret", secrets.token_bytes(32), nx=True)
            return bytes(await self._client.get(f"{PREFIX}secret"))
        except self._errors.RedisError as error:
            self._fail(error)

    async def create(
        self, key: Key, record: Record, limit: int, kept: Sequence[Kept] = ()
    ) -> Record | None:
        fields = fields_of(record)
        inputs = [part for each in kept for part in (each.start, packed(each))]
        facts = (limit, record.expires, record.model, record.version, record.policy)
        arguments = (*_who(key), *facts, len(fields), *fields, *inputs)
        found = await self._call(CREATE, *arguments)
        if found == b"made":
            return None
        if found == b"full":
            raise too_many(limit)
        return record_from(dict(zip(found[::2], found[1::2], strict=True)))

    async def load(self, key: Key) -> Record:
        try:
            async with self._client.pipeline(transaction=False) as pipe:
                pipe.hgetall(f"{PREFIX}s:{_member(key)}")
                pipe.exists(f"{PREFIX}g:{_member(key)}")
                found, gone = await pipe.execute()
        except self._errors.RedisError as error:
            self._fail(error)
        record = record_from(found) if found else None
        if record is not None and record.expires > now():
            return record
        raise expired(key) if record is not None or gone else not_found(key)

    async def commit(self, commit: Commit) -> bool:
        before, after, kept = commit.before, commit.after, commit.kept
        plain = replace(after, position=before.position, state=before.state, answer=before.answer)
        small = plain == before
        fields = fields_of(after)
        changed = await self._call(
            COMMIT,
            *_who(commit.key),
            *(before.token, before.position, "" if small else after.expires),
            *(after.model, before.version, after.version, after.policy),
            "" if commit.forget_before is None else commit.forget_before,
            *(("", "") if kept is None else (kept.start, packed(kept))),
            *(fields[FIRST_CHANGED:] if small else fields),
        )
        return bool(changed)

    async def commit_all(self, commits: Sequence[Commit]) -> list[bool | BaseException]:
        return await asyncio.gather(*map(self.commit, commits), return_exceptions=True)

    async def delete(self, key: Key) -> bool:
        return bool(await self._call(DELETE, *_who(key)))

    async def kept(self, key: Key) -> list[Kept]:
        try:
            found = await self._client.zrange(f"{PREFIX}k:{_member(key)}", 0, -1)
        except self._errors.RedisError as error:
            self._fail(error)
        return [unpacked(each) for each in found]

    async def page(self, owner: str, *, model: str | None, after: str, limit: int) -> list[Listed]:
        listed: list[Listed] = []
        low = f"({after}" if after else "-"
        try:
            while len(listed) < limit:
                names = await self._client.zrangebylex(f"{PREFIX}n:{owner}", low, "+", 0, _PAGE)
                async with self._client.pipeline(transaction=False) as pipe:
                    for name in names:
                        pipe.hmget(f"{PREFIX}s:{owner}:{name.decode()}", *LISTED)
                    rows = await pipe.execute() if names else []
                for name, row in zip(names, rows, strict=True):
                    if row[0] is not None and model in (None, row[0].decode()):
                        listed.append(listed_from(name, row))
                if len(names) < _PAGE:
                    break
                low = f"({names[-1].decode()}"
        except self._errors.RedisError as error:
            self._fail(error)
        return [each for each in listed if each.expires > now()][:limit]

    async def expire(self, limit: int) -> int:
        seconds = int(REMEMBERED_SECONDS)
        return int(await self._call(EXPIRE, *_who(Key("", "")), limit, seconds))

    async def count(self) -> int:
        try:
            return int(await self._client.zcard(f"{PREFIX}e"))
        except self._errors.RedisError as error:
            self._fail(error)

    async def holds(self, model: str, version: str) -> bool:
        try:
            return bool(await self._client.exists(f"{PREFIX}v:{model}:{version}"))
        except self._errors.RedisError as error:
            self._fail(error)

    async def _call(self, script: str, *arguments: Any) -> Any:
        loop = asyncio.get_running_loop()
        if not self._calls:
            loop.call_soon(self._send)
        call = _Call(script, arguments, loop.create_future())
        self._calls.append(call)
        return await call.answer

    def _send(self) -> None:
        calls, self._calls = self._calls, []
        task = asyncio.get_running_loop().create_task(self._sent(calls))
        self._sending.add(task)  # a task that nobody holds may be collected
        task.add_done_callback(self._sending.discard)

    async def _sent(self, calls: Sequence[_Call]) -> None:
        """Send scripts by their digests, and as they are those that Redis does not know."""
        try:
            results = await self._run(calls, known=True)
            unknown = [
                place
                for place, each in enumerate(results)
                if isinstance(each, self._errors.NoScriptError)
            ]
            if unknown:
                again = await self._run([calls[place] for place in unknown], known=False)
                for place, result in zip(unknown, again, strict=True):
                    results[place] = result
        except (self._errors.RedisError, OSError) as error:
            results = [error] * len(calls)
        for call, result in zip(calls, results, strict=True):
            if call.answer.done():
                continue
            if isinstance(result, Exception):
                call.answer.set_exception(_failure(result))
            else:
                call.answer.set_result(result)

    async def _run(self, calls: Sequence[_Call], *, known: bool) -> list[Any]:
        async with self._client.pipeline(transaction=False) as pipe:
            for each in calls:
                if known:
                    pipe.evalsha(_digest(each.script), 0, *each.arguments)
                else:
                    pipe.eval(each.script, 0, *each.arguments)
            found: list[Any] = await pipe.execute(raise_on_error=False)
            return found

    def _fail(self, error: Exception) -> NoReturn:
        raise _failure(error) from error


_digests: Final[dict[str, str]] = {}


def _digest(script: str) -> str:
    """By which Redis knows a script; it is no secret."""
    if script not in _digests:
        _digests[script] = hashlib.sha1(script.encode(), usedforsecurity=False).hexdigest()
    return _digests[script]


def _failure(error: Exception) -> StoreFailed:
    return StoreFailed(f"the store of streams failed: {error}")


def _member(key: Key) -> str:
    return f"{key.owner}:{key.name}"


def _who(key: Key) -> tuple[Any, ...]:
    """What every script begins with."""
    return _member(key), key.owner, key.name, now()
