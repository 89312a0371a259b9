"""Splits batches into rows and joins them again. Knows axes; not what rows mean."""

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from app.tasks.tensor.features import Tensor

Array = npt.NDArray[Any]


def row_of(tensor: Tensor, array: Array, row: int, end: int | None = None) -> Array:
    """A view of one row, without the batch axis, cut to `end` steps if it is given."""
    axis = tensor.batch_axis
    assert axis is not None
    # The ellipsis keeps a row of one element an array.
    view: Array = array[(slice(None),) * axis + (row, ...)]
    time = tensor.row_time_axis()
    if end is None or time is None or view.shape[time] <= end:
        return view
    return view[(slice(None),) * time + (slice(end),)]


def alone(tensor: Tensor, array: Array, row: int) -> Array:
    """One row of a batch as a batch of its own."""
    axis = tensor.batch_axis
    assert axis is not None
    view = array[(slice(None),) * axis + (slice(row, row + 1),)]
    return np.ascontiguousarray(view)


def stacked(tensor: Tensor, rows: Sequence[Array], steps: int | None = None) -> Array:
    """Rows as one array with the batch axis, padded with zero (or the empty text).

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
    if axis == 0 and not time:  # most are like this
        for index, row in enumerate(rows):
            if time is None:
                padded[index, ...] = row  # the ellipsis unpacks a row of one text
            else:
                padded[index, : len(row)] = row
        return padded
    place: list[int | slice] = [slice(None)] * len(shape)
    for index, row in enumerate(rows):
        place[axis] = index
        if tensor.time_axis is not None and time is not None:
            place[tensor.time_axis] = slice(row.shape[time])
        padded[tuple(place)] = row
    return padded


def batch_of(tensor: Tensor, rows: Sequence[tuple[Mapping[str, Array], int, int | None]]) -> Array:
    """One input of several rows, each (inputs of its request, its place there, its end).

    An input without a batch axis is that of the first: rows of one group have the same.
    """
    name = tensor.name
    if tensor.batch_axis is None:
        return rows[0][0][name]
    return stacked(tensor, [row_of(tensor, request[name], row, end) for request, row, end in rows])


def value_of(array: Array) -> Hashable:
    """What two equal arrays of one type and shape have alike, and others not."""
    return tuple(array.ravel().tolist()) if array.dtype.kind == "O" else array.tobytes()
