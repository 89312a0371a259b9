"""The tables of the SQLite file of streams, and a record as one row. Knows SQL; opens nothing."""

import sqlite3
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, Literal

from app.errors import StoreFailed
from app.serving.streams.records import Answer, Record
from app.serving.streams.sqlite_writer import connect

FORMAT: Final = 1
_SECONDS: Final = 10.0  # for which another process may hold the file while it is made
_PAUSE_SECONDS: Final = 0.02

TABLES: Final = """
CREATE TABLE IF NOT EXISTS streams (
    owner TEXT NOT NULL, name TEXT NOT NULL, token INTEGER NOT NULL,
    model TEXT NOT NULL, version TEXT NOT NULL, digest TEXT NOT NULL, policy TEXT NOT NULL,
    ttl REAL NOT NULL, created REAL NOT NULL, expires REAL NOT NULL,
    position INTEGER NOT NULL, state BLOB NOT NULL,
    answer_start INTEGER, answer_count INTEGER, answer_digest BLOB, answer_version TEXT,
    answer BLOB, base TEXT NOT NULL, UNIQUE (owner, name)
);
CREATE INDEX IF NOT EXISTS streams_expires ON streams (expires);
CREATE INDEX IF NOT EXISTS streams_pinned ON streams (base, version) WHERE policy = 'pin';
CREATE TABLE IF NOT EXISTS kept (
    owner TEXT NOT NULL, name TEXT NOT NULL, start INTEGER NOT NULL, count INTEGER NOT NULL,
    content BLOB NOT NULL, PRIMARY KEY (owner, name, start)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS gone (
    owner TEXT NOT NULL, name TEXT NOT NULL, until REAL NOT NULL, PRIMARY KEY (owner, name)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS gone_until ON gone (until);
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value) WITHOUT ROWID;
INSERT OR IGNORE INTO facts VALUES ('streams', 0);
CREATE TRIGGER IF NOT EXISTS more AFTER INSERT ON streams
    BEGIN UPDATE facts SET value = value + 1 WHERE name = 'streams'; END;
CREATE TRIGGER IF NOT EXISTS less AFTER DELETE ON streams
    BEGIN UPDATE facts SET value = value - 1 WHERE name = 'streams'; END;
"""
COLUMNS: Final = (
    *("token", "model", "version", "digest", "policy", "ttl", "created", "expires"),
    *("position", "state"),
    *("answer_start", "answer_count", "answer_digest", "answer_version", "answer"),
)
SELECT: Final = f"SELECT {', '.join(COLUMNS)} FROM streams WHERE owner = ? AND name = ?"
INSERT: Final = (
    f"INSERT INTO streams (owner, name, base, {', '.join(COLUMNS)}) "
    f"VALUES ({', '.join('?' * (3 + len(COLUMNS)))})"
)
SET: Final = (
    f"UPDATE streams SET {', '.join(f'{each} = ?' for each in COLUMNS)} "
    "WHERE owner = ? AND name = ? AND token = ? AND position = ?"
)
# What most steps change: nothing that an index holds.
CHANGED: Final = COLUMNS[8:]
STEP: Final = (
    f"UPDATE streams SET {', '.join(f'{each} = ?{i}' for i, each in enumerate(CHANGED, 5))} "
    "WHERE owner = ?1 AND name = ?2 AND token = ?3 AND position = ?4"
)
STEPS: Final = (
    "UPDATE streams SET "
    + ", ".join(f"{each} = new.column{i}" for i, each in enumerate(CHANGED, 5))
    + " FROM (VALUES ",
    ") AS new WHERE streams.owner = new.column1 AND streams.name = new.column2 "
    "AND streams.token = new.column3 AND streams.position = new.column4",
)


def make_file(path: Path, sync: Literal["full", "normal"]) -> None:
    """Make the folder, the file and its tables, where they are not there. Raises StoreFailed."""
    end = time.monotonic() + _SECONDS
    while True:
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            return _make_tables(path, sync)
        except (OSError, sqlite3.Error) as error:
            # Of two processes that make the file, one is told that it is locked, without waiting.
            if "locked" not in str(error) or time.monotonic() > end:
                raise StoreFailed(f"streams cannot be kept in {path.parent}: {error}") from error
            time.sleep(_PAUSE_SECONDS)


def _make_tables(path: Path, sync: Literal["full", "normal"]) -> None:
    connection = connect(path, sync)
    try:
        connection.execute("PRAGMA journal_mode=WAL")
        [(found,)] = connection.execute("PRAGMA user_version")
        if found not in (0, FORMAT):
            raise StoreFailed(f"{path} is of another release: its format is {found}")
        if found == 0:
            connection.executescript(
                f"BEGIN IMMEDIATE; {TABLES} PRAGMA user_version = {FORMAT}; COMMIT;"
            )
    finally:
        connection.close()


def base_of(model: str) -> str:
    """The name of the model, without that of a graph."""
    return model.partition(".")[0]


def row_of(record: Record) -> tuple[Any, ...]:
    """The values of COLUMNS."""
    answer = record.answer
    kept = (
        (None,) * 5
        if answer is None
        else (answer.start, answer.count, answer.digest, answer.version, answer.content)
    )
    return (
        *(record.token, record.model, record.version, record.digest, record.policy, record.ttl),
        *(record.created, record.expires, record.position, record.state, *kept),
    )


def record_from(row: Sequence[Any]) -> Record:
    """What `row_of` made this row of."""
    answer = None if row[10] is None else Answer(*row[10:])
    fields: dict[str, Any] = dict(zip(COLUMNS, row[:10], strict=False))
    return Record(**fields, answer=answer)
