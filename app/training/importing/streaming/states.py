"""States that are given to a graph: what all kinds of them share. Knows names and axes."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt
import onnx
from pydantic import JsonValue

from app.training.importing.finding import Finding, note, problem
from app.training.importing.graph_file import label
from app.training.importing.probe import Array
from app.training.importing.streaming.edit import GraphEdit
from app.training.importing.streaming.trace import Traced

_NEXT: Final = "next_"
# Operators that pass on what they are given, or a part of it.
_MOVES: Final = (
    *("Cast", "Identity", "Reshape", "Squeeze", "Unsqueeze", "Transpose"),
    *("Slice", "Split", "Gather", "Flatten"),
)


@dataclass
class Surgery:
    """A graph that is being given states.

    lengths: the input with the steps of each row; None where rows are not padded. added: whether
    the graph did not have it before. kept: states that were inputs and outputs already. states:
    those that were added, with what continues them. initial: first values that are not zeros.
    opset: of ONNX's own operators. problems: what cannot be done. notes: what else to tell.
    """

    edit: GraphEdit
    traced: Traced
    lengths: str | None
    added: bool
    kept: dict[str, str]
    opset: int
    states: dict[str, str] = field(default_factory=dict)
    initial: dict[str, JsonValue] = field(default_factory=dict)
    problems: list[Finding] = field(default_factory=list)
    notes: list[Finding] = field(default_factory=list)
    _read: dict[int, list[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._read = {id(node): list(node.input) for node in self.edit.nodes}

    def seen(self, node: onnx.NodeProto, place: int = 0) -> str:
        """What a node read before anything was changed, "" for nothing: `traced` knows that."""
        names = self._read.get(id(node), [])
        return names[place] if place < len(names) else ""

    def begin(self, kind: str, dtype: npt.DTypeLike, row: Sequence[int]) -> str:
        """Add the input of a state, (batch, *row), and return its name."""
        number = 1 + sum(name.startswith(f"{kind}_") for name in self.states)
        name = self.edit.add_input(f"{kind}_{number}", dtype, (self.edit.batch, *row))
        self.states[name] = ""
        return name

    def go_on(self, state: str, value: str, dtype: npt.DTypeLike, row: Sequence[int]) -> None:
        """Make `value` (batch, *row) what continues `state`."""
        name = _NEXT + state
        self.states[state] = self.edit.add_output(name, value, dtype, (self.edit.batch, *row))

    def begins_with(self, state: str, row: Array) -> None:
        """Say what a state is before the first step, if that is not zero."""
        if np.any(row):
            self.initial[state] = row.tolist()

    def first_row(self, node: onnx.NodeProto, before: str, batch: int) -> Array | None:
        """What one row of the state `before` is before the first step, without its batch axis.

        None, and a problem, if that is not the same for every sequence.
        """
        values = [each[before] for each in self.traced.values]
        row: Array = np.take(values[0], 0, axis=batch)
        if self._replaced_by_zeros(before):
            return np.zeros_like(row)
        if not self.traced.is_fixed(before):
            inputs = ", ".join(sorted(self.traced.depends[before]))
            what = f"is computed from {inputs}, and a stream begins before it has seen any step"
        elif all(
            each.ndim == row.ndim + 1
            and np.array_equal(each, np.broadcast_to(np.expand_dims(row, batch), each.shape))
            for each in values
        ):
            return row
        else:
            what = "is not the same for every row and every number of steps"
        self.problems.append(
            problem(
                f"the first state of {label(node)} {what}",
                "let every sequence begin with the same state; or take the first state as an input "
                "of forward and return the last one, and whoever opens the stream computes it",
            )
        )
        return None

    def inside(self, value: str, batch: int, time: int, rank: int) -> str:
        """Which steps are none of the padding, in a shape that fits `value`, of `rank` axes."""
        edit = self.edit
        size = edit.op("Gather", edit.op("Shape", value), np.array(time, np.int64))
        steps = edit.op("Range", np.array(0, np.int64), size, np.array(1, np.int64))
        shapes = np.ones((2, rank), np.int64)
        shapes[0, time] = shapes[1, batch] = -1
        ends = edit.op("Reshape", self.lengths_as(np.int64), shapes[1])
        return edit.op("Less", edit.op("Reshape", steps, shapes[0]), ends)

    def or_if_empty(self, before: str, after: str, rank: int, batch: int) -> str:
        """`after`, but `before` in rows without a step; both have `rank` axes."""
        if self.lengths is None:
            return after
        edit = self.edit
        empty = edit.op("Equal", self.lengths_as(np.int64), np.array(0, np.int64))
        shape = np.ones(rank, np.int64)
        shape[batch] = -1
        return edit.op("Where", edit.op("Reshape", empty, shape), before, after)

    def lengths_as(self, dtype: npt.DTypeLike) -> str:
        """The lengths as whole numbers of another size."""
        assert self.lengths is not None
        code = {np.dtype(np.int64): 7, np.dtype(np.int32): 6}[np.dtype(dtype)]
        return self.edit.op("Cast", self.lengths, to=code)

    def rows_first(self, value: str, batch: int, time: int, rank: int) -> tuple[str, list[int]]:
        """(batch, time, ...) of a value, and the order of axes that turns it back."""
        rest = [axis for axis in range(rank) if axis not in (batch, time)]
        order = [batch, time, *rest]
        back = [order.index(axis) for axis in range(rank)]
        if order == list(range(rank)):
            return value, back
        return self.edit.op("Transpose", value, perm=order), back

    def ends(self, value: str, count: int, *, behind: int = 0) -> str:
        """The last `count` steps of each row of a value (batch, behind + time, ...).

        `behind`: how many steps stand before the row's own.
        """
        edit = self.edit
        if self.lengths is None:
            bounds = [np.array([n], np.int64) for n in (-count, np.iinfo(np.int64).max, 1)]
            return edit.op("Slice", value, bounds[0], bounds[1], bounds[2])
        start = edit.op("Add", self.lengths_as(np.int64), np.array(behind - count, np.int64))
        start = edit.op("Max", start, np.array(0, np.int64))
        column = edit.op("Reshape", start, np.array([-1, 1, 1], np.int64))
        steps = np.arange(count, dtype=np.int64).reshape(1, count, 1)
        return edit.op("GatherND", value, edit.op("Add", column, steps), batch_dims=1)

    def _replaced_by_zeros(self, before: str) -> bool:
        """Whether the first state is an input, perhaps in parts, and nothing continues it.

        It is left out of the graph, and the state begins with zeros.
        """
        made_by = {name: node for node in self.edit.nodes for name in node.output}
        name = before
        while name in made_by and made_by[name].op_type in _MOVES:
            name = made_by[name].input[0]
        if name not in self.edit.inputs or self.traced.axes(name)[1] is not None:
            return False
        text = f"nothing continued the state {name}, so it is replaced by one that begins with 0"
        if text not in [each.what for each in self.notes]:
            self.notes.append(note(text))
        return True
