"""Inference requests that belong to a sequence, which is a stream. Knows the protocol's words.

Sequence 42 of the model lstm is the stream `lstm.42`, whether the id is a number or text.
"""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final

import numpy.typing as npt
from fastapi import Request

from app.api.context import RequestRecord
from app.api.services import Services
from app.api.streams.following import GraphSteps, new_record
from app.api.streams.states import Streamed, digest_of, of_tensors, stream_graph
from app.api.v2.head import Head
from app.api.v2.sequence_head import Sequence
from app.errors import StreamExists, StreamExpired, StreamNotFound
from app.serving.models.loader import LoadedModel
from app.serving.streams.records import Key
from app.serving.streams.taking import Steps
from app.tasks.tensor.checks import Limits
from app.tasks.tensor.streams import StreamSteps
from app.tasks.tensor.task import TensorTask

Array = npt.NDArray[Any]
_NO_DIGEST: Final = b""  # requests of the protocol say no position, so none is answered again


async def run_sequence(
    services: Services,
    request: Request,
    record: RequestRecord,
    model: LoadedModel,
    name: str,
    head: Head,
    limits: Limits,
) -> tuple[LoadedModel, TensorTask, Mapping[str, Array]]:
    """The version and the graph that took the steps, and the outputs.

    `name` is what the request called the graph. Raises StreamExists for a first request of a
    sequence that goes on, StreamNotFound for another one of a sequence that does not, and what
    `Streams.take` raises.
    """
    sequence = head.sequence
    assert sequence is not None
    arrays = head.values
    found: dict[str, Array] = {}

    def read(graph: Streamed) -> StreamSteps:
        return of_tensors(graph).read(arrays, limits)

    def keep(graph: Streamed, outputs: Mapping[str, Array], count: int) -> bytes:
        found.clear()
        found.update(outputs)
        return b""

    key = Key(services.owner(request.scope), f"{name}.{sequence.id}")
    network = GraphSteps(services, request, record, read, keep, head.outputs)
    if sequence.start:
        read(stream_graph(model, name))  # what is wrong with it begins no sequence
        await _start(services, key, name, model, sequence)
    try:
        await services.streams.take(key, Steps(None, _NO_DIGEST), network, record.deadline)
    except StreamNotFound as error:
        raise _unknown(sequence, name, error) from error
    except Exception:
        if sequence.start:  # so that it can be started again
            await _end(services, key)
        raise
    if sequence.end:
        await _end(services, key)
    version, graph = network.on
    return version, of_tensors(graph).task, found


async def _start(
    services: Services, key: Key, name: str, model: LoadedModel, sequence: Sequence
) -> None:
    graph = stream_graph(model, name)
    ttl = services.settings.stream_ttl_seconds
    fresh = new_record(name, model.version, digest_of(model, graph), "pin", ttl, graph.first)
    while True:
        there, new = await services.streams.open(key, fresh)
        if new:
            return
        if not services.settings.sequence_restart:
            raise StreamExists(
                f"sequence {sequence.id} of {name} is going on, at {there.position} steps: end it "
                f"with sequence_end, or DELETE /streams/{key.name}"
            )
        if await services.streams.change(key, there, fresh, forget=True):
            return


async def _end(services: Services, key: Key) -> None:
    with suppress(StreamNotFound):  # somebody else has ended it
        await services.streams.delete(key)


def _unknown(sequence: Sequence, name: str, error: StreamNotFound) -> StreamNotFound:
    what = f"sequence {sequence.id} of {name}"
    if isinstance(error, StreamExpired):
        return StreamExpired(f"{what} has expired: begin it again with sequence_start")
    return StreamNotFound(f"{what} is not going on: begin it with sequence_start")
