"""Carries the last inputs of causal convolutions and of padding on the left.

Knows Conv, Pad, Concat with steps of a fixed value, and ONNX Runtime's CausalConvWithState, along
the time axis. A window of L steps
is a state (batch, L, ...): instead of L steps of padding, the L inputs before the first one of this
part are put in front.
"""

from typing import Final

import numpy as np
import onnx

from app.training.importing.finding import Finding, problem
from app.training.importing.graph_file import attribute, label
from app.training.importing.probe import Array
from app.training.importing.streaming.states import Surgery

_PAST: Final = 3  # the place of the state among the inputs of a CausalConvWithState
_SPACE: Final = 2  # axes of a convolution before its spatial ones: batch, channels


def expose_windows(surgery: Surgery) -> None:
    """Carry what paddings and convolutions see of the steps before."""
    for node in list(surgery.edit.nodes):
        if node.op_type == "Concat":
            _expose_concat(surgery, node)
            continue
        batch, time = surgery.traced.axes(surgery.seen(node))
        if batch is None or time is None:
            continue
        if node.op_type == "Pad":
            _expose_pad(surgery, node, batch, time)
        elif node.op_type == "CausalConvWithState" and (batch, time) == (0, 2):
            _expose_conv_with_state(surgery, node)
        elif node.op_type == "Conv" and batch == 0 and time >= _SPACE:
            _expose_conv(surgery, node, time)


def _expose_pad(surgery: Surgery, node: onnx.NodeProto, batch: int, time: int) -> None:
    pads = surgery.traced.constant(node.input[1])
    rank = surgery.traced.rank(surgery.seen(node))
    if pads is None or len(node.input) > 3 or attribute(node, "mode", "constant") != "constant":
        return
    left, right = int(pads[time]), int(pads[rank + time])
    if left <= 0 or right or np.count_nonzero(pads) > 1:
        return
    value = surgery.traced.constant(node.input[2]) if len(node.input) > 2 and node.input[2] else 0
    if value is None:
        return
    joined = _with_window(surgery, node, (batch, time), left, float(np.ravel(value)[0]))
    if joined:
        surgery.edit.replace_uses(node.output[0], joined)


def _expose_concat(surgery: Surgery, node: onnx.NodeProto) -> None:
    """Padding that is written as steps of a fixed value in front of the others."""
    traced = surgery.traced
    if len(node.input) != 2:
        return
    front, value = surgery.seen(node), surgery.seen(node, 1)
    batch, time = traced.axes(value)
    if batch is None or time is None or not traced.is_fixed(front) or traced.is_fixed(value):
        return
    rank, axis = traced.rank(value), attribute(node, "axis", 0)
    row = traced.row_shape(front, batch)
    if not isinstance(axis, int) or axis % rank != time or row is None:
        return
    first = np.take(traced.values[0][front], 0, axis=batch)
    for each in traced.values:
        if front in each and not np.array_equal(
            each[front], np.broadcast_to(np.expand_dims(first, batch), each[front].shape)
        ):
            return
    place = time - (batch < time)  # of the time in `first`, which has no batch axis
    rows = np.moveaxis(first, place, 0)  # (steps, ...)
    joined = _with_window(surgery, node, (batch, time), len(rows), rows, place=1)
    if joined:
        surgery.edit.replace_uses(node.output[0], joined)


def _expose_conv(surgery: Surgery, node: onnx.NodeProto, time: int) -> None:
    axis = time - _SPACE
    kernel = surgery.traced.shapes(node.input[1])[0][_SPACE:]
    space = len(kernel)
    pads = _numbers(node, "pads", [0] * 2 * space)
    width = (kernel[axis] - 1) * _numbers(node, "dilations", [1] * space)[axis]
    left, right = pads[axis], pads[space + axis]
    if str(attribute(node, "auto_pad", "NOTSET")) != "NOTSET" or not width:
        return
    cut = _cuts(surgery, node, time, right) if right else []
    if _numbers(node, "strides", [1] * space)[axis] != 1 or left != width or (right and not cut):
        if left or right:
            surgery.problems.append(_not_causal(node, width))
        return
    joined = _with_window(surgery, node, (0, time), width, 0.0)
    if not joined:
        return
    pads[axis] = pads[space + axis] = 0
    kept = [each for each in node.attribute if each.name != "pads"]
    del node.attribute[:]
    node.attribute.extend([*kept, onnx.helper.make_attribute("pads", pads)])
    node.input[0] = joined
    for each in cut:
        surgery.edit.replace_uses(each.output[0], node.output[0])


def _expose_conv_with_state(surgery: Surgery, node: onnx.NodeProto) -> None:
    """ONNX Runtime's CausalConvWithState, whose past is (batch, channels, width)."""
    before = surgery.seen(node, _PAST)
    if before and surgery.traced.depends[before] & surgery.kept.keys():
        return
    width = surgery.traced.shapes(surgery.seen(node, 1))[0][-1] - 1
    row = surgery.first_row(node, before, 0) if before else np.float32(0)  # (channels, width)
    if row is None or not width:
        return
    window = _window(surgery, node, (0, 2), width, np.transpose(row))
    if window is not None:
        surgery.edit.set_input(node, _PAST, surgery.edit.op("Transpose", window[0], perm=[0, 2, 1]))


def _cuts(surgery: Surgery, node: onnx.NodeProto, time: int, right: int) -> list[onnx.NodeProto]:
    """The nodes that cut off what a convolution gives for the padding on the right.

    Empty if anything else reads the convolution.
    """
    readers = [each for each in surgery.edit.nodes if node.output[0] in each.input]
    outputs = {each.name for each in surgery.edit.model.graph.output}
    if node.output[0] in outputs:
        return []
    for each in readers:
        if each.op_type != "Slice" or len(each.input) < 4:
            return []
        start, end, axes = (surgery.traced.constant(name) for name in each.input[1:4])
        if start is None or axes is None or list(start) != [0] or list(axes) != [time]:
            return []
        if not (end is not None and list(end) == [-right]) and not surgery.traced.follows_time(
            each.input[2], 0
        ):
            return []
    return readers


def _with_window(
    surgery: Surgery,
    node: onnx.NodeProto,
    axes: tuple[int, int],
    width: int,
    first: float | Array,
    place: int = 0,
) -> str:
    """What a node reads with the `width` steps before it in front, which become a state.

    See `_window`. "" if it has no fixed size beside batch and time.
    """
    window = _window(surgery, node, axes, width, first, place)
    if window is None:
        return ""
    _, joined, back = window
    if back == sorted(back):
        return joined
    return surgery.edit.op("Transpose", joined, perm=back)


def _window(
    surgery: Surgery,
    node: onnx.NodeProto,
    axes: tuple[int, int],
    width: int,
    first: float | Array,
    place: int = 0,
) -> tuple[str, str, list[int]] | None:
    """(the state (batch, width, ...), the same with all steps behind it, the order of axes back).

    first: what stands there before the first step. place: which input of the node it is.
    """
    batch, time = axes
    value = surgery.seen(node, place)
    row = surgery.traced.row_shape(value, batch, time)
    if row is None:
        return None
    dtype = surgery.traced.values[0][value].dtype
    shape = (width, *row)
    state = surgery.begin("window", dtype, shape)
    surgery.begins_with(state, np.broadcast_to(np.asarray(first, dtype), shape))
    rows, back = surgery.rows_first(node.input[place], batch, time, len(row) + 2)
    joined = surgery.edit.op("Concat", state, rows, axis=1)  # (batch, width + time, ...)
    surgery.go_on(state, surgery.ends(joined, width, behind=width), dtype, shape)
    return state, joined, back


def _not_causal(node: onnx.NodeProto, width: int) -> Finding:
    return problem(
        f"{label(node)} sees steps that come later: its window is not the last {width + 1} steps",
        f"pad by {width} steps on the left only, nn.functional.pad(x, ({width}, 0)), with stride 1 "
        "and no padding in the convolution itself",
    )


def _numbers(node: onnx.NodeProto, name: str, default: list[int]) -> list[int]:
    value = attribute(node, name, default)
    assert isinstance(value, list)
    return [int(each) for each in value]
