"""One request at a time: connections, keys, times, and what is tried again. Knows no task.

Everything that is sent here may be sent twice: answers of tasks do not depend on attempts, and
steps of streams say their position. So a lost connection is tried again, and a service that is
busy (429, 503) is asked again after the time that it names, both for `retry_seconds` at most.
"""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import AsyncIterator, Collection, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import count
from typing import Any, Final

import httpx

from unroll_client.errors import (
    NotUnroll,
    Refused,
    Unanswered,
    UnrollError,
    WrongArgument,
    late,
    one_line,
    refused,
)
from unroll_client.options import Attempt, Deadline, Options

BUSY: Final = frozenset({429, 502, 503})
AWAY: Final = frozenset({429, 500, 502, 503, 504})
_FIRST_PAUSE: Final = 0.05  # seconds after a lost connection; then twice as long
_DOUBLINGS: Final = 7  # the longest pause is 6.4 seconds
_FIRST_CONTACT: Final = 3  # attempts while nothing that was asked here has been answered
# The service closes a connection after 5 idle seconds; one that may be closing is not used.
_IDLE_SECONDS: Final = 2.0
EVENTS: Final = "text/event-stream"


@dataclass(frozen=True)
class Reply:
    """An answer without an error. attempts: how often the request was sent."""

    status: int
    headers: Mapping[str, str]
    content: bytes
    attempts: int


class Transport:
    """The connections to one service; one event loop uses them."""

    def __init__(self, options: Options, http: httpx.AsyncBaseTransport | None = None) -> None:
        """http: sends in place of real connections."""
        self.options = options
        self.base = options.url.rstrip("/")
        key = {"Authorization": f"Bearer {options.api_key}"} if options.api_key else {}
        limits = httpx.Limits(
            max_connections=None,
            max_keepalive_connections=options.connections,
            keepalive_expiry=_IDLE_SECONDS,
        )
        self._http = httpx.AsyncClient(
            headers=key, timeout=None, limits=limits, transport=http, follow_redirects=False
        )
        self._free = asyncio.Semaphore(options.connections)
        self._reached = False

    async def close(self) -> None:
        await self._http.aclose()

    async def ask(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        deadline: Deadline | None = None,
        again: Collection[int] = BUSY,
    ) -> dict[str, Any]:
        """The JSON object that is the answer to a JSON body.

        Raises:
            Refused: the service answers with an error.
            Unanswered: no answer came.
            NotUnroll: something else answers.
        """
        content = None if body is None else encoded(body)
        sent = {"Content-Type": "application/json", **(headers or {})}
        reply = await self.send(method, path, content, sent, deadline=deadline, again=again)
        return self.parsed(reply.content)

    def parsed(self, content: bytes) -> dict[str, Any]:
        """The JSON object of an answer. Raises NotUnroll: it is none."""
        try:
            answer = json.loads(content)
        except ValueError:
            answer = None
        if not isinstance(answer, dict):
            raise self.stranger()
        return answer

    def stranger(self) -> NotUnroll:
        return NotUnroll(f"{self.base} does not answer as Unroll does; is it the right address?")

    async def send(
        self,
        method: str,
        path: str,
        content: bytes | None,
        headers: Mapping[str, str],
        *,
        deadline: Deadline | None = None,
        again: Collection[int] = BUSY,
    ) -> Reply:
        """The answer; `again` are the statuses after which the same request is sent again.

        Raises:
            Refused, Unanswered, NotUnroll: as `ask`.
        """
        async with self._free:
            for attempt in self.attempts():
                limit = self._limit(deadline)
                sent = self._http.request(
                    method,
                    self.base + path,
                    content=content,
                    headers={**headers, "X-Request-Timeout-Ms": str(max(1, int(1000 * limit)))},
                )
                try:
                    response = await asyncio.wait_for(sent, limit)
                    self._reached = True
                    if response.status_code < 300:
                        reply = response.status_code, response.headers, response.content
                        return Reply(*reply, attempt.number)
                    raise refused(
                        self.base, response.status_code, response.headers, response.content
                    )
                except (httpx.HTTPError, asyncio.TimeoutError, UnrollError) as error:
                    await self.retry(error, attempt, deadline, again)
        raise AssertionError("unreachable: the attempts end with an answer or an error")

    @asynccontextmanager
    async def events(
        self, path: str, body: Mapping[str, Any], deadline: Deadline | None
    ) -> AsyncIterator[AsyncIterator[tuple[str, str]]]:
        """(name, data) of each server-sent event of the answer to POST, as they come.

        Sent once; what breaks off is for the caller to ask for again.

        Raises:
            Refused, Unanswered, NotUnroll: as `ask`.
        """
        headers = {"Content-Type": "application/json", "Accept": EVENTS}
        if deadline is not None:
            headers["X-Request-Timeout-Ms"] = str(max(1, int(1000 * deadline.left())))
        request = self._http.build_request(
            "POST",
            self.base + path,
            content=encoded(body),
            headers=headers,
            timeout=self.options.timeout,  # between two pieces
        )
        async with self._free:
            limit = self._limit(deadline)
            response = await asyncio.wait_for(self._http.send(request, stream=True), limit)
            try:
                self._reached = True
                if response.status_code >= 300:
                    content = await response.aread()
                    raise refused(self.base, response.status_code, response.headers, content)
                yield _events(response)
            finally:
                await response.aclose()

    def _limit(self, deadline: Deadline | None) -> float:
        """Seconds that one attempt has. Raises DeadlineExceeded: none are left."""
        return min(self.options.timeout, deadline.left() if deadline else float("inf"))

    def attempts(self) -> Iterator[Attempt]:
        """Numbers of attempts, each with the time at which they are given up."""
        end = time.monotonic() + self.options.retry_seconds
        return (Attempt(number, end) for number in count(1))

    async def retry(
        self,
        error: BaseException,
        attempt: Attempt,
        deadline: Deadline | None,
        again: Collection[int] = BUSY,
    ) -> None:
        """Wait until an attempt may follow one that ended with `error`.

        Raises:
            UnrollError: what `error` means, if none may follow.
        """
        if isinstance(error, asyncio.TimeoutError) and deadline is not None and deadline.is_over:
            raise late(deadline.seconds) from None
        meant = self._meant(error)
        if isinstance(meant, Refused):
            meant.attempts = attempt.number
        patient = self._reached or self.options.wait_for_start
        if isinstance(meant, Refused):
            lost = meant.status in again
        elif isinstance(error, (httpx.ConnectError, asyncio.TimeoutError)):
            lost = patient
        else:
            lost = isinstance(meant, Unanswered) and (patient or attempt.number < _FIRST_CONTACT)
        pause = _FIRST_PAUSE * 2.0 ** min(attempt.number - 1, _DOUBLINGS)
        if isinstance(meant, Refused) and meant.retry_after:  # 0 would be a loop without a pause
            pause = meant.retry_after
        # Clients that were refused together do not come back together.
        pause *= 1 + 0.25 * random.random()
        if not lost or time.monotonic() + pause > attempt.end:
            raise meant from None
        if deadline is not None and pause > deadline.left():
            raise meant from None
        await asyncio.sleep(pause)

    def _meant(self, error: BaseException) -> UnrollError:
        if isinstance(error, UnrollError):
            return error
        if isinstance(error, (asyncio.TimeoutError, httpx.TimeoutException)):
            seconds = f"{self.options.timeout:g} seconds"
            return Unanswered(f"{self.base} did not answer within {seconds}")
        if any(isinstance(each, ConnectionRefusedError) for each in _causes(error)):
            return Unanswered(f"nobody answers at {self.base}; start a service with: unroll serve")
        if isinstance(error, httpx.ProtocolError):
            return Unanswered(
                f"{self.base} broke off its answer, or does not answer as Unroll does: "
                f"{one_line(str(error))}"
            )
        reasons = [each.strerror for each in _causes(error) if isinstance(each, OSError)]
        words = next(filter(None, reversed(reasons)), None) or str(error) or type(error).__name__
        return Unanswered(f"{self.base} cannot be reached: {one_line(words)}")


def encoded(body: Mapping[str, Any]) -> bytes:
    """`body` as JSON. Fields that are None are left out: the service has defaults for all.

    Raises:
        WrongArgument: it holds what JSON cannot.
    """
    sent = {name: value for name, value in body.items() if value is not None}
    try:
        text = json.dumps(
            sent, ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=_item
        )
        return text.encode()
    except (ValueError, TypeError) as error:
        raise WrongArgument(f"this cannot be sent as JSON: {one_line(str(error))}") from None


def _item(value: Any) -> Any:
    """A scalar or an array of NumPy."""
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} is not JSON")


async def _events(response: httpx.Response) -> AsyncIterator[tuple[str, str]]:
    """Lines end with \\n alone: httpx would also split at what JSON may hold as it is."""
    rest, name, data = b"", "message", ""
    async for part in response.aiter_bytes():
        *lines, rest = (rest + part).split(b"\n")
        for line in lines:
            key, _, value = line.rstrip(b"\r").decode("utf-8", "replace").partition(": ")
            if key == "event":
                name = value
            elif key == "data":
                data += value
            elif not key:
                if data:
                    yield name, data
                name, data = "message", ""


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """The error and all that led to it."""
    seen: list[BaseException] = []
    waiting = [error]
    while waiting:
        each = waiting.pop()
        if each is not None and each not in seen:
            seen.append(each)
            yield each
            waiting += [each.__context__, each.__cause__, *getattr(each, "exceptions", ())]
