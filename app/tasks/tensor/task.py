"""What a request by tensors means: a graph's inputs in, its outputs out. Knows arrays and axes.

Knows no HTTP, and not what the numbers mean. `TensorTask` is the task `tensor` of imported graphs
(its manifest's features are `TensorFeatures` of `app.tasks.tensor.features`), and it is the
tensor-level view of every other served graph, whose features `features_of` derives. How to use it:

    task = TensorTask(features, session)            # or TensorTask.load(folder, manifest, open)
    examples = task.split({"token_ids": ..., "lengths": ...}, outputs=("logits",))
    predictions = scheduler.submit_many(examples)   # one entry per row
    outputs = task.join(examples, predictions)      # {"logits": (batch, classes)}

A request of a graph with batch axes is split into rows, each cut to its length, so that rows of
similar length share batches, also with rows of other requests. Only rows of one `group` share a
batch: their axes, except the time axis of `lengths`, have the same sizes. A graph without batch
axes computes each request as it is. Along the time axis outputs are zero beyond a row's length.
"""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

import numpy as np
import numpy.typing as npt
from pydantic import JsonValue, ValidationError

from app.errors import InvalidInput, ModelRefused
from app.serving.models.manifest import Manifest
from app.serving.runtime.datatypes import NUMPY
from app.serving.runtime.session import Refused, Session
from app.serving.task import ExampleDefaults, OpenSession
from app.tasks.tensor.checks import Checks, Limits, Sizes, wrong
from app.tasks.tensor.features import Tensor, TensorFeatures
from app.tasks.tensor.rows import alone, batch_of, row_of, stacked, value_of
from app.tasks.tensor.states import initial_states
from app.tasks.tensor.taken import taken_by
from app.tasks.tensor.values import from_json, shape_of, to_json

Array = npt.NDArray[Any]
GRAPH: Final = "model.onnx"


@dataclass(slots=True)  # not frozen: creating one would take four times as long
class TensorExample(ExampleDefaults):
    """One row of a request's inputs, or all of them for a graph without batch axes.

    request: the inputs of the whole request. row: the place of this row. complete: this row is the
    whole request, so its arrays can be passed to the graph as they are. outputs: the wanted ones.
    end: the row's steps. steps: the request's steps, padding included. length: steps that the
    network takes; other free axes count, too. graph: the file of the graph. doubtful: the graph may
    refuse it, and it shares batches with its like only.
    """

    request: Mapping[str, Array]
    row: int
    complete: bool
    outputs: tuple[str, ...]
    end: int
    steps: int
    length: int
    group: Hashable = None
    graph: str | None = GRAPH
    doubtful: bool = False


@dataclass(slots=True)
class TensorPrediction:
    """The outputs of one example.

    batch: the outputs of the whole batch. row: the place of this example. complete: the batch is
    this example. end: the steps of this example, None if nothing was cut.
    """

    batch: Mapping[str, Array]
    tensors: Mapping[str, Tensor]
    outputs: tuple[str, ...]
    row: int
    complete: bool
    end: int | None

    def value(self, name: str) -> Array:
        """One output, without the batch axis if it has one."""
        tensor, array = self.tensors[name], self.batch[name]
        if tensor.batch_axis is None:
            return array
        return row_of(tensor, array, self.row, self.end)

    def to_json(self) -> dict[str, JsonValue]:
        names = self.outputs
        return {
            "outputs": {n: to_json(self.value(n), self.tensors[n].datatype) for n in names},
        }


class TensorTask:
    """Runs any graph whose inputs and outputs are tensors. An instance does not change."""

    def __init__(self, features: TensorFeatures, session: Session, graph: str = GRAPH) -> None:
        """`graph` is the name of the file.

        Raises:
            ModelRefused: `features` are not those of the session's graph.
        """
        features.compare(session.inputs, session.outputs)
        self.features = features
        self.graph = graph
        self.inputs = {tensor.name: tensor for tensor in features.inputs}
        self.outputs = {tensor.name: tensor for tensor in features.outputs}
        self._session = session
        self._taken = taken_by(session)
        # One row of each state before the first step, without the batch axis.
        self.initial: Mapping[str, Array] = initial_states(features) if features.streams else {}
        self._checks = Checks(features)
        self._all = tuple(self.outputs)
        self._batched, self._masked = features.batched, features.masked

    @classmethod
    def load(cls, folder: Path, manifest: Manifest, open_session: OpenSession) -> Self:
        try:
            features = TensorFeatures.model_validate(manifest.features)
        except ValidationError as error:
            raise ModelRefused(f"the features are not those of tensors: {error}") from error
        return cls(features, open_session(GRAPH))

    def encode(self, inputs: Mapping[str, JsonValue], outputs: Sequence[str] = ()) -> TensorExample:
        """One row of every input as nested lists, without the batch axis; `lengths` may be absent.

        A graph without batch axes takes its inputs as they are. Golden requests are such rows.

        Raises:
            InvalidInput: an input is missing, unknown or wrong.
        """
        arrays: dict[str, Array] = {}
        for tensor in self.features.inputs:
            if tensor.name not in inputs:
                continue
            values = inputs[tensor.name]
            try:
                array = from_json(values, tensor.datatype, shape_of(values))
            except ValueError as error:
                raise wrong(tensor, str(error)) from None
            if self._batched and tensor.batch_axis is not None:
                array = np.expand_dims(array, tensor.batch_axis)
            arrays[tensor.name] = array
        if self.features.lengths is not None and self._batched:
            arrays = self._checks.full_lengths(arrays) | arrays
        for name in inputs.keys() - arrays.keys():
            raise InvalidInput("there is no such input", field=f"inputs.{name}")
        return self.split(arrays, outputs)[0]

    def sizes(self, shapes: Mapping[str, tuple[int, ...]], limits: Limits | None = None) -> Sizes:
        """The sizes of a request with inputs of these shapes.

        Raises:
            InvalidInput: an input is missing, unknown or has a wrong shape, or the request is
                larger than `limits`.
        """
        sizes = self._checks.sizes(shapes)
        if limits is not None:
            limits.check(sizes)
        return sizes

    def split(
        self,
        arrays: Mapping[str, Array],
        outputs: Sequence[str] = (),
        sizes: Sizes | None = None,
    ) -> list[TensorExample]:
        """The rows of one request; `outputs` are wanted, all of them if it is empty.

        `sizes` are those of the arrays, if they are known already.

        Raises:
            InvalidInput: an input or a length is wrong, or there is no such output.
        """
        wanted = self._wanted(outputs)
        if sizes is None:
            for tensor in self.features.inputs:
                if tensor.name in arrays and arrays[tensor.name].dtype != NUMPY[tensor.datatype]:
                    raise wrong(tensor, f"its elements are {arrays[tensor.name].dtype}")
            sizes = self.sizes({name: array.shape for name, array in arrays.items()})
        if not self._batched:
            return [self._example(arrays, wanted, sizes, 0, sizes.steps, object())]
        if len(arrays) < len(self.inputs):
            arrays = self._completed(arrays, sizes.rows)
        ends = self._checks.ends(arrays, sizes) or [sizes.steps] * sizes.rows
        doubtful = self._taken.wary and self._taken.is_doubtful(arrays)
        shared = [value_of(arrays[name]) for name in self.features.shared]
        group = (self.graph, sizes.group, doubtful, *shared)
        places = enumerate(ends)
        return [self._example(arrays, wanted, sizes, *each, group, doubtful) for each in places]

    def _completed(self, arrays: Mapping[str, Array], rows: int) -> dict[str, Array]:
        """With the states and lengths that a request has left out: it is the whole sequence."""
        states = {
            name: stacked(self.inputs[name], [row] * rows)
            for name, row in self.initial.items()
            if name not in arrays
        }
        lengths = self.features.lengths
        told = lengths is None or lengths in arrays
        return {**arrays, **states} | ({} if told else self._checks.full_lengths(arrays, rows))

    def _example(
        self,
        arrays: Mapping[str, Array],
        wanted: tuple[str, ...],
        sizes: Sizes,
        row: int,
        end: int,
        group: Hashable,
        doubtful: bool = False,
    ) -> TensorExample:
        complete = not self._batched or (sizes.rows == 1 and end == sizes.steps)
        length = max(1, end + sizes.beside)
        return TensorExample(
            arrays, row, complete, wanted, end, sizes.steps, length, group, self.graph, doubtful
        )

    def predict(self, examples: Sequence[TensorExample]) -> list[TensorPrediction]:
        """Outputs in the order of `examples`; each depends only on its own row.

        Raises:
            InvalidInput: the graph refuses a value, such as a token id beyond its vocabulary.
        """
        if len(examples) == 1:
            return self._run(examples)
        if not self._batched:
            return [self._run([example])[0] for example in examples]
        groups: dict[Hashable, list[int]] = {}
        for index, example in enumerate(examples):
            groups.setdefault(example.group, []).append(index)
        found: dict[int, TensorPrediction] = {}
        for members in groups.values():
            answers = self._run([examples[index] for index in members])
            found |= zip(members, answers, strict=True)
        return [found[index] for index in range(len(examples))]

    def join(
        self, examples: Sequence[TensorExample], predictions: Sequence[TensorPrediction]
    ) -> Mapping[str, Array]:
        """The outputs of one request from those of its rows, in the order they were asked for."""
        first = predictions[0]
        if first.complete and examples[0].complete:
            return first.batch
        steps = examples[0].steps if self._masked else None
        return {
            name: alone(self.outputs[name], first.batch[name], first.row)
            if len(predictions) == 1 and self.outputs[name].time_axis is None
            else stacked(self.outputs[name], [each.value(name) for each in predictions], steps)
            for name in examples[0].outputs
        }

    def _run(self, examples: Sequence[TensorExample]) -> list[TensorPrediction]:
        """Examples of one group, in one run of the graph."""
        first, count = examples[0], len(examples)
        names = first.outputs
        if count > 1 and any(example.outputs != names for example in examples):
            wanted = {name for example in examples for name in example.outputs}
            names = tuple(name for name in self._all if name in wanted)
        feeds = first.request if count == 1 and first.complete else self._batch(examples)
        try:
            values = self._session.run(feeds, names)
        except Refused as error:
            self._taken.refused()
            raise InvalidInput(
                f"the network cannot compute this: {error}",
                field="inputs",
                allowed="values that the network was made for",
            ) from error
        if self._taken.wary:
            self._taken.note(feeds)
        if self._batched:
            for name in names:
                shape, axis = values[name].shape, self.outputs[name].batch_axis
                if axis is None or axis >= len(shape) or shape[axis] != count:
                    raise RuntimeError(f"{name} {shape} has not {count} rows")
        tensors, masked = self.outputs, self._masked
        return [
            TensorPrediction(
                values, tensors, each.outputs, row, count == 1, each.end if masked else None
            )
            for row, each in enumerate(examples)
        ]

    def _batch(self, examples: Sequence[TensorExample]) -> dict[str, Array]:
        """The inputs of several rows, each cut to its length, padded to the longest."""
        rows = [(each.request, each.row, each.end if self._masked else None) for each in examples]
        return {name: batch_of(tensor, rows) for name, tensor in self.inputs.items()}

    def _wanted(self, outputs: Sequence[str]) -> tuple[str, ...]:
        for index, name in enumerate(outputs):
            if name not in self.outputs:
                raise InvalidInput(
                    f"there is no output {name!r}",
                    field=f"outputs[{index}].name",
                    allowed=f"one of {', '.join(self._all)}",
                )
        return tuple(outputs) or self._all
