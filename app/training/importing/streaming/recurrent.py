"""Gives the states of LSTM, GRU and RNN nodes inputs and outputs. Knows these operators."""

from typing import Final

import numpy as np
import onnx

from app.training.importing.finding import Finding, problem
from app.training.importing.graph_file import RECURRENT, attribute, label
from app.training.importing.probe import Array
from app.training.importing.streaming.states import Surgery

_LENGTHS: Final = 4  # the place of `sequence_lens` among the inputs
# For each state its letter, its place among the inputs and among the outputs.
_PLACES: Final = (("h", 5, 1), ("c", 6, 2))
_TIME_FIRST: Final = (1, 0)  # (batch axis, time axis) of layout 0


def expose_recurrent(surgery: Surgery) -> None:
    """Expose the first and last states of every recurrent node that runs along the time."""
    for node in list(surgery.edit.nodes):
        if node.op_type in RECURRENT and surgery.traced.axes(surgery.seen(node)) == _TIME_FIRST:
            direction = attribute(node, "direction", "forward")
            if direction != "forward":
                surgery.problems.append(_backwards(node, str(direction)))
            else:
                _expose(surgery, node)


def _expose(surgery: Surgery, node: onnx.NodeProto) -> None:
    edit = surgery.edit
    given = [*node.input, *[""] * 3][:7]
    # Lengths that are computed from the shape are the number of steps, padding included.
    untouched = not given[_LENGTHS] or surgery.traced.is_fixed(given[_LENGTHS])
    if untouched and surgery.lengths is not None:
        edit.set_input(node, _LENGTHS, surgery.lengths_as(np.int32))
    for letter, at, out in _PLACES[: 2 if node.op_type == "LSTM" else 1]:
        before, after = given[at], edit.output_of(node, out)
        if before and surgery.traced.depends[before] & surgery.kept.keys():
            if untouched:  # it has its lengths from here, and gives zeros for rows of none
                edit.replace_uses(after, surgery.or_if_empty(before, after, 3, 1))
            continue
        row = _first(surgery, before, node)
        if row is None:
            return
        state = surgery.begin(letter, row.dtype, row.shape)
        surgery.begins_with(state, row)
        first = edit.op("Reshape", state, np.array([1, -1, row.size], np.int64))
        edit.set_input(node, at, first)
        last = surgery.or_if_empty(first, after, 3, 1)
        if last != after:
            edit.replace_uses(after, last)
        rows = edit.op("Reshape", last, np.array([-1, row.size], np.int64))  # (batch, hidden)
        surgery.go_on(state, rows, row.dtype, row.shape)


def _first(surgery: Surgery, before: str, node: onnx.NodeProto) -> Array | None:
    """What a row of the state (hidden,) is before the first step; None if that is not known."""
    weights = surgery.traced.values[0][node.input[2]]  # (directions, gates * hidden, hidden)
    if not before:
        return np.zeros(weights.shape[2], weights.dtype)
    row = surgery.first_row(node, before, batch=1)  # (1, hidden)
    return None if row is None else row[0]


def _backwards(node: onnx.NodeProto, direction: str) -> Finding:
    what = "is bidirectional" if direction == "bidirectional" else "runs from the end"
    return problem(
        f"{label(node)} {what}: its first answer needs the last step, which a stream has not seen",
        "train with bidirectional=False, or serve whole sequences without --stream",
    )
