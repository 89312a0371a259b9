"""Streams on the graphs of served models. Knows models, graphs and policies; no body of a request.

A stream goes on with the version that it began with, or follows what is served, as its policy says:

- `pin`: its version is kept loaded, and loaded again where it is not.
- `replay`: the new version is fed with the inputs that were kept, from its first state on.
- `refuse`: nothing until somebody says which of the two it should be. Inputs are kept for that.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt
from fastapi import Request
from pydantic_core import from_json

from app.api.context import RequestRecord
from app.api.graphs import graph_of
from app.api.services import Services
from app.errors import InvalidInput, ModelNotFound, ModelRefused, VersionReplaced
from app.serving.models.loader import LoadedModel
from app.serving.streams.records import Key, Policy, Record, new_token, now
from app.serving.streams.steps import Computed, Moved
from app.tasks.tensor.streams import StreamGraph, StreamSteps
from app.tasks.tensor.task import TensorTask
from app.telemetry import metrics
from app.telemetry.log import get_logger

Array = npt.NDArray[Any]
# From a graph to the steps that a request brings for it.
Read = Callable[[StreamGraph], StreamSteps]
# From a graph, its outputs and the number of steps to what is answered and kept.
Write = Callable[[StreamGraph, Mapping[str, Array], int], bytes]

_graphs: Final[WeakKeyDictionary[TensorTask, StreamGraph]] = WeakKeyDictionary()
_log = get_logger(__name__)


def stream_graph(model: LoadedModel, name: str) -> StreamGraph:
    """The graph that is meant by `name`. Raises ModelNotFound, InvalidInput if it cannot stream."""
    task = graph_of(model, name)
    graph = _graphs.get(task)
    if graph is None:
        graph = _graphs[task] = StreamGraph(task)
    return graph


def digest_of(model: LoadedModel, graph: StreamGraph) -> str:
    """The digest of the graph's file, which says whether a state is one of it."""
    return model.manifest.files[graph.task.graph].sha256


def has_streams(model: LoadedModel) -> bool:
    """Whether streams may be of this version."""
    return any(
        isinstance(task, TensorTask) and task.features.streams for task in model.graphs.values()
    )


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
    if digest_of(model, stream_graph(model, record.model)) != record.digest:
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


class GraphSteps:
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
        self._services = services
        self._request = request
        self._record = record
        self._read = read
        self._write = write
        self._outputs = tuple(outputs)
        self._on: tuple[LoadedModel, StreamGraph] | None = None

    @property
    def on(self) -> tuple[LoadedModel, StreamGraph]:
        """The version and the graph that take the steps, or have taken them."""
        assert self._on is not None
        return self._on

    async def follow(self, key: Key, record: Record) -> Moved | None:
        name = record.model.partition(".")[0]
        served = self._services.lease(self._record, name, None)
        if served.version == record.version:
            graph = stream_graph(served, record.model)
            if digest_of(served, graph) == record.digest:
                self._on = (served, graph)
                return None
        if record.policy == "replay":
            return await self._move(key, record, served)
        if record.policy == "refuse":
            raise VersionReplaced(
                f"the stream is of version {record.version} of {name}, and version "
                f"{served.version} is served: PUT the stream with on_new_version pin or replay"
            )
        pinned = await version_of(self._services, self._record, record)
        self._on = (pinned, stream_graph(pinned, record.model))
        return None

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
        graph: StreamGraph,
        state: bytes,
        steps: StreamSteps,
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

    async def _move(self, key: Key, record: Record, model: LoadedModel) -> Moved:
        """The stream on what is served. Raises VersionReplaced if it cannot be moved."""
        try:
            graph = stream_graph(model, record.model)
        except (InvalidInput, ModelNotFound) as error:
            raise VersionReplaced(f"version {model.version} cannot go on: {error}") from error
        kept = await self._services.streams.store.kept(key)
        if record.position and (not kept or kept[-1].start + kept[-1].count != record.position):
            raise VersionReplaced(
                f"no inputs are kept that version {model.version} could be fed with: PUT the "
                "stream with on_new_version pin, or begin a new one"
            )
        state, outputs, fed = graph.first, dict[str, Array](), 0
        answer = record.answer
        old = {} if answer is None else values_of(answer.content)
        names = [each for each in old if each in graph.task.outputs]
        try:
            parts = [graph.unpacked(each.content, each.count) for each in kept]
            most = self._services.settings.max_steps
            # The last part is the last request, whose answer is there to be compared with.
            for steps in [*graph.pieces(parts[:-1], most), *parts[-1:]]:
                outputs, state = await self._run(model, graph, state, steps, names)
                fed += steps.count
        except (ValueError, InvalidInput) as error:
            raise VersionReplaced(
                f"version {model.version} cannot take the inputs of this stream: {error}"
            ) from error
        self._on = (model, graph)
        metrics.STREAM_MOVES.labels(model.name, model.version).inc()
        told = {
            "from": record.version,
            "steps": fed,
            "complete": fed == record.position,
            "difference": _difference(old, {name: outputs[name] for name in names if outputs})
            if answer is not None and kept and kept[-1].start == answer.start
            else None,
        }
        _log.info("stream_moved", model=model.name, version=model.version, steps=fed)
        moved = record.moved(version=model.version, digest=digest_of(model, graph), state=state)
        return Moved(moved, told)


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


def _difference(old: Mapping[str, list[Any]], new: Mapping[str, Array]) -> float | None:
    """The largest difference between two answers to the same steps; None if there is no number."""
    largest: float | None = None
    for name, array in new.items():
        values = old[name]
        if array.dtype.kind not in "fiu" or array.size != len(values):
            continue
        by = float(np.abs(array.ravel().astype(np.float64) - np.array(values, np.float64)).max())
        largest = by if largest is None else max(largest, by)
    return largest
