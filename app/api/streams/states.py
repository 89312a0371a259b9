"""What streams of a model are made of: a graph, values, or a text. Knows names of models."""

from collections.abc import Mapping
from typing import Any, Final, Protocol, TypeAlias
from weakref import WeakKeyDictionary

import numpy.typing as npt

from app.api.graphs import graph_of
from app.api.work import encode_at
from app.errors import InvalidInput
from app.serving.models.loader import LoadedModel
from app.tasks.anomalies.streams import ValueStream
from app.tasks.anomalies.task import AnomalyTask
from app.tasks.generate.stream import TextStream
from app.tasks.generate.task import GenerateTask
from app.tasks.tensor.streams import StreamGraph
from app.tasks.tensor.task import TensorTask

Array = npt.NDArray[Any]
# What takes steps of one entry each.
Streamed: TypeAlias = StreamGraph | ValueStream

_OPTIONS: Final = {
    name: f"options.{name}" for name in ("threshold", "frequency", "season_length", "quantiles")
}
_graphs: Final[WeakKeyDictionary[TensorTask, StreamGraph]] = WeakKeyDictionary()
_values: Final[WeakKeyDictionary[AnomalyTask, ValueStream]] = WeakKeyDictionary()
_texts: Final[WeakKeyDictionary[GenerateTask, TextStream]] = WeakKeyDictionary()


class States(Protocol):
    """What streams of one graph have in common. first: a state before the first step.

    can_be_fed_again: whether inputs can be kept for another version. file: the graph's.
    """

    @property
    def first(self) -> bytes: ...

    @property
    def can_be_fed_again(self) -> bool: ...

    @property
    def file(self) -> str: ...

    def tensors_of(self, state: bytes) -> dict[str, Array]:
        """The parts of a state by name. Raises ValueError."""
        ...

    def state_from(self, tensors: Mapping[str, Array]) -> bytes:
        """The state of these parts. Raises ValueError for those of another graph."""
        ...


def states_of(model: LoadedModel, name: str) -> States:
    """What streams of the model, or of the graph, that is meant by `name` are made of.

    Raises ModelNotFound, InvalidInput if it cannot stream.
    """
    return text_stream(model) if writes(model, name) else entry_stream(model, name)


def writes(model: LoadedModel, name: str) -> bool:
    """Whether streams of `name` are texts that go on, and not steps of a graph."""
    return isinstance(model.task, GenerateTask) and "." not in name


def entry_stream(model: LoadedModel, name: str) -> Streamed:
    """What takes steps of one entry each: a forecaster its values, a graph its tensors.

    Raises ModelNotFound, InvalidInput if it cannot stream.
    """
    task = model.task
    if not isinstance(task, AnomalyTask) or "." in name:
        return stream_graph(model, name)
    stream = _values.get(task)
    if stream is None:
        stream = _values[task] = ValueStream(task)
    return stream


def of_tensors(streamed: Streamed) -> StreamGraph:
    """The same if it takes tensors. Raises InvalidInput."""
    if isinstance(streamed, ValueStream):
        raise InvalidInput(
            "the model takes no tensors step by step", field="inputs", allowed="values instead"
        )
    return streamed


def text_stream(model: LoadedModel) -> TextStream:
    """The texts of a language model."""
    task = model.task
    assert isinstance(task, GenerateTask)  # see `writes`
    stream = _texts.get(task)
    if stream is None:
        stream = _texts[task] = TextStream(task)
    return stream


def stream_graph(model: LoadedModel, name: str) -> StreamGraph:
    """The graph that is meant by `name`. Raises ModelNotFound, InvalidInput if it cannot stream."""
    task = graph_of(model, name)
    graph = _graphs.get(task)
    if graph is None:
        graph = _graphs[task] = StreamGraph(task)
    return graph


def first_of(states: States, options: dict[str, Any] | None) -> bytes:
    """The state before the first step. Raises InvalidInput for options that are none."""
    if not options:
        return states.first
    if not isinstance(states, ValueStream):
        raise InvalidInput("the model has no options", field="options", allowed="{}, or nothing")
    return encode_at(_OPTIONS, states.first_with, options=options)


def digest_of(model: LoadedModel, states: States) -> str:
    """The digest of the graph's file, which says whether a state is one of it."""
    return model.manifest.files[states.file].sha256


def has_streams(model: LoadedModel) -> bool:
    """Whether streams may be of this version."""
    return isinstance(model.task, GenerateTask | AnomalyTask) or any(
        isinstance(task, TensorTask) and task.features.streams for task in model.graphs.values()
    )
