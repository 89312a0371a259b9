"""Carries running sums, maxima and minima over time. Knows CumSum and Reduce nodes.

All three are exact: a sum goes on from the number at which it stopped, in the order of the steps.
A mean or a sum over all time is not carried: ReduceSum adds in an order of its own.
"""

from typing import Final

import numpy as np
import onnx

from app.training.importing.graph_file import attribute
from app.training.importing.streaming.states import Surgery

_EXTREMES: Final = {"ReduceMax": ("Max", "max"), "ReduceMin": ("Min", "min")}


def expose_running(surgery: Surgery) -> None:
    """Carry the sums and extremes that run along the time."""
    for node in list(surgery.edit.nodes):
        batch, time = surgery.traced.axes(surgery.seen(node))
        if batch is None or time is None:
            continue
        rank = surgery.traced.rank(surgery.seen(node))
        if node.op_type == "CumSum":
            axis = surgery.traced.constant(node.input[1])
            if axis is not None and int(axis) % rank == time and not attribute(node, "reverse", 0):
                _expose_sum(surgery, node, batch, time, rank)
        elif node.op_type in _EXTREMES and _reduced(surgery, node) == [time]:
            _expose_extreme(surgery, node, batch, time, rank)


def _expose_sum(surgery: Surgery, node: onnx.NodeProto, batch: int, time: int, rank: int) -> None:
    value, edit = surgery.seen(node), surgery.edit
    row = surgery.traced.row_shape(value, batch, time)
    if row is None:
        return
    dtype = surgery.traced.values[0][value].dtype
    state = surgery.begin("sum", dtype, row)
    rows, back = surgery.rows_first(node.input[0], batch, time, rank)
    start = edit.op("Unsqueeze", state, np.array([1], np.int64))
    joined = edit.op("Concat", start, rows, axis=1)  # (batch, 1 + time, ...)
    sums = edit.op("CumSum", joined, np.array(1, np.int64))
    first, end = (0, -1) if attribute(node, "exclusive", 0) else (1, np.iinfo(np.int64).max)
    bounds = [np.array([each], np.int64) for each in (first, end, 1)]
    own = edit.op("Slice", sums, *bounds)
    edit.replace_uses(
        node.output[0],
        own if back == list(range(rank)) else edit.op("Transpose", own, perm=back),
    )
    last = surgery.ends(sums, 1, behind=1)
    last = edit.op("Squeeze", last, np.array([1], np.int64))
    surgery.go_on(state, last, dtype, row)


def _expose_extreme(
    surgery: Surgery, node: onnx.NodeProto, batch: int, time: int, rank: int
) -> None:
    value, edit = node.input[0], surgery.edit
    row = surgery.traced.row_shape(surgery.seen(node), batch, time)
    dtype = surgery.traced.values[0][surgery.seen(node)].dtype
    if row is None or dtype.kind != "f":
        return
    operator, kind = _EXTREMES[node.op_type]
    limits = np.finfo(dtype)
    none = np.array(limits.min if kind == "max" else limits.max, dtype)
    state = surgery.begin(kind, dtype, row)
    surgery.begins_with(state, np.full(row, none, dtype))
    if surgery.lengths is not None:
        value = edit.op("Where", surgery.inside(value, batch, time, rank), value, none)
    axes = np.array([time], np.int64)
    if surgery.opset < _AXES_AS_INPUT:
        new = edit.op(node.op_type, value, axes=[time], keepdims=0)
    else:
        new = edit.op(node.op_type, value, axes, keepdims=0)
    # (batch, ...): without its time axis the batch axis may stand elsewhere
    place = batch - (time < batch)
    order = [place, *(axis for axis in range(rank - 1) if axis != place)]
    back = [order.index(axis) for axis in range(rank - 1)]
    extreme = edit.op(operator, state, edit.op("Transpose", new, perm=order))
    surgery.go_on(state, extreme, dtype, row)
    answer = edit.op("Transpose", extreme, perm=back)
    if attribute(node, "keepdims", 1):
        answer = edit.op("Unsqueeze", answer, axes)
    edit.replace_uses(node.output[0], answer)


_AXES_AS_INPUT: Final = 18  # the opset from which ReduceMax has its axes as an input


def _reduced(surgery: Surgery, node: onnx.NodeProto) -> list[int]:
    """The axes over which a node reduces."""
    rank = surgery.traced.rank(surgery.seen(node))
    axes = attribute(node, "axes", None)
    if len(node.input) > 1:
        axes = surgery.traced.constant(node.input[1])
    if not isinstance(axes, list | np.ndarray):
        return list(range(rank))
    return [int(axis) % rank for axis in axes]
