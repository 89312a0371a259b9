"""The asynchronous client. Knows the paths that are no task; tasks are in their files."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import httpx

from unroll_client import tensors
from unroll_client.answers import Model
from unroll_client.errors import NotUnroll, Refused
from unroll_client.forecasts import ForecastTasks
from unroll_client.options import Deadline, Options
from unroll_client.streams import AsyncStream, opening
from unroll_client.texts import TextTasks
from unroll_client.transport import Transport
from unroll_client.words import WordTasks

if TYPE_CHECKING:
    from unroll_client.tensors import Array


class AsyncClient(TextTasks, ForecastTasks, WordTasks):
    """Asks one service. Use it with `async with`, in one event loop.

    Every method that takes any number of inputs comes twice: `iter_NAME` gives the answers one by
    one, in order, with an error in the place of an input that was refused, and holds no more than
    is on its way; `NAME` gives a list, and raises the first error.
    """

    def __init__(
        self,
        url: str = "http://127.0.0.1:8000",
        *,
        api_key: str | None = None,
        timeout: float = 60.0,
        retry_seconds: float = 120.0,
        connections: int = 4,
        wait_for_start: bool = False,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        """url: where the service is. timeout: seconds for one attempt of one request.

        retry_seconds: how long a busy service, or one that went away, is asked again.
        connections: requests on their way at the same time, at most. wait_for_start: whether to
        wait so long for a service that is not there yet, too. transport: sends in place of real
        connections.

        Raises:
            WrongArgument: an argument that cannot be one.
        """
        options = Options(url, api_key, timeout, retry_seconds, connections, wait_for_start)
        self.transport = Transport(options, transport)

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        await self.transport.close()

    async def ask(
        self,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        method: str | None = None,
        deadline: float | None = None,
    ) -> dict[str, Any]:
        """The JSON object that any path answers to a JSON body: as it is, nothing cut.

        method: else POST with a body and GET without one. What may not be sent twice must not be
        asked for here.
        """
        method = method or ("GET" if body is None else "POST")
        return await self.transport.ask(method, path, body, deadline=Deadline.after(deadline))

    async def ready(self) -> bool:
        """Whether the service takes requests."""
        try:
            await self.ask("/health/ready")
        except Refused:
            return False
        return True

    async def models(self) -> list[Model]:
        """The models that are served."""
        answer = await self.ask("/models")
        found = answer.get("models")
        if not isinstance(found, list):
            raise NotUnroll("the answer has no list of models; does another service listen there?")
        return found

    async def manifest(self, name: str, version: str | None = None) -> dict[str, Any]:
        """All that a version's manifest says; of the served version unless one is named."""
        known = version or str((await self.ask(f"/models/{quote(name, safe='')}"))["version"])
        return await self.ask(f"/models/{quote(name, safe='')}/versions/{quote(known, safe='')}")

    async def load(self, name: str) -> None:
        """Serve the newest version of a model now; else the service looks for it by itself."""
        await self._control(name, "load")

    async def unload(self, name: str) -> None:
        """Serve no version of a model any more."""
        await self._control(name, "unload")

    async def _control(self, name: str, what: str) -> None:
        path = f"/v2/repository/models/{quote(name, safe='')}/{what}"
        await self.transport.send("POST", path, b"{}", {"Content-Type": "application/json"})

    async def infer(
        self,
        model: str,
        inputs: Mapping[str, Any],
        *,
        outputs: Sequence[str] | None = None,
        version: str | None = None,
        rows: int | None = None,
        deadline: float | None = None,
    ) -> dict[str, Array]:
        """What a network makes of arrays, by the names of its outputs; NumPy must be there.

        inputs: arrays, or what NumPy makes arrays of, by their names; types and shapes as
        `ask(f"/v2/models/{model}")` tells them. rows: cut into requests of so many rows along the
        first axis, of which every input and output must have one a row.
        """
        end = Deadline.after(deadline)
        path = f"/v2/models/{quote(model, safe='')}"
        path += f"/versions/{quote(version, safe='')}/infer" if version else "/infer"

        async def ask(part: Mapping[str, Any]) -> dict[str, Array]:
            content, length = tensors.request(part, outputs)
            headers = {
                "Content-Type": "application/octet-stream",
                tensors.LENGTH: str(length),
            }
            reply = await self.transport.send("POST", path, content, headers, deadline=end)
            return tensors.answer(reply.content, reply.headers.get(tensors.LENGTH))

        if rows is None:
            return await ask(inputs)
        found: list[dict[str, Array]] = []
        running: deque[asyncio.Task[dict[str, Array]]] = deque()
        try:
            for first in range(0, tensors.height(inputs), rows):
                running.append(asyncio.create_task(ask(tensors.rows(inputs, first, rows))))
                if len(running) > self.transport.options.connections:
                    found.append(await running.popleft())
            while running:
                found.append(await running.popleft())
        finally:
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)
        return tensors.joined(found)

    def stream(
        self,
        name: str,
        model: str | None = None,
        *,
        version: str | None = None,
        ttl_seconds: float | None = None,
        on_new_version: str | None = None,
        options: Mapping[str, Any] | None = None,
    ) -> AsyncStream:
        """A stream, opened by `async with`: with `model` if it is not there yet.

        Raises:
            WrongArgument: `name` is none.
        """
        fields = opening(model, version, ttl_seconds, on_new_version, options)
        return AsyncStream(self.transport, name, fields)

    async def streams(
        self, model: str | None = None, *, after: str | None = None, limit: int = 100
    ) -> list[dict[str, Any]]:
        """The streams of this API key by name, `limit` of them that come after `after`."""
        query = httpx.QueryParams(
            {
                key: value
                for key, value in {"model": model, "after": after, "limit": limit}.items()
                if value is not None
            }
        )
        found: list[dict[str, Any]] = (await self.ask(f"/streams?{query}"))["streams"]
        return found
