"""A pipe as a log's stream, read when a test wants it. Knows no log."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO


@contextmanager
def unread_pipe() -> Iterator[tuple[int, TextIO]]:
    """The descriptor to read from, and the stream to write to; both are closed in the end."""
    reading, writing = os.pipe()
    stream = os.fdopen(writing, "w", encoding="utf-8")
    try:
        yield reading, stream
    finally:
        os.close(reading)  # first: whoever still writes gets an error
        stream.close()


def read_until(descriptor: int, end: bytes) -> bytes:
    """Everything up to the first line that holds `end`, that line included."""
    content = b""
    while True:
        at = content.find(end)
        if at >= 0 and content.find(b"\n", at) >= 0:
            return content
        part = os.read(descriptor, 65536)
        assert part, "the stream was closed too early"
        content += part
