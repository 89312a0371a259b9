"""A bounded buffer of log lines that a thread writes. Knows a stream; not what the lines say.

Whoever logs never waits for the stream, or a reader that has stopped reading would hold up every
request. What does not fit into the buffer is dropped and counted. Lines are written many at once:
one at a time, each would cost a system call.
"""

import os
import select
import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final, TextIO

_GATHER_SECONDS: Final = 0.02  # lines added within it are written together
_FLUSH_SECONDS: Final = 1.0  # that a flush waits for a reader
_LIMIT: Final = 8 * 1024 * 1024  # characters that may wait; about 30,000 lines of the access log
_WRITE_SIZE: Final = 64 * 1024  # characters in one write, about: as many as a pipe holds


class LogWriter:
    """Writes lines in the order in which they were added. Any thread may add and flush.

    After lines were dropped, further ones are dropped, too, until half of `limit` characters is
    free. Then the line that `notice` makes of their number stands where they are missing.
    """

    def __init__(
        self, stream: TextIO, notice: Callable[[int], str], *, limit: int = _LIMIT
    ) -> None:
        self._stream = stream
        self._notice = notice
        self._limit = limit
        self._lines: deque[str] = deque()
        self._added = 0  # characters since the start
        self._done = 0  # of them, those that were written or could not be
        self._full = False
        self._broken = False  # the last write failed
        self._unreported = 0  # lines dropped since the last notice
        self._dropped = 0
        self._idle = False  # the thread waits for a line
        self._urgent = False
        # Its owner may take its lock again: a signal handler may log while its thread does.
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    @property
    def dropped(self) -> int:
        """Lines that were dropped since the start."""
        return self._dropped

    def start(self) -> None:
        """Start the thread, once; else the first line does, and waits for it."""
        with self._changed:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="log", daemon=True)
                self._thread.start()

    def add(self, line: str, *, urgent: bool = False) -> None:
        """Write `line`, its line end included, soon; an urgent one without gathering others."""
        with self._changed:
            if self._full or self._added - self._done + len(line) > self._limit:
                self._full = True
                self._count_dropped(1)
            else:
                self._append(line)
            if self._thread is None:
                self.start()
            self._wake(urgent)

    def flush(self, timeout: float = _FLUSH_SECONDS) -> bool:
        """Wait until all lines so far are written, at most so many seconds; whether they are."""
        with self._changed:
            end = self._added
            self._wake(urgent=True)
            return self._changed.wait_for(lambda: self._done >= end, timeout)

    def _wake(self, urgent: bool) -> None:
        self._urgent = self._urgent or urgent
        if self._idle or urgent:
            self._changed.notify_all()

    def _append(self, line: str) -> None:
        self._lines.append(line)
        self._added += len(line)

    def _count_dropped(self, lines: int) -> None:
        self._unreported += lines
        self._dropped += lines

    def _run(self) -> None:
        while True:
            with self._changed:
                self._idle = True
                self._changed.wait_for(lambda: self._lines or self._full)
                self._idle = False
                self._changed.wait_for(lambda: self._urgent, _GATHER_SECONDS)
                self._urgent = False
            while lines := self._take():
                self._settle(lines, written=self._write("".join(lines)))
            self._settle((), written=not self._broken)

    def _take(self) -> list[str]:
        """The lines of the next write; none if all are written."""
        taken: list[str] = []
        size = 0
        with self._changed:
            while self._lines and size < _WRITE_SIZE:
                taken.append(self._lines.popleft())
                size += len(taken[-1])
        return taken

    def _settle(self, lines: Sequence[str], *, written: bool) -> None:
        """Count these lines as done, and say what was dropped once there is room again."""
        with self._changed:
            self._done += sum(map(len, lines))
            self._broken = not written
            if self._broken:
                self._count_dropped(len(lines))
            if self._added - self._done <= self._limit // 2:
                self._full = False
                if self._unreported and not self._broken:
                    self._append(self._notice(self._unreported))
                    self._unreported = 0
            self._changed.notify_all()

    def _write(self, text: str) -> bool:
        """Write to the stream, waiting for its reader; whether it could be done.

        Past the stream's own buffer: the interpreter would wait for its lock at exit.
        """
        try:
            try:
                descriptor = self._stream.fileno()
            except OSError:  # it lives in memory
                self._stream.write(text)
                return True
            rest = text.encode(self._stream.encoding or "utf-8", "backslashreplace")
            while rest:
                try:
                    rest = rest[os.write(descriptor, rest) :]
                except BlockingIOError:
                    select.select([], [descriptor], [])
        except (OSError, ValueError):  # closed by us, or by its reader
            return False
        return True
