"""Has the last step of a row selected where the row ends, not where its padding ends.

Knows the nodes by which exporters write `y[:, -1]`.
"""

from typing import Final

import numpy as np
import onnx

from app.training.importing.graph_file import attribute
from app.training.importing.streaming.states import Surgery
from app.training.importing.streaming.trace import Traced

_FAR: Final = 2**31 - 1  # ends of slices from here on mean: to the last


def select_ends(surgery: Surgery) -> None:
    """Replace every selection of the last step by one that looks at the lengths."""
    if surgery.lengths is None:
        return
    edit, traced = surgery.edit, surgery.traced
    for node in list(edit.nodes):
        value = surgery.seen(node)
        batch, time = traced.axes(value)
        if batch is None or time is None:
            continue
        kept = _keeps_axis(node, value, time, traced)
        if kept is None:
            continue
        rank = traced.rank(value)
        rows, back = surgery.rows_first(node.input[0], batch, time, rank)
        last = surgery.ends(rows, 1)  # (batch, 1, ...)
        if back != list(range(rank)):
            last = edit.op("Transpose", last, perm=back)
        if not kept:
            last = edit.op("Squeeze", last, np.array([time], np.int64))
        edit.replace_uses(node.output[0], last)


def _keeps_axis(node: onnx.NodeProto, value: str, time: int, traced: Traced) -> bool | None:
    """Whether the time axis stays, with one step; None if the node does not select the last one."""
    if node.op_type == "Gather":
        axis = attribute(node, "axis", 0)
        if (
            not isinstance(axis, int)
            or axis % traced.rank(value) != time
            or not _is_last(node.input[1], traced)
        ):
            return None
        shapes = traced.shapes(node.input[1])
        return shapes[0] == (1,) if shapes[0] in ((), (1,)) else None
    if node.op_type != "Slice" or len(node.input) < 4:
        return None
    start, end, axes = (traced.constant(name) for name in node.input[1:4])
    steps = traced.constant(node.input[4]) if len(node.input) > 4 and node.input[4] else None
    if axes is None or axes.size != 1 or int(axes[0]) % traced.rank(value) != time:
        return None
    if steps is not None and (steps != 1).any():
        return None
    begins = start is not None and start.size == 1 and int(start[0]) == -1
    reaches = end is not None and int(end[0]) >= _FAR
    if not begins and not traced.follows_time(node.input[1], -1):
        return None
    return True if reaches or traced.follows_time(node.input[2], 0) else None


def _is_last(index: str, traced: Traced) -> bool:
    """Whether it is -1, or computed as the number of steps less one."""
    value = traced.constant(index)
    if value is not None:
        return value.size == 1 and int(value.ravel()[0]) == -1
    return traced.is_fixed(index) and traced.follows_time(index, -1)
