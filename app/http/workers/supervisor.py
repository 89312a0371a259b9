"""Several processes behind one port. Knows how many, signals and deaths; no request and no model.

Every process listens on the port itself (SO_REUSEPORT): the kernel spreads connections, and
nothing stands between a client and the process that answers. This one holds the port, ends the
others, replaces one that dies or hangs, and passes on what they ask each other.
"""

import asyncio
import pickle
import signal
import socket
import sys
import time
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

from prometheus_client import CollectorRegistry

from app.errors import ConfigurationError, Unanswered
from app.http.ports import own_socket
from app.http.workers import heartbeat
from app.http.workers.channel import Channel
from app.settings import Settings
from app.telemetry import log, metrics, uncaught
from app.telemetry.log import get_logger
from app.telemetry.merge import Snapshot, cumulative, merged, snapshot

_PATIENCE: Final = 2.0  # seconds, for metrics and the like
_SOON: Final = 5.0  # a process that lives no longer is replaced later and later
_LATEST: Final = 10.0
_LAST_SECONDS: Final = 5.0  # from the second signal until the processes are killed
_CLOSING_SECONDS: Final = 7.0  # from the end of a drain until those are that have not ended

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
        self.silent = False  # it has not answered for a while
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
        self._tasks: set[asyncio.Task[None]] = set()
        self._ending = asyncio.Event()
        self._was_ready = False
        self._registry = CollectorRegistry()
        self._registry.register(metrics.PROCESSES)
        self._registry.register(metrics.SILENT_PROCESSES)
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
        """On a signal: every process drains; on a second one, they end at once.

        Those that do neither, since they hang, are killed when their time is over.
        """
        self._signals += 1
        self._ending.set()
        for child in self._children:
            child.signal(signal.SIGTERM)
        if self._signals <= 2:
            longest = self._settings.drain_timeout_seconds + _CLOSING_SECONDS
            wait = longest if self._signals == 1 else _LAST_SECONDS
            asyncio.get_running_loop().call_later(wait, self._kill)

    def _kill(self) -> None:
        for child in self._children:
            child.signal(signal.SIGKILL)

    async def _keep(self) -> None:
        """Keep one process running until a signal."""
        wait = 0.0
        while not self._ending.is_set():
            child, listening = await self._start()
            watching = asyncio.create_task(self._watch(child))
            status = await child.process.wait()
            watching.cancel()
            await asyncio.wait([listening], timeout=_PATIENCE)
            listening.cancel()
            self._children.remove(child)
            metrics.PROCESSES.set(len(self._children))
            if child.silent:
                self._tell_silent()
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

    async def _watch(self, child: Child) -> None:
        """Have the others know when a process is silent, and kill it when it stays so."""
        limit = self._settings.worker_timeout_seconds
        if not limit:
            return

        def notice(silent: bool) -> None:
            child.silent = silent
            event = _log.warning if silent else _log.info
            event("process_silent" if silent else "process_answers", process=child.process.pid)
            self._tell_silent()

        await heartbeat.watch(child.channel, limit, notice)
        _log.error("process_hung", process=child.process.pid, seconds=limit)
        child.signal(signal.SIGKILL)

    def _tell_silent(self) -> None:
        """Tell every process that answers how many do not: none of them is ready meanwhile."""
        count = sum(each.silent for each in self._children)
        metrics.SILENT_PROCESSES.set(count)
        for each in self._children:
            if not each.silent:
                self._do(_all([each], lambda child: child.channel.ask("silent", count, _PATIENCE)))

    def _do(self, work: Coroutine[Any, Any, object]) -> None:
        """Do it in the background; whoever does not answer is no accident."""

        async def done() -> None:
            with suppress(Unanswered):
                await work

        task = asyncio.create_task(done())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

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
        question, about, seconds = value
        if question == "metrics":
            return await self._metrics([each for each in self._children if each.loaded])
        there = [each for each in self._children if each.loaded or each is child]
        if what == "others":
            there = [each for each in there if each is not child]
        return await _all(there, lambda each: each.channel.ask(question, about, seconds))

    async def _note_loaded(self, child: Child) -> None:
        child.loaded = True
        with suppress(Unanswered):  # what was wanted while it loaded, it may have missed
            await child.channel.ask("follow")
        ready = len(self._children) == self._settings.workers and all(
            each.loaded for each in self._children
        )
        if not self._was_ready and not ready:
            return
        # Whoever comes later need not wait: the others serve.
        told = [child] if self._was_ready else self._children
        self._was_ready = True
        await _all(told, lambda each: each.channel.ask("all_ready", None, _PATIENCE))
        self._tell_silent()

    async def _metrics(self, children: Sequence[Child]) -> list[Snapshot]:
        """Of every process: as it says, or as it was last known; of those that ended; our own."""

        async def one(child: Child) -> Snapshot:
            if child.silent:
                return child.last
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


@contextmanager
def _held_port(settings: Settings) -> Iterator[int]:
    """The port, so that nobody else takes it and the processes may share it."""
    if not hasattr(socket, "SO_REUSEPORT"):
        raise ConfigurationError(
            f"UNROLL_WORKERS: several processes need SO_REUSEPORT (got {settings.workers})"
        )
    # Bound without sharing at first: then a port that another service listens on is refused.
    with own_socket(settings) as held:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        yield held.getsockname()[1]


def supervise(settings: Settings, module: str = "app.http.workers.worker") -> int:
    """Serve with several processes until a signal; returns the exit status.

    `settings.state_dir` is a folder that they share.
    """
    log.configure(settings.log_format, settings.log_level)
    uncaught.take_over()
    return asyncio.run(Supervisor(settings, module).run())
