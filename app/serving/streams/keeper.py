"""What is done for streams from time to time. Knows the store and the versions that are held."""

import asyncio
from typing import Final

from app.errors import StoreFailed
from app.serving.models.repository import Repository
from app.serving.streams.steps import Streams
from app.telemetry import metrics
from app.telemetry.log import get_logger

_SECONDS: Final = 5.0
_AT_ONCE: Final = 1000  # streams that expire in one go, while others wait
_log = get_logger(__name__)


async def keep(streams: Streams, repository: Repository, seconds: float = _SECONDS) -> None:
    """Let go of what has expired, of memory, and of versions without streams; for ever.

    A store that fails is asked again the next time.
    """
    failing = False
    while True:
        await asyncio.sleep(seconds)
        try:
            await keep_once(streams, repository)
        except StoreFailed as error:
            metrics.STREAM_STORE_FAILURES.inc()
            if not failing:
                _log.error("streams_store_failed", reason=error.message)
            failing = True
        else:
            failing = False


async def keep_once(streams: Streams, repository: Repository) -> None:
    """One round of it. Raises StoreFailed."""
    streams.trim()
    while gone := await streams.store.expire(_AT_ONCE):
        metrics.STREAMS_EXPIRED.inc(gone)
        if gone < _AT_ONCE:
            break
    metrics.STREAMS.set(await streams.store.count())
    metrics.STREAMS_LIMIT.set(streams.limit)
    metrics.STREAMS_HOT.set(streams.hot)
    served = {each.name: each.version for each in repository.loaded()}
    for model in repository.held.all():
        again = served.get(model.name) == model.version
        if again or not await streams.store.holds(model.name, model.version):
            await asyncio.to_thread(repository.held.release, model)
