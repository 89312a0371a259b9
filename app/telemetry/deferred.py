"""Deferred work: done by a thread after the answer is out. Knows functions; not what they do.

Counting a request and logging it are a good part of the cost of a short one. Done for many
requests in a row they take half as long, and no client waits for them.
"""

import atexit
import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any, Final

_DELAY_SECONDS: Final = 0.02  # a process that is killed loses what was deferred within it
_LIMIT: Final = 20_000  # calls that may wait; beyond, whoever defers another one runs them
_log = logging.getLogger(__name__)

_waiting: Final[deque[tuple[Callable[..., object], tuple[Any, ...]]]] = deque()
_due: Final = threading.Event()
# One call at a time, in order. Its owner may take it again: what is called may run the others.
_running: Final = threading.RLock()
_thread: threading.Thread | None = None
_starting: Final = threading.RLock()


def defer(work: Callable[..., object], *arguments: Any) -> None:
    """Call `work` within some milliseconds, after all that was deferred before. Thread-safe."""
    _waiting.append((work, arguments))
    if not _due.is_set():
        _due.set()
        if _thread is None:
            start()
    elif len(_waiting) > _LIMIT:
        run_deferred()


def run_deferred() -> None:
    """Do now what was deferred, for whoever reads its results."""
    if not _waiting:
        return
    with _running:
        for _ in range(len(_waiting)):
            if not _waiting:
                break
            work, arguments = _waiting.popleft()
            try:
                work(*arguments)
            except Exception:
                _log.exception("deferred_work_failed")


def start() -> None:
    """Start the thread, once; else the first call that is deferred does, and waits for it."""
    global _thread
    with _starting:
        if _thread is None:
            _thread = threading.Thread(target=_run, name="deferred", daemon=True)
            _thread.start()


def _run() -> None:
    while True:
        _due.wait()
        time.sleep(_DELAY_SECONDS)
        _due.clear()
        run_deferred()


atexit.register(run_deferred)
