"""Streams in the memory of one process, which end with it. Knows dicts."""

import secrets
from bisect import bisect_right, insort
from collections.abc import Sequence

from app.errors import StreamNotFound
from app.serving.streams.records import Kept, Key, Listed, Record, now
from app.serving.streams.store import REMEMBERED_SECONDS, Commit
from app.serving.streams.words import expired, not_found, too_many


class MemoryStore:
    """For tests, and for streams that need not outlive the process. Implements `Store`."""

    kind = "memory"

    def __init__(self) -> None:
        self._records: dict[Key, Record] = {}
        self._kept: dict[Key, list[Kept]] = {}
        self._names: dict[str, list[str]] = {}  # by owner, sorted
        self._gone: dict[Key, float] = {}  # expired ones, and until when that is remembered
        self._secret = secrets.token_bytes(32)

    async def open(self) -> None:
        """Nothing to do."""

    async def close(self) -> None:
        """Nothing to do."""

    async def secret(self) -> bytes:
        return self._secret

    async def create(
        self, key: Key, record: Record, limit: int, kept: Sequence[Kept] = ()
    ) -> Record | None:
        found = self._records.get(key)
        if found is not None and found.expires > now():
            return found
        if found is None and len(self._records) >= limit:
            raise too_many(limit)
        if found is None:
            insort(self._names.setdefault(key.owner, []), key.name)
        self._records[key] = record
        self._kept.pop(key, None)
        self._gone.pop(key, None)
        if kept:
            self._kept[key] = list(kept)
        return None

    async def load(self, key: Key) -> Record:
        found = self._records.get(key)
        if found is not None and found.expires > now():
            return found
        if found is not None or self._gone.get(key, 0.0) > now():
            raise expired(key)
        raise not_found(key)

    async def commit(self, commit: Commit) -> bool:
        try:
            found = await self.load(commit.key)
        except StreamNotFound:
            return False
        before = commit.before
        if (found.token, found.position) != (before.token, before.position):
            return False
        self._records[commit.key] = commit.after
        if commit.forget_before is not None and commit.key in self._kept:
            kept = self._kept[commit.key]
            self._kept[commit.key] = [each for each in kept if each.start >= commit.forget_before]
        if commit.kept is not None:
            self._kept.setdefault(commit.key, []).append(commit.kept)
        return True

    async def commit_all(self, commits: Sequence[Commit]) -> list[bool | BaseException]:
        return [await self.commit(each) for each in commits]

    async def delete(self, key: Key) -> bool:
        live = key in self._records and self._records[key].expires > now()
        if live:
            self._forget(key)
        return live

    async def kept(self, key: Key) -> list[Kept]:
        return list(self._kept.get(key, ()))

    async def page(self, owner: str, *, model: str | None, after: str, limit: int) -> list[Listed]:
        names = self._names.get(owner, [])
        found: list[Listed] = []
        for name in names[bisect_right(names, after) :]:
            record = self._records[Key(owner, name)]
            if record.expires > now() and model in (None, record.model):
                found.append(listed(name, record))
                if len(found) == limit:
                    break
        return found

    async def expire(self, limit: int) -> int:
        time = now()
        over = [key for key, record in self._records.items() if record.expires <= time][:limit]
        for key in over:
            self._forget(key)
            self._gone[key] = time + REMEMBERED_SECONDS
        for key in [key for key, until in self._gone.items() if until <= time]:
            del self._gone[key]
        return len(over)

    async def count(self) -> int:
        return len(self._records)

    async def holds(self, model: str, version: str) -> bool:
        return any(
            each.policy == "pin"
            and each.version == version
            and each.model.partition(".")[0] == model
            and each.expires > now()
            for each in self._records.values()
        )

    def _forget(self, key: Key) -> None:
        if self._records.pop(key, None) is not None:
            names = self._names[key.owner]
            del names[bisect_right(names, key.name) - 1]
        self._kept.pop(key, None)


def listed(name: str, record: Record) -> Listed:
    """What a list says of a stream."""
    return Listed(
        name,
        record.model,
        record.version,
        record.policy,
        record.ttl,
        record.created,
        record.expires,
        record.position,
    )
