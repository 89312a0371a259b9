"""Streams in one SQLite file, which several processes of a machine may share. Knows its tables.

Nothing is made on the disk before the first stream is.
"""

import asyncio
import secrets
import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, Literal, TypeVar

from app.serving.runtime.executor import started_executor
from app.serving.streams.records import Kept, Key, Listed, Record, now
from app.serving.streams.sqlite_tables import (
    INSERT,
    SELECT,
    SET,
    STEP,
    STEPS,
    base_of,
    make_file,
    record_from,
    row_of,
)
from app.serving.streams.sqlite_writer import Change, Update, Writer, connect, failure
from app.serving.streams.store import REMEMBERED_SECONDS, Commit
from app.serving.streams.words import expired, not_found, too_many

T = TypeVar("T")
FILE_NAME: Final = "streams.sqlite"


class SqliteStore:
    """Implements `Store`. Its methods are for one event loop."""

    kind = "sqlite"

    def __init__(self, folder: Path, sync: Literal["full", "normal"] = "full") -> None:
        self._path = folder / FILE_NAME
        self._sync: Literal["full", "normal"] = sync
        self._writer: Writer | None = None
        self._starting = asyncio.Lock()
        self._connection: sqlite3.Connection | None = None  # of the thread that reads
        self._reader = started_executor(1, "streams-read")

    async def open(self) -> None:
        """Nothing to do before the first stream."""

    async def close(self) -> None:
        if self._writer is not None:
            await self._writer.close()
        await asyncio.get_running_loop().run_in_executor(self._reader, self._disconnect)
        self._reader.shutdown()

    async def secret(self) -> bytes:
        def make(connection: sqlite3.Connection) -> bytes:
            new = ("secret", secrets.token_bytes(32))
            connection.execute("INSERT OR IGNORE INTO facts VALUES (?, ?)", new)
            [(found,)] = connection.execute("SELECT value FROM facts WHERE name = 'secret'")
            return bytes(found)

        found: bytes = await (await self._writing()).do(make)
        return found

    async def create(
        self, key: Key, record: Record, limit: int, kept: Sequence[Kept] = ()
    ) -> Record | None:
        def make(connection: sqlite3.Connection) -> Record | None:
            row = connection.execute(SELECT, key).fetchone()
            if row is not None:
                found = record_from(row)
                if found.expires > now():
                    return found
                _forget(connection, key)
            [(count,)] = connection.execute("SELECT value FROM facts WHERE name = 'streams'")
            if count >= limit:
                raise too_many(limit)
            connection.execute("DELETE FROM gone WHERE owner = ? AND name = ?", key)
            connection.execute(INSERT, (*key, base_of(record.model), *row_of(record)))
            connection.executemany(
                "INSERT INTO kept VALUES (?, ?, ?, ?, ?)",
                [(*key, each.start, each.count, each.content) for each in kept],
            )
            return None

        found: Record | None = await (await self._writing()).do(make)
        return found

    async def load(self, key: Key) -> Record:
        def read(connection: sqlite3.Connection) -> Record:
            row = connection.execute(SELECT, key).fetchone()
            if row is not None:
                found = record_from(row)
                if found.expires > now():
                    return found
                raise expired(key)
            gone = connection.execute("SELECT until FROM gone WHERE owner = ? AND name = ?", key)
            until = gone.fetchone()
            raise expired(key) if until is not None and until[0] > now() else not_found(key)

        found = await self._read(read)
        if found is None:
            raise not_found(key)
        return found

    async def commit(self, commit: Commit) -> bool:
        return bool(await (await self._writing()).do(_change(commit)))

    async def commit_all(self, commits: Sequence[Commit]) -> list[bool | BaseException]:
        return await (await self._writing()).do_all(map(_change, commits))

    async def delete(self, key: Key) -> bool:
        def forget(connection: sqlite3.Connection) -> bool:
            where = "FROM streams WHERE owner = ? AND name = ?"
            row = connection.execute(f"SELECT expires {where}", key).fetchone()
            live = row is not None and row[0] > now()
            if live:
                _forget(connection, key)
            return live

        return self._exists() and bool(await (await self._writing()).do(forget))

    async def kept(self, key: Key) -> list[Kept]:
        statement = "SELECT start, count, content FROM kept WHERE owner = ? AND name = ?"

        def read(connection: sqlite3.Connection) -> list[Kept]:
            found = connection.execute(f"{statement} ORDER BY start", key)
            return [Kept(*row) for row in found]

        return await self._read(read) or []

    async def page(self, owner: str, *, model: str | None, after: str, limit: int) -> list[Listed]:
        statement = (
            "SELECT name, model, version, policy, ttl, created, expires, position FROM streams "
            "WHERE owner = ?1 AND name > ?2 AND expires > ?3 AND (?4 IS NULL OR model = ?4) "
            "ORDER BY name LIMIT ?5"
        )

        def read(connection: sqlite3.Connection) -> list[Listed]:
            found = connection.execute(statement, (owner, after, now(), model, limit))
            return [Listed(*row) for row in found]

        return await self._read(read) or []

    async def expire(self, limit: int) -> int:
        def forget(connection: sqlite3.Connection) -> int:
            time = now()
            connection.execute("DELETE FROM gone WHERE until <= ?", (time,))
            over = connection.execute(
                "SELECT owner, name FROM streams WHERE expires <= ? LIMIT ?", (time, limit)
            ).fetchall()
            for row in over:
                key = Key(*row)
                _forget(connection, key)
                new = (*key, time + REMEMBERED_SECONDS)
                connection.execute("INSERT OR REPLACE INTO gone VALUES (?, ?, ?)", new)
            return len(over)

        def is_due(connection: sqlite3.Connection) -> bool:
            statement = (
                "SELECT EXISTS (SELECT 1 FROM streams WHERE expires <= ?1) "
                "OR EXISTS (SELECT 1 FROM gone WHERE until <= ?1)"
            )
            [(due,)] = connection.execute(statement, (now(),))
            return bool(due)

        if not await self._read(is_due):
            return 0
        return int(await (await self._writing()).do(forget))

    async def count(self) -> int:
        def read(connection: sqlite3.Connection) -> int:
            [(count,)] = connection.execute("SELECT value FROM facts WHERE name = 'streams'")
            return int(count)

        return await self._read(read) or 0

    async def holds(self, model: str, version: str) -> bool:
        statement = (
            "SELECT 1 FROM streams WHERE base = ? AND version = ? AND policy = 'pin' "
            "AND expires > ? LIMIT 1"
        )

        def read(connection: sqlite3.Connection) -> bool:
            return connection.execute(statement, (model, version, now())).fetchone() is not None

        return bool(await self._read(read))

    def _exists(self) -> bool:
        return self._writer is not None or self._path.exists()

    async def _writing(self) -> Writer:
        """The writer, started if it must be. Raises StoreFailed."""
        if self._writer is None:
            async with self._starting:
                if self._writer is None:
                    # In a thread: another process may be making the file.
                    await asyncio.to_thread(make_file, self._path, self._sync)
                    self._writer = Writer(self._path, self._sync)
        return self._writer

    async def _read(self, read: Callable[[sqlite3.Connection], T]) -> T | None:
        """What `read` returns; None where there is no file yet. Raises StoreFailed."""
        if not self._exists():
            return None
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._reader, self._connected, read)

    def _connected(self, read: Callable[[sqlite3.Connection], T]) -> T:
        try:
            if self._connection is None:
                make_file(self._path, self._sync)
                self._connection = connect(self._path, self._sync)
            return read(self._connection)
        except sqlite3.Error as error:
            raise failure(error) from error

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()


def _change(commit: Commit) -> Change | Update:
    """What makes a commit; most are an update of one row that many others may share."""
    key, before, after = commit.key, commit.before, commit.after
    row = row_of(after)
    where = (*key, before.token, before.position)
    if commit.kept is None and commit.forget_before is None and row[:8] == row_of(before)[:8]:
        return Update(STEP, STEPS, (*where, *row[8:]))

    def change(connection: sqlite3.Connection) -> bool:
        if connection.execute(SET, (*row, *where)).rowcount != 1:
            return False
        if commit.forget_before is not None:
            connection.execute(
                "DELETE FROM kept WHERE owner = ? AND name = ? AND start < ?",
                (*key, commit.forget_before),
            )
        if commit.kept is not None:
            kept = commit.kept
            connection.execute(
                "INSERT OR REPLACE INTO kept VALUES (?, ?, ?, ?, ?)",
                (*key, kept.start, kept.count, kept.content),
            )
        return True

    return change


def _forget(connection: sqlite3.Connection, key: Key) -> None:
    connection.execute("DELETE FROM streams WHERE owner = ? AND name = ?", key)
    connection.execute("DELETE FROM kept WHERE owner = ? AND name = ?", key)
