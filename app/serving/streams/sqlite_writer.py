"""Writes to one SQLite file from one thread, many changes in one transaction. Knows SQL; no table.

A transaction waits for the disk. So whatever is asked for while one is written goes into the next
one together (group commit), and nobody is answered before the transaction of his change is done.
Several processes may write to one file: they wait for each other.
"""

import asyncio
import sqlite3
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, Final, Literal, TypeAlias

from app.errors import StoreFailed, UnrollError

Change: TypeAlias = Callable[[sqlite3.Connection], Any]

_LOCK_SECONDS: Final = 10.0  # that a process waits for another one to finish its transaction
_MOST: Final = 512  # changes in one transaction, about
_PARAMETERS: Final = 32_000  # of one statement; SQLite allows 32,766


@dataclass(frozen=True, slots=True)
class Update:
    """A statement that changes one row or none, and can be run for many rows at once.

    one: for a single row, with `parameters`. many: what begins and ends the same statement for
    several rows, whose parameters come from `VALUES` between the two.
    """

    one: str
    many: tuple[str, str]
    parameters: tuple[Any, ...]


@dataclass(slots=True)
class _Asked:
    """answer: of a result or an UnrollError for each of `what`."""

    what: Sequence[Change | Update]
    answer: "asyncio.Future[list[Any]]"


class Writer:
    """One thread with one connection. Its methods are for one event loop."""

    def __init__(self, path: Path, sync: Literal["full", "normal"]) -> None:
        """sync: SQLite's `synchronous`, which says when the disk is waited for."""
        self._path = path
        self._sync = sync
        self._queue: SimpleQueue[_Asked | None] = SimpleQueue()
        self._loop = asyncio.get_running_loop()
        self._thread = threading.Thread(None, self._live, "streams", daemon=True)
        self._thread.start()

    async def do(self, what: Change | Update) -> Any:
        """What `what` returns, or whether an update has changed its row, once it is committed.

        If it is cancelled the change may be made all the same. Raises StoreFailed, and what `what`
        raises, if that is an UnrollError; then nothing is changed.
        """
        [result] = await self.do_all((what,))
        if isinstance(result, UnrollError):
            raise result
        return result

    async def do_all(self, what: Iterable[Change | Update]) -> list[Any]:
        """What `do` returns or raises for each of several changes."""
        asked = _Asked(tuple(what), self._loop.create_future())
        self._queue.put(asked)
        return await asked.answer

    async def close(self) -> None:
        """Commit what was asked for, and end the thread."""
        self._queue.put(None)
        await asyncio.to_thread(self._thread.join)

    def _live(self) -> None:
        connection: sqlite3.Connection | None = None
        more = True
        while more:
            batch, more = self._next()
            if not batch:
                break
            wanted = [what for each in batch for what in each.what]
            try:
                connection = connection or connect(self._path, self._sync)
                results = _committed(connection, wanted)
            except sqlite3.Error as error:
                results = [failure(error)] * len(wanted)
                if connection is not None:  # a disk that is well again is opened anew
                    connection.close()
                connection = None
            try:
                self._loop.call_soon_threadsafe(_resolve, batch, results)
            except RuntimeError:  # the loop is closed: nobody waits any more
                break
        if connection is not None:
            connection.close()

    def _next(self) -> tuple[list[_Asked], bool]:
        """(what is asked, in its order; whether there can be more after it)."""
        found: list[_Asked] = []
        count = 0
        asked = self._queue.get()
        while asked is not None:
            found.append(asked)
            count += len(asked.what)
            if count >= _MOST:
                return found, True
            try:
                asked = self._queue.get_nowait()
            except Empty:
                return found, True
        return found, False


def connect(path: Path, sync: Literal["full", "normal"]) -> sqlite3.Connection:
    """A connection that begins and ends its transactions by itself. Raises sqlite3.Error."""
    connection = sqlite3.connect(
        path, timeout=_LOCK_SECONDS, isolation_level=None, check_same_thread=False
    )
    connection.execute(f"PRAGMA synchronous={sync}")
    return connection


def failure(error: Exception) -> StoreFailed:
    """What SQLite says, in one line."""
    return StoreFailed(f"the store of streams failed: {error}")


def _committed(connection: sqlite3.Connection, wanted: Sequence[Change | Update]) -> list[Any]:
    """Results or errors, in order, of what was done in one transaction. Raises sqlite3.Error."""
    try:
        return _transaction(connection, wanted, at_once=True)
    except _NotAll:
        return _transaction(connection, wanted, at_once=False)


class _NotAll(Exception):
    """Some of many rows were not changed."""


def _transaction(
    connection: sqlite3.Connection, wanted: Sequence[Change | Update], *, at_once: bool
) -> list[Any]:
    results: list[Any] = [True] * len(wanted)
    connection.execute("BEGIN IMMEDIATE")
    try:
        updates: dict[str, list[Update]] = {}
        for place, each in enumerate(wanted):
            if isinstance(each, Update) and at_once:
                updates.setdefault(each.one, []).append(each)
            elif isinstance(each, Update):
                results[place] = connection.execute(each.one, each.parameters).rowcount == 1
            else:
                results[place] = _done(connection, each)
        for same in updates.values():
            _update_all(connection, same)
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    return results


def _update_all(connection: sqlite3.Connection, updates: Sequence[Update]) -> None:
    """Change all rows, or raise _NotAll.

    One statement for many rows, since each one gives up the interpreter's lock, which takes up to
    a millisecond to get back while the event loop is busy. Powers of two, so that few statements
    are prepared.
    """
    at, width = 0, len(updates[0].parameters)
    while at < len(updates):
        count = 1 << (min(len(updates) - at, _PARAMETERS // width).bit_length() - 1)
        part = updates[at : at + count]
        at += count
        if count == 1:
            changed = connection.execute(part[0].one, part[0].parameters).rowcount
        else:
            row = f"({','.join('?' * width)})"
            begin, end = part[0].many
            statement = f"{begin}{','.join([row] * count)}{end}"
            parameters = [value for each in part for value in each.parameters]
            changed = connection.execute(statement, parameters).rowcount
        if changed != count:
            raise _NotAll


def _done(connection: sqlite3.Connection, change: Change) -> Any:
    """What a change returns, or its error, after which it has changed nothing."""
    connection.execute("SAVEPOINT change")
    try:
        result = change(connection)
    except (sqlite3.Error, UnrollError) as error:
        connection.execute("ROLLBACK TO change")
        result = failure(error) if isinstance(error, sqlite3.Error) else error
    connection.execute("RELEASE change")
    return result


def _resolve(batch: Sequence[_Asked], results: Sequence[Any]) -> None:
    at = 0
    for asked in batch:
        end = at + len(asked.what)
        if not asked.answer.done():  # else it was cancelled
            asked.answer.set_result(list(results[at:end]))
        at = end
