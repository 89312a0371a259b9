"""Every value of a graph for random rows: its numbers, its axes. Knows sizes; changes nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import onnx
from onnx import numpy_helper

from app.serving.runtime.session import Session
from app.training.importing.probe import OTHERS, SHAPES, Array, Probe, output_axes
from app.training.importing.streaming.edit import GraphEdit

_TRACED: Final = SHAPES[:3]


@dataclass(frozen=True)
class Traced:
    """The values of a graph, by name, for the first three of SHAPES and for other sizes.

    depends: for each value the graph inputs whose values it depends on.
    """

    values: Sequence[Mapping[str, Array]]
    depends: Mapping[str, frozenset[str]]

    def axes(self, name: str) -> tuple[int | None, int | None]:
        """(batch axis, time axis) of a value, None where it has none."""
        shapes = self.shapes(name)
        if len(shapes) < len(self.values) or len({len(shape) for shape in shapes}) > 1:
            return None, None
        return output_axes(shapes)

    def shapes(self, name: str) -> list[tuple[int, ...]]:
        """The shapes of a value, one for each trace that has it."""
        return [each[name].shape for each in self.values if name in each]

    def rank(self, name: str) -> int:
        """How many axes a value has."""
        return len(self.shapes(name)[0])

    def row_shape(self, name: str, *axes: int) -> tuple[int, ...] | None:
        """The shape without `axes`; None if that is not always the same."""
        found = {
            tuple(size for axis, size in enumerate(shape) if axis not in axes)
            for shape in self.shapes(name)
        }
        return found.pop() if len(found) == 1 else None

    def is_fixed(self, name: str) -> bool:
        """Whether the value depends on no input's values, only on shapes."""
        return not self.depends.get(name, frozenset())

    def constant(self, name: str) -> Array | None:
        """The value, if it is always the same."""
        arrays = [each[name] for each in self.values if name in each]
        if not arrays or not self.is_fixed(name):
            return None
        return arrays[0] if all(np.array_equal(arrays[0], each) for each in arrays[1:]) else None

    def follows_time(self, name: str, offset: int) -> bool:
        """Whether the value is one number, always the number of steps plus `offset`."""
        return all(
            each[name].size == 1 and int(each[name].ravel()[0]) == steps + offset
            for each, (_, steps) in zip(self.values, _TRACED, strict=False)
            if name in each
        )


def trace(edit: GraphEdit, probe: Probe) -> Traced:
    """Run the graph and keep every value.

    Raises:
        ModelRefused: the graph does not load with all its values as outputs.
        Refused: it cannot be computed.
    """
    session = all_values(edit.model)
    weights = edit.model.graph.initializer
    constants = {each.name: numpy_helper.to_array(each) for each in weights}
    values = []
    for place, shape in enumerate((*_TRACED, SHAPES[-1])):
        feeds = probe.feeds(*shape, other=OTHERS[place == len(_TRACED)])
        values.append(constants | feeds | session.run(feeds))
    return Traced(values, edit.reached_by_values())


def all_values(model: onnx.ModelProto) -> Session:
    """A session that gives every value of the graph, those of its subgraphs excepted."""
    wide = onnx.ModelProto()
    wide.CopyFrom(model)
    del wide.graph.value_info[:]
    known = {each.name for each in wide.graph.output}
    for node in model.graph.node:
        for name in node.output:
            if name and name not in known:
                known.add(name)
                wide.graph.output.append(onnx.ValueInfoProto(name=name))
    return Session(wide.SerializeToString())
