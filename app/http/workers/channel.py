"""Questions and answers between two processes over one socket. Knows JSON; not what is asked."""

import asyncio
import json
import socket
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, Final, TypeAlias

from app.errors import Unanswered

Answer: TypeAlias = Callable[[str, Any], Awaitable[Any]]

_LINE: Final = 256 * 2**20  # bytes of one message, at most


class Channel:
    """One side; both may ask at any time. `answer` is called with (what is asked, its value).

    Used in one event loop: `connect` it, then `listen` runs as long as the other side lives.
    heard: how many messages have come.
    """

    def __init__(self, answer: Answer) -> None:
        self.heard = 0
        self._answer = answer
        self._asked: dict[int, asyncio.Future[Any]] = {}
        self._number = 0
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._gone = False

    async def connect(self, end: socket.socket) -> None:
        """Speak through `end` from now on."""
        end.setblocking(False)
        self._reader, self._writer = await asyncio.open_connection(sock=end, limit=_LINE)

    def close(self) -> None:
        """Close this side; the other one notices."""
        assert self._writer is not None
        self._writer.close()

    async def listen(self) -> None:
        """Answer, and hand out answers, until the other side closes its end."""
        assert self._reader is not None
        assert self._writer is not None
        try:
            while line := await self._reader.readline():
                self.heard += 1
                message = json.loads(line)
                if "ask" in message:
                    task = asyncio.create_task(self._reply(message))
                    self._tasks.add(task)
                    task.add_done_callback(self._tasks.discard)
                    continue
                future = self._asked.pop(message["to"], None)
                if future is None or future.done():
                    continue
                if "error" in message:
                    future.set_exception(Unanswered(message["error"]))
                else:
                    future.set_result(message["value"])
        except ConnectionError:  # it died in the middle of a word
            pass
        finally:
            self._gone = True
            for future in self._asked.values():
                if not future.done():
                    future.set_exception(Unanswered("the process is gone"))
            self._asked.clear()
            self._writer.close()

    async def ask(self, what: str, value: Any = None, seconds: float | None = None) -> Any:
        """What the other side answers. Raises Unanswered, after `seconds` at the latest."""
        if self._writer is None or self._gone:
            raise Unanswered("the process is not there")
        self._number += 1
        number = self._number
        future = self._asked[number] = asyncio.get_running_loop().create_future()
        self._send({"ask": what, "value": value, "number": number})
        try:
            async with asyncio.timeout(seconds):
                return await future
        except TimeoutError:
            raise Unanswered("the process did not answer in time") from None
        finally:
            self._asked.pop(number, None)

    async def _reply(self, message: dict[str, Any]) -> None:
        reply: dict[str, Any] = {"to": message["number"]}
        try:
            reply["value"] = await self._answer(message["ask"], message["value"])
        except Exception as error:
            reply["error"] = f"{error}" or type(error).__name__
        self._send(reply)

    def _send(self, message: dict[str, Any]) -> None:
        # What is not read is kept: messages are few, and whoever does not read them is ending.
        with suppress(ConnectionError, RuntimeError):
            assert self._writer is not None
            self._writer.write(json.dumps(message).encode() + b"\n")
