"""Lines are written together, in order, and none is lost."""

import io
import threading

from app.telemetry.log_writer import Lines


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


def test_many_lines_are_one_write() -> None:
    stream = Stream("line 99\n")
    lines = Lines(stream)
    for number in range(100):
        lines.put(f"line {number}\n")
    lines.flush()
    assert stream.getvalue() == "".join(f"line {number}\n" for number in range(100))
    assert stream.writes < 100


def test_nobody_has_to_flush() -> None:
    stream = Stream("alone\n")
    Lines(stream).put("alone\n")
    assert stream.came.wait(10)


def test_no_line_of_several_threads_is_lost() -> None:
    stream = Stream("never")
    lines = Lines(stream)

    def put(name: str) -> None:
        for number in range(2000):
            lines.put(f"{name} {number}\n")

    threads = [threading.Thread(target=put, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    lines.flush()
    written = stream.getvalue().splitlines()
    for name in "abcd":
        own = [line for line in written if line.startswith(name)]
        assert own == [f"{name} {number}" for number in range(2000)]


def test_a_closed_stream_is_no_accident() -> None:
    stream = io.StringIO()
    lines = Lines(stream)
    stream.close()
    lines.put("x\n")
    lines.flush()
