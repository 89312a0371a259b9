"""The service as `--workers` runs it, but for a signal that has a process hang.

python -m benchmarks.workers.ours MODELS_DIR PORT WORKERS
"""

import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Final

from app.http.workers import worker
from app.http.workers.supervisor import supervise
from app.main import create_app
from app.settings import Settings, load_settings

HANG: Final = signal.SIGUSR1


def hang(*_: Any) -> None:
    """What a signal handler does on the event loop's thread; other threads go on."""
    time.sleep(3600)


def main() -> None:
    """What each process calls."""

    def application(settings: Settings, **options: Any) -> Any:
        signal.signal(HANG, hang)
        return create_app(settings, **options)

    worker.main(application)


if __name__ == "__main__":
    models, port, workers = sys.argv[1:]
    with tempfile.TemporaryDirectory() as state:
        settings = load_settings(
            models_dir=Path(models),
            port=int(port),
            workers=int(workers),
            log_format="json",
            state_dir=Path(state),
        )
        sys.exit(supervise(settings, "benchmarks.workers.ours"))
