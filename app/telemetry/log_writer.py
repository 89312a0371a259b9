"""Lines that a thread writes a moment later, many at once. Knows a stream; not what lines say.

Writing one at a time costs a system call each, and holds up whoever writes while nobody reads.
"""

import threading
import time
from collections import deque
from contextlib import suppress
from typing import Final, TextIO

_MOMENT: Final = 0.02  # seconds: what a process that is killed may have left unwritten
_MOST: Final = 20_000  # lines that wait; beyond, whoever writes one waits for the stream


class Lines:
    """Keeps the order of what is put; any thread may put and flush."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._waiting: deque[str] = deque()
        self._due = threading.Event()
        self._writing = threading.RLock()  # a signal handler may log while its thread writes
        self._thread: threading.Thread | None = None

    def put(self, line: str) -> None:
        """Write `line`, which ends itself, before long."""
        self._waiting.append(line)
        if not self._due.is_set():
            self._due.set()
            if self._thread is None:
                self._thread = threading.Thread(None, self._work, "log", daemon=True)
                self._thread.start()
        if len(self._waiting) > _MOST:
            self.flush()

    def flush(self) -> None:
        """Write what waits, now. A stream that nobody reads any more is no accident."""
        if not self._waiting:
            return
        with self._writing:
            lines = [self._waiting.popleft() for _ in range(len(self._waiting))]
            with suppress(OSError, ValueError):
                self._stream.write("".join(lines))
                self._stream.flush()

    def _work(self) -> None:
        while True:
            self._due.wait()
            time.sleep(_MOMENT)
            self._due.clear()
            self.flush()
