"""What clients of a service see that dies under load: one connection each, every failure noted.

Knows HTTP and times; no service and no process.
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

PAUSE: Final = 0.02  # seconds before a request that failed is sent again
WINDOW: Final = 1.0  # seconds over which a rate is taken
BACK: Final = 0.9  # of the rate before is throughput that is back


@dataclass
class Load:
    """What clients have seen. Times are those of `time.monotonic()`."""

    answered: list[float] = field(default_factory=list)
    failed: list[tuple[float, float, str]] = field(default_factory=list)  # sent, told, how
    killed: tuple[float, float] = (0.0, 0.0)  # asked for, done
    ready_again: float = 0.0

    def rate(self, start: float, end: float) -> float:
        """Answers a second."""
        return sum(start <= at < end for at in self.answered) / (end - start)

    def before(self) -> float:
        """The rate of the five seconds before the kill, or of as much as there is."""
        return self.rate(max(self.answered[0], self.killed[0] - 5), self.killed[0])

    def back(self) -> float | None:
        """Seconds from the kill to the first window that is as fast as before; None: never."""
        last = self.answered[-1]
        for tenth in range(int(10 * (last - self.killed[0] - WINDOW))):
            start = self.killed[0] + tenth / 10
            if self.rate(start, start + WINDOW) >= BACK * self.before():
                return tenth / 10 + WINDOW
        return None

    def gap(self) -> float:
        """The longest time after the kill in which nothing was answered."""
        after = [self.killed[0], *(at for at in self.answered if at > self.killed[0])]
        return float(np.diff(after).max())


class Connection:
    """Keeps one connection to the proxy. Asks; opens another one where it was lost."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, method: str, path: str, body: Any) -> tuple[int, Any]:
        """(status, the answer as JSON if it is one). Raises OSError, EOFError for none."""
        if self._streams is None:
            self._streams = await asyncio.open_connection("127.0.0.1", self._port)
        reader, writer = self._streams
        content = json.dumps(body).encode()
        head = f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        try:
            writer.write(f"{head}Content-Length: {len(content)}\r\n\r\n".encode() + content)
            lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower().split("\r\n")
            fields = dict(line.split(": ", 1) for line in lines[1:] if line)
            answer = await reader.readexactly(int(fields["content-length"]))
        except BaseException:
            self.close()
            raise
        if fields.get("connection") == "close":
            self.close()
        known = "json" in fields.get("content-type", "")
        return int(lines[0].split()[1]), json.loads(answer) if known else None

    def close(self) -> None:
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None


@asynccontextmanager
async def connection(port: int) -> AsyncIterator[Connection]:
    one = Connection(port)
    try:
        yield one
    finally:
        one.close()


async def answer_of(one: Connection, load: Load, method: str, path: str, body: Any) -> Any:
    """Ask until it is answered with 200 or 201, note each time that it is not."""
    while True:
        sent = time.monotonic()
        try:
            status, answer = await one.ask(method, path, body)
        except (OSError, EOFError) as error:
            load.failed.append((sent, time.monotonic(), type(error).__name__))
        else:
            if status in (200, 201):
                return answer
            load.failed.append((sent, time.monotonic(), str(status)))
        await asyncio.sleep(PAUSE)
