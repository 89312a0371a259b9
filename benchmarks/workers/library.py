"""The service under uvicorn's own supervisor and prometheus-client's multiprocess mode: a baseline.

    python -m benchmarks.workers.library MODELS_DIR PORT WORKERS

What `--workers` is compared with. Knows both libraries; no measurement. Loading
and unloading reach other processes by the file that all of them read every WATCH_SECONDS.
"""

import os
import signal
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

import uvicorn
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

WATCH_SECONDS: Final = 1.0


class Others:
    """What a process can know of the others without talking to them: their metrics' files."""

    ready = True
    silent = 0

    async def start(self, answers: Any) -> None:
        pass

    def stop(self) -> None:
        pass

    def tell_loaded(self) -> None:
        pass

    async def metrics(self) -> bytes:
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return generate_latest(registry)

    async def gather(self, what: str, value: Any = None) -> list[Any]:
        from app.errors import Unanswered

        raise Unanswered("nobody is asked here")  # then this process answers for itself

    async def others(self, what: str, value: Any, seconds: float | None) -> list[Any]:
        return []


def application() -> Any:
    """What uvicorn calls in each process."""
    from app.http.server import prepare_process
    from app.main import create_app
    from app.settings import load_settings
    from app.telemetry import log
    from benchmarks.workers.ours import HANG, hang

    signal.signal(HANG, hang)
    os.setsid()  # as our processes do: Linux shares cores out among sessions first
    settings = load_settings()
    log.configure("json", "INFO")
    prepare_process()
    return create_app(settings, fleet=Others())


class Connections:
    """Makes our connections for the application that uvicorn has loaded in this process."""

    def __init__(self) -> None:
        self._make: Any = None

    def __call__(self, **arguments: Any) -> Any:
        if self._make is None:
            from app.http.dispatch import Dispatcher
            from app.http.server import connection_class

            app = arguments["config"].loaded_app
            dispatcher = Dispatcher(app.shed, app.rounds.answer)
            self._make = connection_class(dispatcher, app.services.settings)
        return self._make(**arguments)


connections: Final = Connections()


def main(models: str, port: str, workers: str) -> None:
    """Serve until a signal."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ.update(
            PROMETHEUS_MULTIPROC_DIR=folder,  # read when a process imports prometheus_client
            UNROLL_MODELS_DIR=models,
            UNROLL_STATE_DIR=str(Path(folder) / "state"),
            UNROLL_WATCH_SECONDS=str(WATCH_SECONDS),
            UNROLL_WORKERS=workers,  # each takes its share of the cores
        )
        uvicorn.run(
            "benchmarks.workers.library:application",
            factory=True,
            port=int(port),
            workers=int(workers),
            http="benchmarks.workers.library:connections",
            ws="none",
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=20,
        )


if __name__ == "__main__":
    main(*sys.argv[1:])
