"""The elements of an input that are a long list of a JSON body. Knows lists; not whose they are."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy.typing as npt

from app.api.bodies.json_body import not_json
from app.api.bodies.long_lists import LongList, Malformed
from app.errors import InvalidInput
from app.tasks.tensor import values as tensor_values
from app.tasks.tensor.features import Tensor

Array = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class LongValues:
    """An input whose elements are still text. field: what names them."""

    tensor: Tensor
    shape: tuple[int, ...]
    values: LongList
    field: str

    def array(self) -> Array:
        """All elements, of that shape. Raises InvalidInput, and RequestRefused (400)."""
        count = prod(self.shape)
        marks: list[bytes] = []

        def values() -> Iterator[list[Any]]:
            for piece in self.values.pieces():
                marks.append(piece.marks)
                yield piece.values

        try:
            if count > len(self.values):
                raise ValueError(f"there are fewer values than {count}, as its shape has")
            array = tensor_values.from_pieces(values(), self.tensor.datatype, count)
        except Malformed as error:
            raise not_json(error) from None
        except ValueError as error:
            raise InvalidInput(str(error), field=self.field) from None
        if not _is_nested(b"".join(marks), self.shape):
            raise InvalidInput(
                f"it is nested otherwise than {list(self.shape)}",
                field=self.field,
                allowed="a flat list, or one that is nested as its shape is",
            )
        return array.reshape(self.shape)


def _is_nested(marks: bytes, shape: tuple[int, ...]) -> bool:
    """Whether brackets and commas around values are those of a flat list or of `shape`."""
    if b"[" not in marks:
        return True  # as many commas as there are values, less one
    if not shape:
        return False
    length = shape[-1] - 1
    for size in reversed(shape[:-1]):
        length = size * (length + 3) - 1
    if len(marks) != length:
        return False
    nested = b"," * (shape[-1] - 1)
    for size in reversed(shape[:-1]):
        nested = b",".join([b"[%b]" % nested] * size)
    return marks == nested
