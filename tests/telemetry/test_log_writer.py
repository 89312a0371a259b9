"""Lines are written together and in order; whoever adds one never waits for a reader."""

import io
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

from app.telemetry.log_writer import LogWriter
from tests.telemetry.pipes import read_until, unread_pipe

ROOT = Path(__file__).resolve().parents[2]


class Stream(io.StringIO):
    """Counts how often it is written to, and tells when a text has come."""

    def __init__(self, last: str) -> None:
        super().__init__()
        self.writes = 0
        self.came = threading.Event()
        self._last = last

    def write(self, text: str) -> int:
        self.writes += 1
        written = super().write(text)
        if self._last in text:
            self.came.set()
        return written


def notice(lines: int) -> str:
    return f"dropped {lines}\n"


def test_many_lines_are_one_write() -> None:
    stream = Stream("line 99\n")
    writer = LogWriter(stream, notice)
    for number in range(100):
        writer.add(f"line {number}\n")
    assert writer.flush(10)
    assert stream.getvalue() == "".join(f"line {number}\n" for number in range(100))
    assert stream.writes < 100


def test_nobody_has_to_flush() -> None:
    for urgent in (False, True):
        stream = Stream("alone\n")
        LogWriter(stream, notice).add("alone\n", urgent=urgent)
        assert stream.came.wait(10)


def test_no_line_of_several_threads_is_lost() -> None:
    stream = Stream("never")
    writer = LogWriter(stream, notice)

    def add(name: str) -> None:
        for number in range(2000):
            writer.add(f"{name} {number}\n")

    threads = [threading.Thread(target=add, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert writer.flush(10)
    written = stream.getvalue().splitlines()
    for name in "abcd":
        own = [line for line in written if line.startswith(name)]
        assert own == [f"{name} {number}" for number in range(2000)]


def test_a_closed_stream_loses_lines_and_counts_them() -> None:
    stream = io.StringIO()
    writer = LogWriter(stream, notice)
    stream.close()
    writer.add("x\n")
    assert writer.flush(10)
    assert writer.dropped == 1


def test_a_reader_that_stops_holds_nobody_up() -> None:
    line = "x" * 999 + "\n"
    with unread_pipe() as (reading, stream):
        writer = LogWriter(stream, notice, limit=200_000)
        added = 0
        while not writer.dropped:
            writer.add(line)
            added += 1
            assert added < 10_000  # what a pipe and the buffer take together is far less
        for _ in range(50):
            writer.add(line)
        start = time.monotonic()
        assert not writer.flush(0.05)
        assert time.monotonic() - start < 10
        dropped = writer.dropped
        # Each line that was accepted comes out, then how many are missing, then what follows.
        before = read_until(reading, b"dropped").decode()
        assert before == line * (added + 50 - dropped) + f"dropped {dropped}\n"
        writer.add("again\n")
        assert writer.flush(10)
        assert os.read(reading, 100) == b"again\n"
        assert writer.dropped == dropped


def test_a_line_that_can_never_fit_is_dropped_alone() -> None:
    stream = Stream("dropped 1\n")
    writer = LogWriter(stream, notice, limit=100)
    writer.add("x" * 101)
    assert stream.came.wait(10)
    writer.add("fits\n")
    assert writer.flush(10)
    assert stream.getvalue() == "dropped 1\nfits\n"


def test_a_stream_that_works_again_says_what_is_missing() -> None:
    class Disk(io.StringIO):
        full = True

        def write(self, text: str) -> int:
            if self.full:
                raise OSError("no space left")
            return super().write(text)

    stream = Disk()
    writer = LogWriter(stream, notice)
    for number in range(3):
        writer.add(f"{number}\n")
        assert writer.flush(10)
    stream.full = False
    writer.add("fits\n")
    assert writer.flush(10)
    assert writer.flush(10)  # the notice came in behind
    assert stream.getvalue() == "fits\ndropped 3\n"


def test_what_the_stream_cannot_encode_is_escaped() -> None:
    with unread_pipe() as (reading, stream):
        writer = LogWriter(stream, notice)
        writer.add("\ud800\u00e9\n")
        assert writer.flush(10)
        assert read_until(reading, b"\n") == b"\\ud800\xc3\xa9\n"


CHILD = """
import logging, sys, threading, time
from app.telemetry import log
log.configure("json", "INFO")
for number in range(300):
    logging.getLogger("x").info("%d %s", number, "x" * 1000)
print("logged", flush=True)
sys.exit(3)
"""


def test_a_process_ends_although_nobody_reads() -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert child.stdout is not None
    assert child.stdout.readline() == b"logged\n"
    assert child.wait(60) == 3
    _, err = child.communicate()
    assert err.startswith(b'{"event": "0 xxx')  # what the pipe holds


def test_a_process_writes_everything_before_it_ends() -> None:
    done = subprocess.run([sys.executable, "-c", CHILD], cwd=ROOT, capture_output=True, timeout=60)
    assert done.returncode == 3
    assert done.stderr.count(b"\n") == 300
