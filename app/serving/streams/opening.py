"""Which store the settings ask for. Knows all of them by name."""

from app.errors import ConfigurationError
from app.serving.streams.hot import HotOptions
from app.serving.streams.memory import MemoryStore
from app.serving.streams.redis import RedisStore
from app.serving.streams.sqlite import SqliteStore
from app.serving.streams.steps import StreamOptions, Streams
from app.serving.streams.store import Store
from app.settings import Settings


def streams_of(settings: Settings) -> Streams:
    """The streams of a process, on a store that is not open yet. Raises ConfigurationError."""
    return Streams(
        _store_of(settings),
        StreamOptions(settings.max_streams, settings.max_stream_bytes, settings.max_replay_steps),
        HotOptions(settings.hot_streams, settings.hot_streams_bytes, settings.hot_streams_seconds),
    )


def _store_of(settings: Settings) -> Store:
    if settings.streams_url.startswith("memory:"):
        if settings.workers > 1:
            raise ConfigurationError(
                "UNROLL_STREAMS_URL: memory:// is the memory of one process, and UNROLL_WORKERS "
                f"asks for {settings.workers}; leave it empty for SQLite, or name a Redis"
            )
        return MemoryStore()
    if settings.streams_url:
        return RedisStore(settings.streams_url)
    return SqliteStore(settings.streams_dir, settings.streams_sync)
