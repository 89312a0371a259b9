"""Steps of graphs as JSON values: what a request brings, and what is answered. Knows graphs.

Tensors are those of the Open Inference Protocol. Of a graph with one input, plain `values` are
understood as well, one entry a step, and answered step by step.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from app.api.bodies.fields import shown
from app.api.responses import answer_json
from app.api.streams.states import Streamed, of_tensors
from app.api.v2.head import read_inputs
from app.api.v2.tensors import to_values
from app.errors import InvalidInput
from app.tasks.tensor import values as tensor_values
from app.tasks.tensor.checks import Limits
from app.tasks.tensor.features import Tensor
from app.tasks.tensor.streams import StreamGraph, StreamSteps

Array = npt.NDArray[Any]


def read_tensors(items: Any, limits: Limits, streamed: Streamed) -> StreamSteps:
    """Steps from a list of tensors. Raises InvalidInput."""
    graph = of_tensors(streamed)
    arrays, _, buffers = read_inputs(items, graph.task)
    if buffers:
        raise InvalidInput(
            "a stream takes no binary tensors", field=buffers[0].field, allowed="values in data"
        )
    return graph.read(arrays, limits)


def read_values(items: Any, limits: Limits, graph: StreamGraph) -> StreamSteps:
    """Steps of a graph with one input from one entry a step. Raises InvalidInput."""
    tensor, *more = graph.data
    if more:
        names = ", ".join(each.name for each in graph.data)
        raise InvalidInput(
            f"one step has several inputs: {names}",
            field="values",
            allowed="a graph with one input; send inputs instead",
        )
    if not isinstance(items, list) or not items:
        raise InvalidInput(
            f"expected a list, got {shown(items)}",
            field="values",
            allowed="a list of one entry a step, one at least",
        )
    apart = (tensor.batch_axis, tensor.time_axis)
    sizes = [size for axis, size in enumerate(tensor.shape) if axis not in apart]
    measured = tensor_values.shape_of(items[0])
    one = [
        size if isinstance(size, int) else measured[place] if place < len(measured) else 1
        for place, size in enumerate(sizes)
    ]
    try:
        array = tensor_values.from_json(items, tensor.datatype, (len(items), *one))
    except ValueError as error:
        raise InvalidInput(
            str(error), field="values", allowed=f"one entry a step, each {tensor.datatype} {one}"
        ) from None
    # (steps, ...) -> the axes of the tensor
    batch, time = tensor.batch_axis or 0, tensor.row_time_axis()
    if not graph.timed:
        array = _moved(array, 0, batch)
    else:
        place: list[Any] = [slice(None)] * batch
        array = _moved(array, 0, time or 0)[(*place, None)]
    return graph.read({tensor.name: np.ascontiguousarray(array)}, limits)


def write_tensors(streamed: Streamed, outputs: Mapping[str, Array], count: int) -> bytes:
    """The member `outputs` of an answer. Raises InvalidInput for what JSON cannot hold."""
    graph = of_tensors(streamed)
    written = [
        {
            "name": name,
            "datatype": graph.task.outputs[name].datatype,
            "shape": array.shape,
            "data": to_values(array, graph.task.outputs[name].datatype, name),
        }
        for name, array in outputs.items()
    ]
    return b'"outputs":' + answer_json(written)


def write_steps(graph: StreamGraph, outputs: Mapping[str, Array], count: int) -> bytes:
    """The member `steps` of an answer: of each step its outputs by name.

    An output that is not given for every step stands with the last one. Raises InvalidInput for
    what JSON cannot hold.
    """
    steps: list[dict[str, Any]] = [{} for _ in range(count)]
    for name, array in outputs.items():
        tensor = graph.task.outputs[name]
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            to_values(array, tensor.datatype, name)  # says what is wrong
        values = tensor_values.to_json(_by_step(graph, tensor, array, count), tensor.datatype)
        if len(values) == count:
            for step, value in zip(steps, values, strict=True):
                step[name] = value
        else:
            steps[-1][name] = values[-1]
    return b'"steps":' + answer_json(steps)


def _by_step(graph: StreamGraph, tensor: Tensor, array: Array, count: int) -> Array:
    """With the steps on the first axis; one entry for an output that is not given for each."""
    batch = tensor.batch_axis or 0
    if not graph.timed:
        return _moved(array, batch, 0)
    place: list[Any] = [slice(None)] * batch
    row: Array = array[(*place, 0)]
    time = tensor.row_time_axis()
    if time is None or row.shape[time] != count:
        return row[None]
    return _moved(row, time, 0)


def _moved(array: Array, axis: int, to: int) -> Array:
    """As NumPy's `moveaxis`, which takes its time also where nothing is to be moved."""
    return array if axis == to else np.moveaxis(array, axis, to)
