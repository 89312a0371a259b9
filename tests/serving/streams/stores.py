"""The stores that tests ask, the real Redis among them. Knows how each is started."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from app.serving.streams.memory import MemoryStore
from app.serving.streams.records import Record, new_token, now
from app.serving.streams.redis import RedisStore
from app.serving.streams.sqlite import SqliteStore
from app.serving.streams.store import Store

REDIS: Final = shutil.which("redis-server")
NO_REDIS: Final = "there is no redis-server; Debian's package redis-server has it"


@contextmanager
def redis_server(folder: Path, *more: str) -> Iterator[str]:
    """The URL of a Redis of its own, which writes nothing if no option says `more`."""
    assert REDIS is not None
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    options = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)]
    environment = {key: value for key, value in os.environ.items() if key != "REDIS_URL"}
    process = subprocess.Popen(
        [REDIS, *options, *more],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=environment,
    )
    try:
        end = time.monotonic() + 30
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                assert time.monotonic() < end, "redis-server did not start"
                time.sleep(0.02)
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        process.terminate()
        process.wait(30)


def store_of(kind: str, folder: Path, url: str = "") -> Store:
    """A store of this kind that is not open yet."""
    if kind == "memory":
        return MemoryStore()
    return SqliteStore(folder) if kind == "sqlite" else RedisStore(url)


def record(**changes: Any) -> Record:
    """A stream that has taken no step."""
    fields: dict[str, Any] = {
        "token": new_token(),
        "model": "lstm",
        "version": "1",
        "digest": "d" * 64,
        "policy": "pin",
        "ttl": 3600.0,
        "created": now(),
        "expires": now() + 3600.0,
        "position": 0,
        "state": b"\x00\x01state\xff",
    }
    return Record(**(fields | changes))
