"""Streams of served models. Knows models, graphs and policies; no body of a request.

A stream goes on with the version that it began with, or follows what is served, as its policy says:

- `pin`: its version is kept loaded, and loaded again where it is not.
- `replay`: the new version is fed with the inputs that were kept, from its first state on.
- `refuse`: nothing until somebody says which of the two it should be. Inputs are kept for that.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Generic, TypeVar

import numpy as np
import numpy.typing as npt
from fastapi import Request
from pydantic_core import from_json

from app.api.context import RequestRecord
from app.api.services import Services
from app.api.streams.states import States, Streamed, digest_of, entry_stream, states_of, writes
from app.errors import InvalidInput, ModelNotFound, ModelRefused, VersionReplaced
from app.serving.models.loader import LoadedModel
from app.serving.streams.records import Kept, Key, Policy, Record, new_token, now
from app.serving.streams.taking import Computed, Moved
from app.tasks.anomalies.streams import ValueSteps
from app.tasks.tensor.streams import StreamSteps
from app.telemetry import metrics
from app.telemetry.log import get_logger

Array = npt.NDArray[Any]
# From a graph to the steps that a request brings for it.
Read = Callable[[Streamed], StreamSteps | ValueSteps]
# From a graph, its outputs and the number of steps to what is answered and kept.
Write = Callable[[Streamed, Mapping[str, Any], int], bytes]

S = TypeVar("S", bound=States)
_log = get_logger(__name__)


async def version_of(services: Services, request: RequestRecord, record: Record) -> LoadedModel:
    """The version that a stream's state is of, loaded if it must be, and leased.

    Raises VersionReplaced if there is none any more, NotReady.
    """
    services.lifecycle.require_open(request.started)
    held = services.repository.held
    name = record.model.partition(".")[0]
    try:
        model = held.lease(name, record.version)
        if model is None:
            await asyncio.to_thread(held.load, name, record.version)
            model = held.lease(name, record.version)
    except (ModelNotFound, ModelRefused) as error:
        raise VersionReplaced(f"the stream cannot go on: {error.message}") from error
    if model is None:
        raise VersionReplaced(f"version {record.version} of {name} was just released")
    request.at_end.append(model.leases.give_back)
    request.model, request.version = name, model.version
    if digest_of(model, states_of(model, record.model)) != record.digest:
        raise VersionReplaced(
            f"version {record.version} of {name} has another graph than when the stream began"
        )
    return model


def new_record(
    model: str, version: str, digest: str, policy: Policy, ttl: float, state: bytes
) -> Record:
    """A stream that has taken no step."""
    begun = now()
    return Record(new_token(), model, version, digest, policy, ttl, begun, begun + ttl, 0, state)


class Following(Generic[S]):
    """Keeps a stream on the version that it should be on: what all implementations of `Network`
    have in common."""

    def __init__(self, services: Services, request: Request, record: RequestRecord) -> None:
        self._services = services
        self._request = request
        self._record = record
        self._on: tuple[LoadedModel, S] | None = None

    @property
    def on(self) -> tuple[LoadedModel, S]:
        """The version that takes the steps, or has taken them, and what its streams are made of."""
        assert self._on is not None
        return self._on

    async def follow(self, key: Key, record: Record) -> Moved | None:
        name = record.model.partition(".")[0]
        served = self._services.lease(self._record, name, None)
        if served.version == record.version:
            states = self._states(served, record.model)
            if digest_of(served, states) == record.digest:
                self._on = (served, states)
                return None
        if record.policy == "replay":
            return await self._move(key, record, served)
        if record.policy == "refuse":
            raise VersionReplaced(
                f"the stream is of version {record.version} of {name}, and version "
                f"{served.version} is served: PUT the stream with on_new_version pin or replay"
            )
        pinned = await version_of(self._services, self._record, record)
        self._on = (pinned, self._states(pinned, record.model))
        return None

    def _states(self, model: LoadedModel, name: str) -> S:
        """What streams of `name` are made of. Raises ModelNotFound, InvalidInput."""
        raise NotImplementedError

    async def _fed(
        self, record: Record, kept: Sequence[Kept], model: LoadedModel, states: S
    ) -> tuple[bytes, int, float | None]:
        """(the state after the kept inputs of a stream, how many steps they are, the largest
        difference between both answers to the last request if that can be told).

        Raises ValueError, InvalidInput for inputs that this version does not take.
        """
        raise NotImplementedError

    async def _move(self, key: Key, record: Record, model: LoadedModel) -> Moved:
        """The stream on what is served. Raises VersionReplaced if it cannot be moved."""
        try:
            states = self._states(model, record.model)
        except (InvalidInput, ModelNotFound) as error:
            raise VersionReplaced(f"version {model.version} cannot go on: {error}") from error
        kept = await self._services.streams.store.kept(key)
        if record.position and (not kept or kept[-1].start + kept[-1].count != record.position):
            raise VersionReplaced(
                f"no inputs are kept that version {model.version} could be fed with: PUT the "
                "stream with on_new_version pin, or begin a new one"
            )
        try:
            state, fed, difference = await self._fed(record, kept, model, states)
        except (ValueError, InvalidInput) as error:
            raise VersionReplaced(
                f"version {model.version} cannot take the inputs of this stream: {error}"
            ) from error
        self._on = (model, states)
        metrics.STREAM_MOVES.labels(model.name, model.version).inc()
        told = {
            "from": record.version,
            "steps": fed,
            "complete": fed == record.position,
            "difference": difference,
        }
        _log.info("stream_moved", model=model.name, version=model.version, steps=fed)
        moved = record.moved(version=model.version, digest=digest_of(model, states), state=state)
        return Moved(moved, told)


class GraphSteps(Following[Any]):  # of what is `Streamed`, whose kinds have steps of their own
    """Takes the steps of one request. Implements `Network`."""

    def __init__(
        self,
        services: Services,
        request: Request,
        record: RequestRecord,
        read: Read,
        write: Write,
        outputs: Sequence[str] = (),
    ) -> None:
        """outputs: those that are wanted; all but the states if it is empty."""
        super().__init__(services, request, record)
        self._read = read
        self._write = write
        self._outputs = tuple(outputs)

    async def compute(self, record: Record) -> Computed:
        model, graph = self.on
        steps = self._read(graph)
        outputs = self._outputs or graph.outputs
        self._record.inputs = 1
        self._record.input_length = steps.count
        found, state = await self._run(model, graph, record.state, steps, outputs)
        content = self._write(graph, found, steps.count)
        again = record.policy != "pin" and graph.can_be_fed_again
        inputs = graph.packed(steps) if again else None
        return Computed(steps.count, model.version, state, content, inputs)

    async def _run(
        self,
        model: LoadedModel,
        graph: Any,
        state: bytes,
        steps: Any,
        outputs: Sequence[str],
    ) -> tuple[dict[str, Array], bytes]:
        """(the outputs with their batch axis, the state after the steps)."""
        predictions = []
        for at in range(graph.runs(steps)):
            example = graph.example(state, steps, at, outputs)
            prediction = await self._services.together.run(
                self._request, self._record, model, example
            )
            state = graph.state_after(prediction)
            predictions.append(prediction)
        return graph.joined(predictions, outputs), state

    def _states(self, model: LoadedModel, name: str) -> Streamed:
        if writes(model, name):
            raise InvalidInput(
                "the model takes no tensors", field="inputs", allowed="a text, or a max_length"
            )
        return entry_stream(model, name)

    async def _fed(
        self, record: Record, kept: Sequence[Kept], model: LoadedModel, states: Any
    ) -> tuple[bytes, int, float | None]:
        state, outputs, fed = states.first_again(record.state), dict[str, Array](), 0
        answer = record.answer
        old = {} if answer is None else values_of(answer.content)
        names = [each for each in old if each in states.compared]
        parts = [states.unpacked(each.content, each.count) for each in kept]
        most = self._services.settings.max_steps
        # The last part is the last request, whose answer is there to be compared with.
        for steps in [*states.pieces(parts[:-1], most), *parts[-1:]]:
            outputs, state = await self._run(model, states, state, steps, names)
            fed += steps.count
        known = answer is not None and kept and kept[-1].start == answer.start
        new = {name: outputs[name] for name in names if outputs}
        return state, fed, _difference(old, new) if known else None


def values_of(content: bytes) -> dict[str, list[Any]]:
    """The outputs in a kept answer: by name, all values in one list."""
    answer = from_json(b"{" + content + b"}")
    found: dict[str, list[Any]] = {}
    for output in answer.get("outputs", ()):
        found.setdefault(output["name"], []).extend(_flat(output["data"]))
    for step in answer.get("steps", ()):
        for name, value in step.items():
            found.setdefault(name, []).extend(_flat(value))
    return found


def _flat(value: Any) -> list[Any]:
    if not isinstance(value, list):
        return [value]
    return [each for part in value for each in _flat(part)]


def _difference(old: Mapping[str, list[Any]], new: Mapping[str, Any]) -> float | None:
    """The largest difference between two answers to the same steps; None if there is no number."""
    largest: float | None = None
    for name, found in new.items():
        values, array = old[name], np.asarray(found)
        if array.dtype.kind not in "fiu" or array.size != len(values):
            continue
        by = float(np.abs(array.ravel().astype(np.float64) - np.array(values, np.float64)).max())
        largest = by if largest is None else max(largest, by)
    return largest
