"""The bodies of inference requests and answers. Knows JSON and buffers; not what computes them.

A body is JSON, followed by the buffers of those tensors that are sent as binary, in the order of
the JSON; `Inference-Header-Content-Length` says where the JSON ends, and 0 that there is none and
the whole body is the one input's.
"""

from collections.abc import Mapping
from math import prod
from typing import Any, Final

import numpy.typing as npt
from pydantic_core import to_json

from app.api.bodies.fields import clipped
from app.api.errors import RequestRefused
from app.api.v2.classification import classified
from app.api.v2.head import Head, Wanted, read_head
from app.api.v2.tensors import PREFIX, from_buffer, to_buffer, to_values
from app.errors import InvalidInput
from app.serving.runtime.datatypes import NUMPY
from app.tasks.tensor.checks import Limits
from app.tasks.tensor.task import TensorTask

Array = npt.NDArray[Any]
_MOST_VALUES: Final = 16 * 1024  # that are written in one call
LENGTH_HEADER: Final = "Inference-Header-Content-Length"


def read_request(
    body: bytes, header: str | None, task: TensorTask, limits: Limits
) -> tuple[Head, Mapping[str, Array]]:
    """What a body asks of the graph of `task`, and its inputs as arrays.

    `header` is the value of LENGTH_HEADER, if it was sent. Raises RequestRefused (400) for what is
    no JSON, (501) for extensions that are not served, and InvalidInput naming what is wrong.
    """
    size = len(body) if header is None else _header_size(header, len(body))
    if header is not None and not size:
        return _read_raw(body, task, limits)
    head = read_head(body[:size], task, limits)
    if head.trailing != len(body) - size:
        raise InvalidInput(
            f"{len(body) - size} bytes follow the JSON, and its tensors have {head.trailing}",
            field="inputs",
            allowed=f"buffers as long as their binary_data_size says, and {LENGTH_HEADER}",
        )
    if not head.buffers:
        return head, head.values
    arrays = {
        each.tensor.name: from_buffer(
            body, size + each.at, each.size, each.tensor, each.shape, each.field
        )
        for each in head.buffers
    }
    return head, {**head.values, **arrays}


def write_answer(
    facts: dict[str, Any], head: Head, outputs: Mapping[str, Array], task: TensorTask
) -> tuple[bytes, int | None]:
    """(the body, the length of its JSON if buffers follow it). `facts` go before the outputs.

    Raises InvalidInput for an output that is wanted in a form that it cannot have.
    """
    written: list[dict[str, Any]] = []
    buffers: list[bytes] = []
    long: dict[int, Array] = {}
    for wanted in head.wanted:
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
        elif array.size <= _MOST_VALUES:
            output["data"] = to_values(array, datatype, wanted.name)
        else:
            output["data"] = []
            long[len(written)] = array
        written.append(output)
    if long:
        content = _in_pieces(facts, written, long)
    else:
        content = to_json(facts | {"outputs": written}, inf_nan_mode="constants")
    if not buffers:
        return content, None
    return b"".join((content, *buffers)), len(content)


def _in_pieces(
    facts: dict[str, Any], outputs: list[dict[str, Any]], long: Mapping[int, Array]
) -> bytes:
    """The JSON with the elements of `long` in its outputs, by their number; for a thread.

    Writing all in one call would hold everybody else up.
    """
    parts = []
    for number, output in enumerate(outputs):
        part = to_json(output, inf_nan_mode="constants")
        if number in long:
            flat = long[number].ravel()
            pieces = [
                to_json(to_values(flat[at : at + _MOST_VALUES], output["datatype"], output["name"]))
                for at in range(0, flat.size, _MOST_VALUES)
            ]
            part = b"%b[%b]}" % (part[: -len("[]}")], b",".join([each[1:-1] for each in pieces]))
        parts.append(part)
    return b'%b,"outputs":[%b]}' % (to_json(facts)[:-1], b",".join(parts))


def _read_raw(body: bytes, task: TensorTask, limits: Limits) -> tuple[Head, Mapping[str, Array]]:
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
    else:
        each = prod(shape) * NUMPY[tensor.datatype].itemsize
        count, rest = divmod(len(body), each)
        if not body or (free and rest):
            raise InvalidInput(
                f"it has {len(body)} bytes" if body else "it is empty",
                field="the body",
                allowed=f"{'a multiple of ' if free else ''}{each} bytes, "
                f"for {tensor.datatype} {tensor.shown()}",
            )
        if free:
            shape[free[0]] = count
    array = from_buffer(body, 0, len(body), tensor, tuple(shape), "the body")
    wanted = tuple(Wanted(name, binary=True) for name in task.outputs)
    sizes = task.sizes({tensor.name: array.shape}, limits)
    head = Head(None, {}, (), len(body), sizes, wanted, outputs=tuple(task.outputs))
    return head, {tensor.name: array}


def _header_size(value: str, available: int) -> int:
    if not (value.isascii() and value.isdecimal() and len(value) < 16):
        raise RequestRefused(400, f"{LENGTH_HEADER} is no whole number: {clipped(value)}")
    if int(value) > available:
        raise RequestRefused(400, f"{LENGTH_HEADER} is {value}, and the body has {available} bytes")
    return int(value)
