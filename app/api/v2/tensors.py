"""The elements of tensors in bodies: buffers and JSON values. Knows bytes; no request and no model.

Buffers are little-endian, row-major, without gaps; an element of BYTES is its length as four
bytes, then itself in UTF-8. Arrays lie on the body: numbers are not copied.
"""

import struct
from math import isfinite, prod
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from app.errors import InvalidInput
from app.serving.runtime.datatypes import NUMPY, Datatype
from app.tasks.tensor.features import Tensor
from app.tasks.tensor.values import bfloat16_values

Array = npt.NDArray[Any]
_FEW: Final = 32
PREFIX: Final = struct.Struct("<I")  # before each element of BYTES


def from_buffer(
    body: bytes, at: int, size: int, tensor: Tensor, shape: tuple[int, ...], field: str
) -> Array:
    """The array that lies in `size` bytes of the body."""
    if tensor.datatype == "BYTES":
        return _texts(body, at, at + size, prod(shape), field).reshape(shape)
    dtype = NUMPY[tensor.datatype]
    if size != prod(shape) * dtype.itemsize:
        raise InvalidInput(
            f"there are {size} bytes for {tensor.datatype} {list(shape)}",
            field=field,
            allowed=f"{prod(shape) * dtype.itemsize} bytes",
        )
    array = np.frombuffer(body, dtype, size // dtype.itemsize, at)
    if tensor.datatype == "BOOL" and array.view(np.uint8).max(initial=0) > 1:
        raise InvalidInput("a BOOL is neither 0 nor 1", field=field, allowed="bytes 0 and 1")
    # Wherever the JSON ended: an operator may count on elements that lie as they should.
    return (array if array.flags.aligned else array.copy()).reshape(shape)


def to_buffer(array: Array, datatype: Datatype) -> bytes:
    """The elements as the protocol sends them."""
    if datatype != "BYTES":
        return array.tobytes()
    encoded = [str(text).encode() for text in array.ravel()]
    return b"".join(part for text in encoded for part in (PREFIX.pack(len(text)), text))


def to_values(array: Array, datatype: Datatype, name: str) -> Any:
    """The elements in row-major order, as JSON can hold them."""
    values = bfloat16_values(array) if datatype == "BF16" else array
    plain = values.ravel().tolist()
    if values.dtype.kind == "f" and not _are_finite(values, plain):
        raise InvalidInput(
            f"{name} holds infinities or values that are no numbers, which JSON cannot",
            field="outputs",
            allowed="the same request with binary_data",
        )
    return plain


def _are_finite(values: Array, plain: list[float]) -> bool:
    if len(plain) <= _FEW:  # calling NumPy takes longer
        return all(map(isfinite, plain))
    return bool(np.isfinite(values).all())


def _texts(body: bytes, at: int, end: int, count: int, field: str) -> Array:
    """`count` elements of BYTES, which must fill the bytes from `at` to `end`."""
    if count * PREFIX.size > end - at:
        raise InvalidInput(f"{end - at} bytes cannot hold {count} elements", field=field)
    texts = np.empty(count, object)
    for index in range(count):
        start = at + PREFIX.size
        at = start + PREFIX.unpack_from(body, at)[0] if start <= end else end + 1
        if at > end:
            raise InvalidInput(f"element {index} is cut short", field=field)
        try:
            texts[index] = body[start:at].decode()
        except UnicodeDecodeError:
            raise InvalidInput(f"element {index} is not UTF-8", field=field) from None
    if at != end:
        raise InvalidInput(f"{end - at} bytes are left behind the last element", field=field)
    return texts
