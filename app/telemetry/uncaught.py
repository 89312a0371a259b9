"""Sends to the log what Python writes to standard error by itself. Knows hooks; no part of it.

Written there directly, a warning would wait for whoever reads the stream, and a thread with it,
perhaps the one that answers every request. It would be no JSON either.
"""

import logging
import sys
import threading
from typing import Any, Final

_log: Final = logging.getLogger(__name__)


def take_over() -> None:
    """From now on, for warnings and for errors that nobody can catch. May be called again."""
    logging.captureWarnings(True)
    threading.excepthook = _in_thread
    sys.unraisablehook = _unraisable


def _in_thread(about: threading.ExceptHookArgs) -> None:
    if about.exc_type is SystemExit:
        return
    error = about.exc_value
    name = about.thread.name if about.thread is not None else ""
    _log.error("thread_failed", exc_info=error, extra={"name_of_thread": name})


def _unraisable(about: Any) -> None:
    # Of the object no more than its type: what it says of itself may be what a client sent.
    where = type(about.object).__name__
    _log.error("error_not_raised", exc_info=about.exc_value, extra={"in": where})
