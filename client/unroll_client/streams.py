"""One stream: the state of a network that goes on. Knows positions; not what is fed.

With each request goes the position at which the stream should be, so a request whose answer got
lost is sent again, and its steps are taken once.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Mapping, Sequence
from types import TracebackType
from typing import Any, Final

from unroll_client.answers import Steps, StreamState
from unroll_client.errors import NotFound, NotUnroll, Refused, WrongArgument
from unroll_client.many import Items, each_of
from unroll_client.tensors import in_json, of_json
from unroll_client.transport import AWAY, Transport, encoded
from unroll_client.values import plain

_NAME: Final = re.compile(r"[A-Za-z0-9._-]{1,128}")
_FILE: Final = {"Content-Type": "application/octet-stream"}
_JSON: Final = {"Content-Type": "application/json"}


class AsyncStream:
    """A stream of a service. `position` is how many steps it has taken, as far as is known here."""

    def __init__(self, transport: Transport, name: str, opening: Mapping[str, Any]) -> None:
        """opening: the fields of PUT; without a model a stream is not opened, only found.

        Raises:
            WrongArgument: `name` is none.
        """
        if not _NAME.fullmatch(name):
            raise WrongArgument(
                f"stream: {name[:60]!r} is none; 1 to 128 letters, digits, '.', '_' or '-'"
            )
        self.name = name
        self.position = 0
        self._transport = transport
        # Of several replicas a load balancer may keep a stream's steps at one, which has its state.
        self._session = {"X-Session-ID": name}
        self._opening = {key: value for key, value in opening.items() if value is not None}

    async def __aenter__(self) -> AsyncStream:
        await self.open()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """The stream stays; `delete` ends it."""

    async def open(self) -> StreamState:
        """Open the stream, or find it where it is, and go on from its position.

        Raises:
            NotFound: it is not there, and no model is given to open it with.
            Conflict: it is there with another model or version.
        """
        if "model" in self._opening:
            return self._at(await self._ask("PUT", "", self._opening))
        return await self.refresh()

    async def refresh(self) -> StreamState:
        """Where the service has the stream; steps go on from there."""
        return self._at(await self._ask("GET", ""))

    async def step(
        self,
        *values: Any,
        horizon: int | None = None,
        feedback: Sequence[Mapping[str, Any]] | None = None,
    ) -> Steps:
        """Take steps: each value is one, a number (None: missing) or a list of numbers.

        horizon, feedback: of a stream of a forecaster, as docs/api.md has them.

        After an error (or an interruption) the same values may be given again: they are taken once.

        Raises:
            WrongPosition: somebody else stepped the stream; `refresh` goes on from where it is.
        """
        more = {"horizon": horizon, "feedback": None if feedback is None else list(feedback)}
        return await self._steps({"values": [plain(each) for each in values], **more})

    async def step_tensors(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """Take the steps of arrays by the names of inputs; each has a batch axis of 1 first.

        The outputs are arrays by their names; NumPy must be there.
        """
        answer = await self._steps({"inputs": [in_json(*each) for each in inputs.items()]})
        return {each["name"]: of_json(each) for each in answer.get("outputs", [])}

    async def write(
        self, /, text: str | None = None, *, max_length: int | None = None, **options: Any
    ) -> Steps:
        """Go on with a text: by `text`, and by what a language model writes after it, its `sample`.

        max_length: characters to write, none without it. options: `temperature`, `top_k`, `top_p`,
        `seed`, `stop` and `log_probabilities`, as for `generate`.
        """
        asked = {"text": text, "max_length": max_length, **options}
        return await self._steps({name: each for name, each in asked.items() if each is not None})

    def feed(
        self, values: Iterable[Any] | AsyncIterable[Any], *, chunk: int = 1, resume: bool = False
    ) -> Items[Any]:
        """The outputs of each step of any number of values, in order.

        chunk: steps in a request. resume: whether to leave out as many values as the stream has
        taken already.
        """
        if chunk < 1:
            raise WrongArgument(f"chunk: expected 1 or more, got {chunk}")
        return Items(self._fed(values, chunk, self.position if resume else 0))

    async def fork(self, name: str) -> AsyncStream:
        """A copy of the stream under another name, which goes on by itself."""
        other = AsyncStream(self._transport, name, {})
        content = encoded({"stream": name})
        try:
            await self._transport.send("POST", f"{self._path}/fork", content, _JSON)
        except Refused as error:
            # One whose answer got lost has made the copy, and finds it there.
            if error.kind != "stream-exists" or error.attempts == 1:
                raise
        await other.refresh()
        return other

    async def state(self) -> bytes:
        """The sealed state, a file in the format of safetensors."""
        reply = await self._transport.send("GET", f"{self._path}/state", None, {})
        return reply.content

    async def restore(self, state: bytes) -> StreamState:
        """Put in a state that was taken out, of this stream or another one."""
        reply = await self._transport.send("PUT", f"{self._path}/state", state, _FILE)
        return self._at(self._transport.parsed(reply.content))

    async def delete(self) -> None:
        """End the stream."""
        try:
            await self._transport.send("DELETE", self._path, None, {}, again=AWAY)
        except NotFound as error:
            if error.attempts == 1:
                raise

    @property
    def _path(self) -> str:
        return f"/streams/{self.name}"

    async def _fed(
        self, values: Iterable[Any] | AsyncIterable[Any], chunk: int, skipped: int
    ) -> AsyncIterator[list[Any]]:
        batch: list[Any] = []
        number = 0
        async for value in each_of(values):
            number += 1
            if number > skipped:
                batch.append(value)
            if len(batch) == chunk:
                yield (await self.step(*batch))["steps"]
                batch = []
        if batch:
            yield (await self.step(*batch))["steps"]

    async def _steps(self, body: Mapping[str, Any]) -> Steps:
        answer: Any = await self._ask("POST", "/steps", {"position": self.position, **body})
        self._at(answer)
        steps: Steps = answer
        return steps

    async def _ask(
        self, method: str, path: str, body: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        return await self._transport.ask(
            method, self._path + path, body, headers=self._session, again=AWAY
        )

    def _at(self, answer: Any) -> StreamState:
        if not isinstance(answer.get("position"), int):
            raise NotUnroll("the answer has no position; does another service listen there?")
        self.position = answer["position"]
        state: StreamState = answer
        return state


def opening(
    model: str | None,
    version: str | None,
    ttl_seconds: float | None,
    on_new_version: str | None,
    options: Mapping[str, Any] | None,
) -> dict[str, Any]:
    """The fields of PUT."""
    return {
        **{"model": model, "version": version, "ttl_seconds": ttl_seconds},
        **{"on_new_version": on_new_version, "options": options},
    }
