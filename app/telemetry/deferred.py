"""Work that is put off until an answer is out, and then done many at a time. Knows not what it is.

Counting a request and writing of it is a good part of a short one. Done for many of them one right
after the other it takes half as long, and whoever waits for an answer does not wait for it.
"""

import atexit
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any, Final

from app.telemetry.log import get_logger

_MOMENT: Final = 0.02  # seconds: what a process that is killed may not have counted
_MOST: Final = 20_000  # that wait; beyond, whoever puts one off catches up
_log = get_logger(__name__)

_waiting: Final[deque[tuple[Callable[..., None], tuple[Any, ...]]]] = deque()
_due: Final = threading.Event()
_one_at_a_time: Final = threading.RLock()  # a signal handler may catch up while its thread does
_thread: threading.Thread | None = None


def put_off(work: Callable[..., None], *arguments: Any) -> None:
    """Call `work` before long, after what was put off before. Any thread may."""
    global _thread
    _waiting.append((work, arguments))
    if not _due.is_set():
        _due.set()
        if _thread is None:
            _thread = threading.Thread(None, _live, "later", daemon=True)
            _thread.start()
    elif len(_waiting) > _MOST:
        catch_up()


def catch_up() -> None:
    """Do what waits, now: for whoever looks at what comes of it."""
    if not _waiting:
        return
    with _one_at_a_time:
        for _ in range(len(_waiting)):
            work, arguments = _waiting.popleft()
            try:
                work(*arguments)
            except Exception:
                _log.exception("put_off_work_failed")


def _live() -> None:
    while True:
        _due.wait()
        time.sleep(_MOMENT)
        _due.clear()
        catch_up()


atexit.register(catch_up)
