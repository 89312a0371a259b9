"""Runs the application under uvicorn. Knows signals and sockets; no route and no model."""

import gc
import os
import sys
import time
from functools import partial
from types import FrameType
from typing import Any, Final

import uvicorn

from app.api.application import Application
from app.http.connection import Connection
from app.http.dispatch import Dispatcher
from app.http.ports import shared_socket
from app.http.unsent import Unsent
from app.settings import Settings
from app.telemetry import log, uncaught
from app.telemetry.deferred import run_deferred
from app.telemetry.deferred import start as start_deferred
from app.telemetry.log import get_logger

# Connections that are still open when the work is done: idle ones, or a client that will not read.
CLOSING_SECONDS: Final = 2

# Objects more than before a search among the young; of those as many as before one among the older;
# and of those before one among all, which is rare.
_GARBAGE: Final = (700, 5, 300)
# For which a thread may hold the interpreter while another waits: five times less than usual, so
# that the event loop soon goes on when a worker prepares a batch.
_SWITCH_SECONDS: Final = 0.001
_log = get_logger(__name__)


class DrainingServer(uvicorn.Server):
    """On a signal: not ready, finish what was accepted, then stop; on a second one, end at once.

    uvicorn alone would close its sockets first, so that nobody could ask whether it is ready, and
    would end with the signal instead of the exit code 0.
    """

    def __init__(self, config: uvicorn.Config, app: Application) -> None:
        super().__init__(config)
        self._lifecycle = app.services.lifecycle
        self._drain_timeout = app.services.settings.drain_timeout_seconds
        self._drain_end: float | None = None

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """The signal handler: it runs between any two instructions, so it does next to nothing."""
        if self._drain_end is None:
            self._lifecycle.drain()
            self._drain_end = time.monotonic() + self._drain_timeout
        else:
            # Nothing in order: what still computes in a thread would have to be waited for.
            os._exit(128 + sig)

    async def on_tick(self, counter: int) -> bool:
        """Called every tenth of a second; true ends the main loop."""
        if self._drain_end is not None and not self.should_exit:
            late = time.monotonic() >= self._drain_end
            if late and self._lifecycle.in_flight:
                _log.warning("drain_timeout", in_flight=self._lifecycle.in_flight)
            self.should_exit = late or not self._lifecycle.in_flight
        return await super().on_tick(counter)


def connection_class(dispatcher: Dispatcher, settings: Settings) -> Any:
    """What uvicorn calls for every connection of one event loop, as it does its own classes."""
    unsent = Unsent(settings.max_unsent_bytes, settings.write_timeout_seconds)
    return partial(Connection, dispatcher, unsent, settings.max_head_bytes)


def make_server(app: Application, settings: Settings) -> DrainingServer:
    """A server for `app`; `run` it, or `serve` it in a running event loop."""
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        http=connection_class(Dispatcher(app.shed, app.answer), settings),
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,  # nothing here asks where a request came from
        lifespan="on",
        timeout_graceful_shutdown=CLOSING_SECONDS,
    )
    return DrainingServer(config, app)


def serve(app: Application, settings: Settings) -> bool:
    """Serve until a signal; returns whether the service had started at all."""
    log.configure(settings.log_format, settings.log_level)
    prepare_process()
    server = make_server(app, settings)
    if settings.workers == 1:
        server.run()
    else:
        with shared_socket(settings) as listening:
            server.run([listening])
    run_deferred()
    log.flush()
    return server.started


def prepare_process() -> None:
    """Set up the interpreter for many short requests.

    What is there by now stays for good. Searching it would stop the service for a tenth of a
    second, again and again; so would searching all that is under way with a thousand clients.
    There is little to be found: hardly anything of a request refers to itself.
    """
    # While there is memory: what starts a thread waits for it, and that must not be the event loop.
    log.start()
    start_deferred()
    uncaught.take_over()
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_GARBAGE)
    sys.setswitchinterval(_SWITCH_SECONDS)
