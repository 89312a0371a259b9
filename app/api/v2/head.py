"""The JSON of inference requests. Knows what it may say; not the buffers behind it.

A head says everything about a request but the elements of binary tensors. Clients repeat it word
for word as long as shapes stay the same, so the last heads of each graph are kept as they were
understood: then nothing but the buffers is read.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from weakref import WeakKeyDictionary

import numpy.typing as npt

from app.api.bodies.fields import shown, shown_list
from app.api.bodies.json_body import json_of
from app.api.bodies.long_lists import LongList
from app.api.errors import RequestRefused
from app.api.v2.long_values import LongValues
from app.api.v2.sequence_head import Sequence, read_sequence
from app.errors import InvalidInput
from app.tasks.tensor import values as tensor_values
from app.tasks.tensor.checks import Limits, Sizes
from app.tasks.tensor.features import Tensor
from app.tasks.tensor.task import TensorTask

Array = npt.NDArray[Any]

_PLAIN: Final = frozenset(("name", "datatype", "shape", "data"))
_MAX_KEPT: Final = 256  # heads of one graph
_MAX_ID: Final = 1000  # characters: it is in the answer, too
_MAX_KEPT_BYTES: Final = 2048  # of one head


@dataclass(frozen=True, slots=True)
class Wanted:
    """An output that a request asks for; classes: of how many the names, 0 for its values."""

    name: str
    binary: bool
    classes: int = 0

    @property
    def is_plain(self) -> bool:
        """Whether its buffer goes out as it lies in memory (texts, which do not, are few)."""
        return self.binary and not self.classes


@dataclass(frozen=True, slots=True)
class Buffer:
    """Where a binary input lies: `at` bytes behind the JSON. field: what names its size."""

    tensor: Tensor
    shape: tuple[int, ...]
    at: int
    size: int
    field: str


@dataclass(slots=True)  # not frozen: making one would take four times as long
class Head:
    """A request without its buffers. values: inputs whose elements stand in the JSON itself.

    outputs: names of what is wanted, in that order. timeout: in seconds. trailing: bytes of all
    buffers together. sequence: the one that the request belongs to, if any.
    """

    id: str | None
    values: Mapping[str, Array]
    buffers: tuple[Buffer, ...]
    trailing: int
    sizes: Sizes
    wanted: tuple[Wanted, ...]
    timeout: float | None = None
    sequence: Sequence | None = None
    outputs: tuple[str, ...] = field(default=())


_kept: WeakKeyDictionary[TensorTask, dict[bytes, Head]] = WeakKeyDictionary()


def read_head(text: bytes, task: TensorTask, limits: Limits) -> Head:
    """Understand the JSON of a request for the graph of `task`.

    Raises RequestRefused (400) for what is no JSON, (501) for extensions that are not served, and
    InvalidInput naming the field that is wrong.
    """
    heads = _kept.setdefault(task, {})
    head = heads.get(text)
    if head is None:
        head = _read(text, task, limits)
        if len(text) <= _MAX_KEPT_BYTES and head.id is None and not (head.values or head.sequence):
            if len(heads) >= _MAX_KEPT:  # the oldest goes; the others are still in use, as a rule
                del heads[next(iter(heads))]
            heads[text] = head
    return head


def _read(text: bytes, task: TensorTask, limits: Limits) -> Head:
    content = json_of(text)
    if not isinstance(content, dict):
        raise InvalidInput(f"expected an object, got {shown(content)}", allowed="a JSON object")
    parameters = _object(content, "parameters", "")
    identity = content.get("id")
    if identity is not None and (not isinstance(identity, str) or len(identity) > _MAX_ID):
        right = f"a text of at most {_MAX_ID} characters"
        raise InvalidInput(f"expected {right}, got {shown(identity)}", field="id", allowed=right)
    sequence = read_sequence(parameters)
    values, long_values, buffers = read_inputs(content.get("inputs"), task)
    shapes = {name: array.shape for name, array in values.items()}
    shapes |= {each.tensor.name: each.shape for each in long_values}
    shapes |= {each.tensor.name: each.shape for each in buffers}
    wanted = _read_outputs(content, parameters, task)
    if sequence is not None and not content.get("outputs"):
        states = task.features.states.values()
        wanted = tuple(each for each in wanted if each.name not in states)
    sizes = task.sizes(shapes, limits)  # before room is made for anything
    values |= {each.tensor.name: each.array() for each in long_values}
    return Head(
        id=identity,
        values=values,
        buffers=tuple(buffers),
        trailing=sum(each.size for each in buffers),
        sizes=sizes,
        wanted=wanted,
        timeout=_timeout(parameters),
        sequence=sequence,
        outputs=tuple(each.name for each in wanted),
    )


def read_inputs(
    items: Any, task: TensorTask
) -> tuple[dict[str, Array], list[LongValues], list[Buffer]]:
    """(inputs that stand in the JSON, those whose elements are still text, places of others)."""
    if not isinstance(items, list):
        raise InvalidInput(
            f"expected a list, got {shown(items)}", field="inputs", allowed="a list of tensors"
        )
    values: dict[str, Array] = {}
    long_values: dict[str, LongValues] = {}
    buffers: dict[str, Buffer] = {}
    at = 0
    for index, item in enumerate(items):
        plain = _plain(item, task.inputs)
        there = (*values, *long_values, *buffers)
        if plain is not None and plain[0] not in there:
            values[plain[0]] = plain[1]
            continue
        where = f"inputs[{index}]"
        tensor = _tensor(item, where, task.inputs)
        if tensor.name in there:
            raise InvalidInput(f"{tensor.name} is there twice", field=f"{where}.name")
        shape = _shape(item, where, tensor)
        size = _object(item, "parameters", where).get("binary_data_size")
        if size is None and isinstance(item.get("data"), LongList):
            long_values[tensor.name] = LongValues(tensor, shape, item["data"], f"{where}.data")
            continue
        if size is None:
            values[tensor.name] = _from_json(item, where, tensor, shape)
            continue
        if "data" in item:
            raise InvalidInput("its data is sent twice, as JSON and as binary", field=where)
        name = f"{where}.parameters.binary_data_size"
        if type(size) is not int or size < 0:
            raise InvalidInput(
                f"expected a number of bytes, got {shown(size)}", field=name, allowed="from 0"
            )
        buffers[tensor.name] = Buffer(tensor, shape, at, size, name)
        at += size
    return values, list(long_values.values()), list(buffers.values())


def _plain(item: Any, known: Mapping[str, Tensor]) -> tuple[str, Array] | None:
    """(name, elements) of an input as most clients send it; None for one to look at closely."""
    if type(item) is not dict or item.keys() != _PLAIN:
        return None
    name, shape = item["name"], item["shape"]
    tensor = known.get(name) if type(name) is str else None
    if tensor is None or item["datatype"] != tensor.datatype:
        return None
    if type(shape) is not list or len(shape) != len(tensor.shape):
        return None
    array = tensor_values.plain_array(item["data"], tensor.datatype, shape)
    return None if array is None else (name, array)


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
            f"expected {len(tensor.shape)} whole numbers, got {shown_list(shape)}",
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
