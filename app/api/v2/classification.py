"""The likeliest classes of an output, as the classification extension names them. Knows arrays."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from app.errors import InvalidInput
from app.tasks.tensor.features import Tensor
from app.tasks.tensor.values import bfloat16_values

Array = npt.NDArray[Any]


def classified(array: Array, tensor: Tensor, classes: int, labels: Sequence[str]) -> Array:
    """The greatest values of each row as texts `value:index` or `value:index:label`.

    Rows lie along the first axis if it is the batch, else the whole output is one; their elements
    are counted in row-major order; NaN comes last. Returns (rows, classes) or (classes), with fewer
    classes if a row has no more elements. Raises InvalidInput for texts and for classes that are
    not finite.
    """
    if tensor.datatype in ("BYTES", "BOOL"):
        raise InvalidInput(
            f"{tensor.name} is {tensor.datatype}, which has no greatest value",
            field="outputs",
            allowed="classification of an output of numbers",
        )
    values = bfloat16_values(array) if tensor.datatype == "BF16" else array
    batched = tensor.batch_axis == 0
    rows = values.reshape(len(values) if batched else 1, -1)  # (rows, elements)
    # Stable and from the end: of equal values the first comes first, and NaN comes last.
    order = np.argsort(_descending(rows), axis=1, kind="stable")[:, :classes]
    chosen = np.take_along_axis(rows, order, axis=1)
    if not np.isfinite(chosen).all():
        raise InvalidInput(
            f"{tensor.name} holds numbers that are not finite among its greatest",
            field="outputs",
            allowed="the output as binary",
        )
    named = len(labels) == rows.shape[1]
    texts = np.empty(order.shape, object)
    for row, indices in enumerate(order):
        for place, index in enumerate(indices):
            label = f":{labels[index]}" if named else ""
            texts[row, place] = f"{rows[row, index]!s}:{index}{label}"
    return texts if batched else texts[0]


def _descending(values: Array) -> Array:
    """Keys that sort the greatest value first, without overflow at either end of a type."""
    return ~values if values.dtype.kind in "iu" else -values
