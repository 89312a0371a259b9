"""Gives the memory of ONNX Runtime's LinearAttention nodes an input and an output."""

from typing import Final

import numpy as np

from app.training.importing.streaming.states import Surgery

_OPERATOR: Final = "LinearAttention"
# Places among the inputs and the outputs.
_KEY, _PAST, _DECAY, _PRESENT = 1, 3, 4, 1
_ROWS_FIRST: Final = (0, 1)  # (batch axis, time axis) of what it reads


def expose_linear_attention(surgery: Surgery) -> None:
    """Expose the memory of every node that runs along the time.

    It knows no lengths: at padded steps keys are zero and nothing fades, so that the memory waits.
    """
    edit, traced = surgery.edit, surgery.traced
    for node in list(edit.nodes):
        if node.op_type != _OPERATOR or traced.axes(surgery.seen(node)) != _ROWS_FIRST:
            continue
        if surgery.added:
            for place in (_KEY, _DECAY):
                if surgery.seen(node, place):
                    value = node.input[place]
                    inside = surgery.inside(value, *_ROWS_FIRST, rank=3)
                    zero = np.zeros((), traced.values[0][surgery.seen(node, place)].dtype)
                    edit.set_input(node, place, edit.op("Where", inside, value, zero))
        before = surgery.seen(node, _PAST)
        if before and traced.depends[before] & surgery.kept.keys():
            continue
        after = edit.output_of(node, _PRESENT)
        if not before and after not in traced.values[0]:
            continue  # nothing tells the size of its memory
        if before:
            row = surgery.first_row(node, before, 0)  # (heads, key, value)
        else:
            row = np.zeros_like(traced.values[0][after][0])
        if row is None:
            continue
        state = surgery.begin("memory", row.dtype, row.shape)
        surgery.begins_with(state, row)
        edit.set_input(node, _PAST, state)
        surgery.go_on(state, after, row.dtype, row.shape)
