"""The bodies of inference requests and answers. Knows JSON and buffers; not what computes them.

A body is JSON, followed by the buffers of those tensors that are sent as binary, in the order of
the JSON; `Inference-Header-Content-Length` says where the JSON ends, and 0 that there is none and
the whole body is the one input's.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import Any, Final

import numpy.typing as npt
from pydantic_core import from_json, to_json

from app.api.classification import classified
from app.api.errors import RequestRefused
from app.api.fields import clipped, shown
from app.api.tensors import PREFIX, from_buffer, to_buffer, to_values
from app.errors import InvalidInput
from app.serving.datatypes import NUMPY
from app.tasks import tensor_values
from app.tasks.tensor import TensorTask
from app.tasks.tensor_features import Tensor

Array = npt.NDArray[Any]
LENGTH_HEADER: Final = "Inference-Header-Content-Length"


@dataclass(frozen=True, slots=True)
class Wanted:
    """An output that a request asks for; classes: of how many the names, 0 for its values."""

    name: str
    binary: bool
    classes: int = 0


@dataclass(frozen=True, slots=True)
class InferRequest:
    """One request, read: its inputs as arrays, and what it wants. timeout: in seconds."""

    id: str | None
    arrays: Mapping[str, Array]
    outputs: tuple[Wanted, ...]
    timeout: float | None = None


def read_request(body: bytes, header: str | None, task: TensorTask) -> InferRequest:
    """Read a body for the graph of `task`; `header` is the value of LENGTH_HEADER, if sent.

    Raises RequestRefused (400) for what is no JSON, (501) for extensions that are not served, and
    InvalidInput naming the field that is wrong.
    """
    size = len(body) if header is None else _header_size(header, len(body))
    if header is not None and not size:
        return _read_raw(body, task)
    try:
        content = from_json(body if size == len(body) else body[:size])
    except ValueError as error:
        raise RequestRefused(400, f"the body is not JSON: {error}") from None
    if not isinstance(content, dict):
        raise InvalidInput(f"expected an object, got {shown(content)}", allowed="a JSON object")
    parameters = _object(content, "parameters", "")
    identity = content.get("id")
    if identity is not None and not isinstance(identity, str):
        raise InvalidInput(f"expected a text, got {shown(identity)}", field="id", allowed="a text")
    if parameters.get("sequence_id"):
        raise RequestRefused(501, "sequences are not kept here: send and read the state's tensors")
    return InferRequest(
        identity,
        _read_inputs(body, size, content, task),
        _read_outputs(content, parameters, task),
        _timeout(parameters),
    )


def write_answer(
    head: dict[str, Any], request: InferRequest, outputs: Mapping[str, Array], task: TensorTask
) -> tuple[bytes, int | None]:
    """(the body, the length of its JSON if buffers follow it). `head` goes before the outputs.

    Raises InvalidInput for an output that is wanted in a form that it cannot have.
    """
    written: list[dict[str, Any]] = []
    buffers: list[bytes] = []
    for wanted in request.outputs:
        tensor, array = task.outputs[wanted.name], outputs[wanted.name]
        datatype = tensor.datatype
        if wanted.classes:
            array = classified(array, tensor, wanted.classes, task.features.labels)
            datatype = "BYTES"
        output: dict[str, Any] = {"name": wanted.name, "datatype": datatype, "shape": array.shape}
        if wanted.binary:
            buffer = to_buffer(array, datatype)
            output["parameters"] = {"binary_data_size": len(buffer)}
            buffers.append(buffer)
        else:
            output["data"] = to_values(array, datatype, wanted.name)
        written.append(output)
    content = to_json(head | {"outputs": written}, inf_nan_mode="constants")
    if not buffers:
        return content, None
    return b"".join((content, *buffers)), len(content)


def _read_inputs(
    body: bytes, at: int, content: Mapping[str, Any], task: TensorTask
) -> dict[str, Array]:
    """The inputs by name; buffers begin `at` there in the body."""
    items = content.get("inputs")
    if not isinstance(items, list):
        raise InvalidInput(
            f"expected a list, got {shown(items)}", field="inputs", allowed="a list of tensors"
        )
    arrays: dict[str, Array] = {}
    for index, item in enumerate(items):
        where = f"inputs[{index}]"
        tensor = _tensor(item, where, task.inputs)
        if tensor.name in arrays:
            raise InvalidInput(f"{tensor.name} is there twice", field=f"{where}.name")
        shape = _shape(item, where, tensor)
        size = _object(item, "parameters", where).get("binary_data_size")
        if size is None:
            arrays[tensor.name] = _from_json(item, where, tensor, shape)
            continue
        if "data" in item:
            raise InvalidInput("its data is sent twice, as JSON and as binary", field=where)
        field = f"{where}.parameters.binary_data_size"
        if type(size) is not int or not 0 <= size <= len(body) - at:
            raise InvalidInput(
                f"expected a whole number, {len(body) - at} at most, got {shown(size)}",
                field=field,
                allowed="no more bytes than are left in the body behind its JSON",
            )
        arrays[tensor.name] = from_buffer(body, at, size, tensor, shape, field)
        at += size
    if at != len(body):
        raise InvalidInput(
            f"{len(body) - at} bytes of the body belong to no tensor",
            field="inputs",
            allowed=f"buffers as long as their binary_data_size says, and {LENGTH_HEADER}",
        )
    return arrays


def _read_raw(body: bytes, task: TensorTask) -> InferRequest:
    """A body that is the buffer of a graph's only input, one row of it."""
    tensor, *more = task.features.inputs
    free = [
        axis
        for axis, size in enumerate(tensor.shape)
        if not isinstance(size, int) and axis != tensor.batch_axis
    ]
    text = tensor.datatype == "BYTES"
    if more or (len(free) > 1 and not text):
        raise InvalidInput(
            "the inputs of this model cannot be told from a body without JSON",
            field=LENGTH_HEADER,
            allowed="the number of bytes of the JSON",
        )
    shape = [size if isinstance(size, int) else 1 for size in tensor.shape]
    if text:  # the one element is the body, and needs no length of its own
        body = PREFIX.pack(len(body)) + body
    elif free:
        shape[free[0]] = len(body) // (prod(shape) * NUMPY[tensor.datatype].itemsize)
    array = from_buffer(body, 0, len(body), tensor, tuple(shape), "the body")
    outputs = tuple(Wanted(name, binary=True) for name in task.outputs)
    return InferRequest(None, {tensor.name: array}, outputs)


def _tensor(item: Any, where: str, known: Mapping[str, Tensor]) -> Tensor:
    """The input or output that `item` names; it must be of the element type it says, if any."""
    if not isinstance(item, dict):
        raise InvalidInput(f"expected an object, got {shown(item)}", field=where)
    name = item.get("name")
    tensor = known.get(name) if isinstance(name, str) else None
    if tensor is None:
        raise InvalidInput(
            f"the model has no {shown(name)} here",
            field=f"{where}.name",
            allowed=f"one of {', '.join(known)}",
        )
    parameters = item.get("parameters")
    if isinstance(parameters, dict) and "shared_memory_region" in parameters:
        raise RequestRefused(501, f"{where}: shared memory is not served; send the data")
    return tensor


def _shape(item: Mapping[str, Any], where: str, tensor: Tensor) -> tuple[int, ...]:
    if item.get("datatype") != tensor.datatype:
        raise InvalidInput(
            f"{tensor.name} is not {shown(item.get('datatype'))}",
            field=f"{where}.datatype",
            allowed=tensor.datatype,
        )
    shape = item.get("shape")
    if (
        not isinstance(shape, list)
        or len(shape) != len(tensor.shape)
        or not all(type(size) is int and size > 0 for size in shape)
    ):
        raise InvalidInput(
            f"expected {len(tensor.shape)} whole numbers, got {clipped(str(shape))}",
            field=f"{where}.shape",
            allowed=f"{tensor.datatype} {tensor.shown()}, one at least of everything",
        )
    return tuple(shape)


def _from_json(
    item: Mapping[str, Any], where: str, tensor: Tensor, shape: tuple[int, ...]
) -> Array:
    if "data" not in item:
        raise InvalidInput(
            "its data is missing",
            field=where,
            allowed="values in data, or parameters.binary_data_size and a buffer",
        )
    try:
        return tensor_values.from_json(item["data"], tensor.datatype, shape)
    except ValueError as error:
        raise InvalidInput(str(error), field=f"{where}.data") from None


def _read_outputs(
    content: Mapping[str, Any], parameters: Mapping[str, Any], task: TensorTask
) -> tuple[Wanted, ...]:
    binary = _flag(parameters, "binary_data_output", "parameters", False)
    items = content.get("outputs")
    if items is None or items == []:
        return tuple(Wanted(name, binary) for name in task.outputs)
    if not isinstance(items, list):
        raise InvalidInput(f"expected a list, got {shown(items)}", field="outputs")
    wanted: dict[str, Wanted] = {}
    for index, item in enumerate(items):
        where = f"outputs[{index}]"
        name = _tensor(item, where, task.outputs).name
        own = _object(item, "parameters", where)
        classes = own.get("classification", 0)
        if type(classes) is not int or classes < 0:
            raise InvalidInput(
                f"expected a number of classes, got {shown(classes)}",
                field=f"{where}.parameters.classification",
                allowed="a whole number",
            )
        if name in wanted:
            raise InvalidInput(f"{name} is there twice", field=f"{where}.name")
        wanted[name] = Wanted(name, _flag(own, "binary_data", where, binary), classes)
    return tuple(wanted.values())


def _flag(parameters: Mapping[str, Any], name: str, where: str, default: bool) -> bool:
    value = parameters.get(name, default)
    if not isinstance(value, bool):
        raise InvalidInput(
            f"expected true or false, got {shown(value)}", field=f"{where}.{name}", allowed="a bool"
        )
    return value


def _timeout(parameters: Mapping[str, Any]) -> float | None:
    value = parameters.get("timeout")
    if value is None or value == 0:
        return None
    if type(value) is not int or value < 0:
        raise InvalidInput(
            f"expected a time, got {shown(value)}",
            field="parameters.timeout",
            allowed="a whole number of microseconds",
        )
    return value / 1e6


def _object(content: Mapping[str, Any], name: str, where: str) -> Mapping[str, Any]:
    value = content.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise InvalidInput(
            f"expected an object, got {shown(value)}", field=f"{where}.{name}".lstrip(".")
        )
    return value


def _header_size(value: str, available: int) -> int:
    if not (value.isascii() and value.isdecimal() and len(value) < 16):
        raise RequestRefused(400, f"{LENGTH_HEADER} is no whole number: {clipped(value)}")
    if int(value) > available:
        raise RequestRefused(400, f"{LENGTH_HEADER} is {value}, and the body has {available} bytes")
    return int(value)
