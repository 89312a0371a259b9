"""Converts tensors between JSON and arrays. Knows element types; not what values mean."""

import math
from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from app.serving.runtime.datatypes import NUMPY, Datatype

Array = npt.NDArray[Any]

_FLOATS: Final = ("FP16", "BF16", "FP32", "FP64")
_INTEGERS: Final[frozenset[type]] = frozenset((int,))
# Types of JSON values that an element may have; others are whole numbers. A bool is no int here.
_TYPES: Final[dict[str, frozenset[type]]] = {
    "BOOL": frozenset((bool,)),
    "BYTES": frozenset((str,)),
    **dict.fromkeys(_FLOATS, frozenset((float, int))),
}
_PLAIN: Final[dict[str, frozenset[type]]] = {
    "INT32": _INTEGERS,
    "INT64": _INTEGERS,
    "FP64": frozenset((float, int)),
}
_WORDS: Final = {"BOOL": "true or false", "BYTES": "a text", **dict.fromkeys(_FLOATS, "a number")}


def from_json(values: Any, datatype: Datatype, shape: Sequence[int]) -> Array:
    """An array of `shape` from values in row-major order, flat or nested as deep as the shape.

    Raises:
        ValueError: too few values, wrong nesting, a value of another type, one that the element
            type cannot hold, or `NaN` and `Infinity`, which are no JSON and which parsers let
            pass; the message says which.
    """
    return _converted(_flattened(values, shape), datatype).reshape(tuple(shape))


def from_pieces(pieces: Iterable[list[Any]], datatype: Datatype, count: int) -> Array:
    """As `from_json`, from flat lists that follow each other; returns (count).

    Raises:
        ValueError: as there; it stops at the first wrong value.
    """
    array = np.empty(count, NUMPY[datatype])
    at = 0
    for piece in pieces:
        end = at + len(piece)
        if end > count:
            raise ValueError(f"there are more values than {count}, as the shape has")
        array[at:end] = _converted(piece, datatype, at)
        at = end
    if at != count:
        raise ValueError(f"there are {at} values, and the shape has {count}")
    return array


def plain_array(values: Any, datatype: Datatype, shape: Sequence[Any]) -> Array | None:
    """As `from_json`, for the common case: a flat list of whole numbers or FP64 values.

    None for everything else and for every error; `from_json` then raises the error.
    """
    types = _PLAIN.get(datatype)
    if types is None or type(values) is not list or not types.issuperset(map(type, values)):
        return None
    if set(map(type, shape)) != {int} or min(shape) < 1:
        return None
    try:
        array = np.array(values, NUMPY[datatype]).reshape(shape)
    except (OverflowError, ValueError):
        return None
    return array if datatype != "FP64" or np.isfinite(array).all() else None


def to_json(array: Array, datatype: Datatype) -> Any:
    """An array as nested lists of plain values; floats may be infinite or not a number."""
    return (bfloat16_values(array) if datatype == "BF16" else array).tolist()


def shape_of(values: Any) -> tuple[int, ...]:
    """The shape of nested lists, judged by their first elements."""
    shape: list[int] = []
    while isinstance(values, list):
        shape.append(len(values))
        values = values[0] if values else None
    return tuple(shape)


def bfloat16_values(bits: Array) -> npt.NDArray[np.float32]:
    """The values of BF16 bits: the upper halves of float32."""
    return (bits.astype(np.uint32) << 16).view(np.float32)


def _bfloat16(values: npt.NDArray[np.float32]) -> npt.NDArray[np.uint16]:
    """The BF16 bits of values, rounded to the nearest, ties to even. None of them is NaN."""
    bits = values.view(np.uint32)
    rounded = (bits + np.uint32(0x7FFF) + ((bits >> 16) & 1)) >> 16
    return rounded.astype(np.uint16)


def _converted(flat: list[Any], datatype: Datatype, first: int = 0) -> Array:
    """A list of values as an array; `first` is the number of the first of them."""
    wrong_types = set(map(type, flat)) - _TYPES.get(datatype, _INTEGERS)
    if wrong_types:
        at = next(index for index, value in enumerate(flat) if type(value) in wrong_types)
        raise ValueError(f"value {first + at} is not {_WORDS.get(datatype, 'a whole number')}")
    try:
        with np.errstate(over="raise"):
            array = np.array(flat, np.float32 if datatype == "BF16" else NUMPY[datatype])
    except (OverflowError, FloatingPointError):
        raise ValueError(f"a value is out of the range of {datatype}") from None
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        at = int(np.argmin(np.isfinite(array)))
        raise ValueError(
            f"value {first + at} is no finite number; JSON has only finite ones, so send this "
            "tensor as binary"
        )
    if datatype == "BF16":
        array = _bfloat16(array)
    return array


def _flattened(values: Any, shape: Sequence[int]) -> list[Any]:
    if not shape and not isinstance(values, list):
        values = [values]
    if not isinstance(values, list):
        raise ValueError("the values are not a list")
    if values and isinstance(values[0], list):
        for depth, size in enumerate(shape[1:], start=1):
            if set(map(type, values)) != {list}:
                raise ValueError(f"not everything {depth} deep is a list")
            if set(map(len, values)) != {size}:
                raise ValueError(f"not every list {depth} deep has {size} elements")
            values = list(chain.from_iterable(values))
    if len(values) != math.prod(shape):
        raise ValueError(f"there are {len(values)} values, and the shape has {math.prod(shape)}")
    flat: list[Any] = values
    return flat
