"""Gives the states of Scan nodes inputs and outputs. Knows Scan, and no cell's equations."""

from typing import Final

import numpy as np
import onnx
from onnx import helper

from app.training.importing.finding import problem
from app.training.importing.graph_file import attribute, label
from app.training.importing.streaming.states import Surgery

_STEPS: Final = "steps_of_"


def expose_scans(surgery: Surgery) -> None:
    """Expose the states of every Scan that runs along the time, from its first step to its last."""
    for node in list(surgery.edit.nodes):
        if node.op_type != "Scan":
            continue
        scanned = attribute(node, "num_scan_inputs", 0)
        assert isinstance(scanned, int)
        count = len(node.input) - scanned
        if any(surgery.traced.axes(name)[1] == 0 for name in node.input[count:]):
            _expose(surgery, node, count)


def _expose(surgery: Surgery, node: onnx.NodeProto, count: int) -> None:
    directions = [
        *_numbers(node, "scan_input_directions"),
        *_numbers(node, "scan_output_directions"),
    ]
    if any(directions):
        surgery.problems.append(
            problem(
                f"{label(node)} runs from the end: its first answer needs the last step",
                "train in one direction, or serve whole sequences without --stream",
            )
        )
        return
    if any(_numbers(node, "scan_input_axes")) or any(_numbers(node, "scan_output_axes")):
        return
    kept = [each for each in node.attribute if not each.name.startswith("scan_")]
    del node.attribute[:]  # all zeros, as they are without these attributes
    node.attribute.extend(kept)
    for place in range(count):
        _expose_state(surgery, node, place, count)


def _expose_state(surgery: Surgery, node: onnx.NodeProto, place: int, count: int) -> None:
    edit, traced = surgery.edit, surgery.traced
    before = node.input[place]
    batch, _ = traced.axes(before)
    if batch is None or traced.depends[before] & surgery.kept.keys():
        return
    first = surgery.first_row(node, before, batch)
    if first is None:
        return
    row = first.shape
    rank = len(row) + 1
    state = surgery.begin("state", first.dtype, row)
    surgery.begins_with(state, first)
    order = [*range(1, batch + 1), 0, *range(batch + 1, rank)]  # the batch axis to its place
    turned = batch != 0
    edit.set_input(node, place, edit.op("Transpose", state, perm=order) if turned else state)
    after = edit.output_of(node, place)
    if surgery.added:
        last = _ends(surgery, node, place, batch, rank)
        last = surgery.or_if_empty(state, last, rank, 0)
    else:
        last = after
        if turned:
            back = [batch, *(axis for axis in range(rank) if axis != batch)]
            last = edit.op("Transpose", last, perm=back)
    surgery.go_on(state, last, first.dtype, row)


def _ends(surgery: Surgery, node: onnx.NodeProto, place: int, batch: int, rank: int) -> str:
    """The state (batch, ...) after each row's last step: every step's is kept to find it."""
    body = next(each.g for each in node.attribute if each.name == "body")
    made = body.output[place]
    name = surgery.edit.fresh(_STEPS + made.name)
    copy = onnx.ValueInfoProto()
    copy.CopyFrom(made)
    copy.name = name
    body.node.append(helper.make_node("Identity", [made.name], [name]))
    body.output.append(copy)
    every = surgery.edit.output_of(node, len(body.output) - 1)  # (time, ...)
    rows, _ = surgery.rows_first(every, batch + 1, 0, rank + 1)
    return surgery.edit.op("Squeeze", surgery.ends(rows, 1), np.array([1], np.int64))


def _numbers(node: onnx.NodeProto, name: str) -> list[int]:
    value = attribute(node, name, [])
    assert isinstance(value, list)
    return [int(each) for each in value]
