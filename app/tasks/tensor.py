"""What a request by tensors means: a graph's inputs in, its outputs out. Knows arrays and axes.

Knows no HTTP, and not what the numbers mean. `TensorTask` is the task `tensor` of imported graphs
(its manifest's features are `TensorFeatures` of `app.tasks.tensor_features`), and it is the
tensor-level view of every other served graph, whose features `features_of` derives. How to use it:

    task = TensorTask(features, session)            # or TensorTask.load(folder, manifest, open)
    examples = task.split({"token_ids": ..., "lengths": ...}, outputs=("logits",))
    predictions = scheduler.submit_many(examples)   # one entry per row
    outputs = task.join(examples, predictions)      # {"logits": (batch, classes)}

A request of a graph with batch axes is taken apart into rows, each cut to its length, so that rows
of like length share batches whoever sent them. Only rows of one `group` may share a batch: those
whose axes, but for the time that `lengths` ends, have the same sizes. A graph without batch axes
computes each request as it came. Along the time axis outputs are zero beyond a row's length.
"""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

import numpy as np
import numpy.typing as npt
from pydantic import JsonValue, ValidationError

from app.errors import InvalidInput, ModelRefused
from app.serving.datatypes import OF_ONNX
from app.serving.manifest import Manifest
from app.serving.session import Refused, Session, TensorSpec
from app.serving.task import OpenSession
from app.tasks.tensor_checks import Checks, Limits, wrong
from app.tasks.tensor_features import Tensor, TensorFeatures
from app.tasks.tensor_values import from_json, shape_of, to_json

Array = npt.NDArray[Any]
GRAPH: Final = "model.onnx"


@dataclass(frozen=True, slots=True)
class TensorExample:
    """One row of every input, without its batch axis; or a request as it came, if it has none.

    length: steps the network takes for it. steps: those that the request sent, padding included.
    group: only examples that have it in common may share a batch. outputs: which are wanted.
    """

    arrays: Mapping[str, Array]
    outputs: tuple[str, ...]
    length: int
    steps: int
    group: Hashable
    graph: str = GRAPH


@dataclass(frozen=True, slots=True)
class TensorPrediction:
    """The wanted outputs of one example, without their batch axis if its inputs had none."""

    outputs: Mapping[str, Array]
    tensors: Mapping[str, Tensor]

    def to_json(self) -> dict[str, JsonValue]:
        values = {
            name: to_json(each, self.tensors[name].datatype) for name, each in self.outputs.items()
        }
        return {"outputs": values}


class TensorTask:
    """Runs any graph whose inputs and outputs are tensors."""

    def __init__(self, features: TensorFeatures, session: Session, graph: str = GRAPH) -> None:
        """`graph` names the file, for models that have several.

        Raises ModelRefused if `features` are not those of the session's graph.
        """
        _compare("input", features.inputs, session.inputs)
        _compare("output", features.outputs, session.outputs)
        self.features = features
        self.graph = graph
        self._session = session
        self._checks = Checks(features)
        self.inputs = {tensor.name: tensor for tensor in features.inputs}
        self.outputs = {tensor.name: tensor for tensor in features.outputs}
        self._all = tuple(self.outputs)

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
        Raises InvalidInput.
        """
        features = self.features
        arrays: dict[str, Array] = {}
        for tensor in features.inputs:
            if tensor.name not in inputs:
                continue
            values = inputs[tensor.name]
            try:
                array = from_json(values, tensor.datatype, shape_of(values))
            except ValueError as error:
                raise wrong(tensor, str(error)) from None
            if features.batched and tensor.batch_axis is not None:
                array = np.expand_dims(array, tensor.batch_axis)
            arrays[tensor.name] = array
        if features.lengths is not None and features.batched and features.lengths not in arrays:
            arrays |= self._checks.full_lengths(arrays)
        for name in inputs.keys() - arrays.keys():
            raise InvalidInput("there is no such input", field=f"inputs.{name}")
        return self.split(arrays, outputs)[0]

    def split(
        self,
        arrays: Mapping[str, Array],
        outputs: Sequence[str] = (),
        limits: Limits | None = None,
    ) -> list[TensorExample]:
        """The rows of one request; `outputs` are wanted, all of them if it is empty.

        Raises InvalidInput naming the input whose presence, element type, shape or lengths are
        wrong or that is over the `limits`, or an output that there is not.
        """
        wanted = self._wanted(outputs)
        request = self._checks.sizes(arrays)
        if limits is not None:
            limits.check(request)
        if not self.features.batched:
            return [
                TensorExample(arrays, wanted, request.steps, request.steps, object(), self.graph)
            ]
        ends = self._checks.ends(arrays, request)
        examples = []
        for row in range(request.rows):
            end = request.steps if ends is None else ends[row]
            rows = {
                tensor.name: _row(tensor, arrays[tensor.name], row, end)
                for tensor in self.features.inputs
            }
            group = (self.graph, request.group)
            examples.append(TensorExample(rows, wanted, end, request.steps, group, self.graph))
        return examples

    def predict(self, examples: Sequence[TensorExample]) -> list[TensorPrediction]:
        """Outputs in the order of `examples`; each depends on its own row alone.

        Raises InvalidInput for values that the graph itself refuses, such as a token id that is
        not in its vocabulary.
        """
        groups: dict[Hashable, list[int]] = {}
        for index, example in enumerate(examples):
            groups.setdefault(example.group, []).append(index)
        if len(groups) == 1:
            return self._run(examples)
        found: dict[int, TensorPrediction] = {}
        for members in groups.values():
            answers = self._run([examples[index] for index in members])
            found |= zip(members, answers, strict=True)
        return [found[index] for index in range(len(examples))]

    def join(
        self, examples: Sequence[TensorExample], predictions: Sequence[TensorPrediction]
    ) -> dict[str, Array]:
        """The outputs of one request from those of its rows, in the order they were asked for."""
        if not self.features.batched:
            return dict(predictions[0].outputs)
        steps = examples[0].steps
        joined = {}
        for name in examples[0].outputs:
            tensor = self.outputs[name]
            rows = [prediction.outputs[name] for prediction in predictions]
            joined[name] = _stack(tensor, rows, steps if self.features.masked else None)
        return joined

    def _run(self, examples: Sequence[TensorExample]) -> list[TensorPrediction]:
        """Examples of one group, in one run of the graph."""
        first = examples[0]
        names = first.outputs
        if any(example.outputs is not names for example in examples):
            wanted = {name for example in examples for name in example.outputs}
            names = tuple(name for name in self._all if name in wanted)
        feeds = first.arrays
        if self.features.batched:
            feeds = {
                tensor.name: _stack(tensor, [each.arrays[tensor.name] for each in examples])
                for tensor in self.features.inputs
            }
        try:
            values = self._session.run(feeds, names)
        except Refused as error:
            raise InvalidInput(
                f"the network cannot compute this: {error}",
                field="inputs",
                allowed="values that the network was made for",
            ) from error
        if not self.features.batched:
            return [TensorPrediction(values, self.outputs)]
        for name, value in values.items():
            axis = self.outputs[name].batch_axis
            if axis is None or axis >= value.ndim or value.shape[axis] != len(examples):
                raise RuntimeError(f"{name} {value.shape} has not {len(examples)} rows")
        masked = self.features.masked
        return [
            TensorPrediction(
                {
                    name: _row(
                        self.outputs[name], values[name], row, example.length if masked else None
                    )
                    for name in example.outputs
                },
                self.outputs,
            )
            for row, example in enumerate(examples)
        ]

    def _wanted(self, outputs: Sequence[str]) -> tuple[str, ...]:
        if not outputs:
            return self._all
        for index, name in enumerate(outputs):
            if name not in self.outputs:
                raise InvalidInput(
                    f"there is no output {name!r}",
                    field=f"outputs[{index}].name",
                    allowed=f"one of {', '.join(self._all)}",
                )
        return tuple(outputs)


def _compare(kind: str, tensors: Sequence[Tensor], specs: Sequence[TensorSpec]) -> None:
    names = [tensor.name for tensor in tensors]
    if names != [spec.name for spec in specs]:
        found = ", ".join(spec.name for spec in specs)
        raise ModelRefused(
            f"the features name the {kind}s {', '.join(names)}, the graph has {found}"
        )
    for tensor, spec in zip(tensors, specs, strict=True):
        if OF_ONNX.get(spec.type) != tensor.datatype or len(spec.shape) != len(tensor.shape):
            raise ModelRefused(
                f"the {kind} {tensor.name} is {spec.type} {list(spec.shape)} in the graph, "
                f"{tensor.datatype} {list(tensor.shape)} in the features"
            )


def _row(tensor: Tensor, array: Array, row: int, end: int | None) -> Array:
    """A view of one row, without the batch axis and, if `end` is given, up to there in time."""
    axis = tensor.batch_axis
    assert axis is not None
    # The ellipsis makes a row of one element an array, too.
    view: Array = array[(slice(None),) * axis + (row, ...)]
    time = tensor.row_time_axis()
    if end is None or time is None or view.shape[time] <= end:
        return view
    return view[(slice(None),) * time + (slice(end),)]


def _stack(tensor: Tensor, rows: Sequence[Array], steps: int | None = None) -> Array:
    """Rows as one array with the batch axis, zero beyond each one's end.

    The time axis is as long as the longest row, or `steps` if that is given.
    """
    axis, time = tensor.batch_axis, tensor.row_time_axis()
    assert axis is not None
    first = rows[0]
    shape = list(first.shape)
    if time is not None:
        shape[time] = max(row.shape[time] for row in rows) if steps is None else steps
    if len(rows) == 1 and list(first.shape) == shape:
        return np.ascontiguousarray(np.expand_dims(first, axis))
    shape.insert(axis, len(rows))
    text = tensor.datatype == "BYTES"
    padded = np.full(shape, "", object) if text else np.zeros(shape, first.dtype)
    place: list[int | slice] = [slice(None)] * len(shape)
    for index, row in enumerate(rows):
        place[axis] = index
        if tensor.time_axis is not None and time is not None:
            place[tensor.time_axis] = slice(row.shape[time])
        padded[tuple(place)] = row
    return padded
