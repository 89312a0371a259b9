"""Several processes behind one port. Knows how many, signals and deaths; no request and no model.

Every process listens on the port itself (SO_REUSEPORT): the kernel spreads connections, and
nothing stands between a client and the process that answers. This one holds the port, ends the
others, replaces one that dies, and passes on what they ask each other.
"""

import asyncio
import pickle
import signal
import socket
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from prometheus_client import CollectorRegistry

from app.errors import ConfigurationError, Unanswered
from app.http.workers.channel import Channel
from app.settings import Settings
from app.telemetry import log, metrics
from app.telemetry.log import get_logger
from app.telemetry.merge import Snapshot, cumulative, merged, snapshot

_PATIENCE: Final = 2.0  # seconds, for metrics and the like
_SOON: Final = 5.0  # a process that lives no longer is replaced later and later
_LATEST: Final = 10.0
_LAST_SECONDS: Final = 5.0  # from the second signal until the processes are killed

# The module is found where this one lies, whatever the working directory holds.
_BEGIN: Final = "import sys; sys.path.insert(0, sys.argv.pop(1)); from {} import main; main()"
_ROOT: Final = str(Path(__file__).resolve().parents[3])
_log = get_logger(__name__)


class Child:
    """One process that serves."""

    def __init__(self, process: asyncio.subprocess.Process, channel: Channel) -> None:
        self.process = process
        self.channel = channel
        self.started = time.monotonic()
        self.loaded = False
        self.last: Snapshot = []  # its metrics, as they were last passed on

    def signal(self, number: int) -> None:
        if self.process.returncode is None:
            self.process.send_signal(number)


class Supervisor:
    """Runs `settings.workers` processes; `module` has the `main` that each of them calls."""

    def __init__(self, settings: Settings, module: str = "app.http.workers.worker") -> None:
        self._settings = settings
        self._module = module
        self._children: list[Child] = []
        self._ended: Snapshot = []
        self._signals = 0
        self._failed = False
        self._ending = asyncio.Event()
        self._was_ready = False
        self._registry = CollectorRegistry()
        self._registry.register(metrics.PROCESSES)
        self._registry.register(metrics.PROCESS_DEATHS)

    async def run(self) -> int:
        """Serve until a signal; returns the exit status.

        Raises ConfigurationError if the port cannot be had.
        """
        with _held_port(self._settings) as port:
            self._settings = self._settings.model_copy(update={"port": port})
            loop = asyncio.get_running_loop()
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.add_signal_handler(number, self._end)
            _log.info(
                "serving", host=self._settings.host, port=port, workers=self._settings.workers
            )
            keepers = [asyncio.create_task(self._keep()) for _ in range(self._settings.workers)]
            await asyncio.gather(*keepers)
        return 1 if self._failed else 0

    def _end(self) -> None:
        """On a signal: every process drains; on a second one, they end at once."""
        self._signals += 1
        self._ending.set()
        for child in self._children:
            child.signal(signal.SIGTERM)
        if self._signals == 2:
            asyncio.get_running_loop().call_later(_LAST_SECONDS, self._kill)

    def _kill(self) -> None:
        for child in self._children:
            child.signal(signal.SIGKILL)

    async def _keep(self) -> None:
        """Keep one process running until a signal."""
        wait = 0.0
        while not self._ending.is_set():
            child, listening = await self._start()
            status = await child.process.wait()
            await asyncio.wait([listening], timeout=_PATIENCE)
            listening.cancel()
            self._children.remove(child)
            metrics.PROCESSES.set(len(self._children))
            self._ended = merged([self._ended, cumulative(child.last)])
            if self._ending.is_set():
                # One that had not begun does not know yet how to end well.
                self._failed = self._failed or (child.loaded and status != 0)
                return
            if not child.loaded and not self._was_ready:  # it would not start the next time
                _log.error("process_failed", process=child.process.pid, status=status)
                self._failed = True
                self._end()
                return
            metrics.PROCESS_DEATHS.inc()
            lived = time.monotonic() - child.started
            wait = 0.0 if lived > _SOON else min(_LATEST, 2 * wait + 0.1)
            _log.error("process_died", process=child.process.pid, status=status, wait_seconds=wait)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._ending.wait(), wait)

    async def _start(self) -> tuple[Child, asyncio.Task[None]]:
        ours, theirs = socket.socketpair()
        with theirs:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-c", _BEGIN.format(self._module), _ROOT, str(theirs.fileno())),
                pass_fds=[theirs.fileno()],
                start_new_session=True,  # Ctrl-C reaches them once, through us
            )
        settings = pickle.dumps(self._settings)
        with suppress(OSError):  # it has ended already; its status tells
            ours.sendall(len(settings).to_bytes(4, "big") + settings)

        async def answer(what: str, value: Any) -> Any:
            return await self._answer(child, what, value)

        child = Child(process, Channel(answer))
        await child.channel.connect(ours)
        self._children.append(child)
        metrics.PROCESSES.set(len(self._children))
        if self._signals:  # it came while the process was being started
            child.signal(signal.SIGTERM)
        return child, asyncio.create_task(child.channel.listen())

    async def _answer(self, child: Child, what: str, value: Any) -> Any:
        if what == "loaded":
            return await self._note_loaded(child)
        question, about = value
        if what == "others":
            others = [each for each in self._children if each is not child]
            return await _all(others, lambda each: each.channel.ask(question, about))
        there = [each for each in self._children if each.loaded or each is child]
        if question == "metrics":
            return await self._metrics(there)
        return await _all(there, lambda each: each.channel.ask(question, about, _PATIENCE))

    async def _note_loaded(self, child: Child) -> None:
        child.loaded = True
        ready = len(self._children) == self._settings.workers and all(
            each.loaded for each in self._children
        )
        if not self._was_ready and not ready:
            return
        # Whoever comes later need not wait: the others serve.
        told = [child] if self._was_ready else self._children
        self._was_ready = True
        await _all(told, lambda each: each.channel.ask("all_ready", None, _PATIENCE))

    async def _metrics(self, children: Sequence[Child]) -> list[Snapshot]:
        """Of every process: as it says, or as it was last known; of those that ended; our own."""

        async def one(child: Child) -> Snapshot:
            with suppress(Unanswered):
                child.last = await child.channel.ask("metrics", None, _PATIENCE)
            return child.last

        taken = await asyncio.gather(*map(one, children))
        return [*taken, self._ended, snapshot(self._registry.collect())]


async def _all(children: Sequence[Child], ask: Callable[[Child], Any]) -> list[Any]:
    """The answers of all; raises the first Unanswered, once all have ended."""
    found = await asyncio.gather(*map(ask, children), return_exceptions=True)
    for each in found:
        if isinstance(each, BaseException):
            raise each
    return found


class _held_port:
    """The port, so that nobody else takes it and the processes may share it."""

    def __init__(self, settings: Settings) -> None:
        if not hasattr(socket, "SO_REUSEPORT"):
            raise ConfigurationError(
                f"UNROLL_WORKERS: several processes need SO_REUSEPORT (got {settings.workers})"
            )
        family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
        self._socket = socket.socket(family)
        try:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            # Bound without sharing: then a port that another service listens on is refused.
            self._socket.bind((settings.host, settings.port))
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        except OSError as error:
            self._socket.close()
            raise ConfigurationError(
                f"UNROLL_PORT: {settings.host}:{settings.port} cannot be used: {error.strerror}"
            ) from error

    def __enter__(self) -> int:
        port: int = self._socket.getsockname()[1]
        return port

    def __exit__(self, *error: object) -> None:
        self._socket.close()


def supervise(settings: Settings, module: str = "app.http.workers.worker") -> int:
    """Serve with several processes until a signal; returns the exit status."""
    log.configure(settings.log_format, settings.log_level)
    return asyncio.run(Supervisor(settings, module).run())
