"""Changes an ONNX graph node by node. Knows names and nodes; not what they compute."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper, numpy_helper

Array = npt.NDArray[Any]
BATCH: Final = "batch"
OWN: Final = "stream/"  # how the names of added values begin
# Operators that read the shape of their input and not its values.
_SHAPE_ONLY: Final = ("Shape", "Size")


@dataclass
class GraphEdit:
    """A model that is being changed; nodes may be added in any order.

    batch: the name of the batch axis of new inputs and outputs. nodes: those of the graph itself,
    not of its subgraphs; they are put back into the model by `finish`.
    """

    model: onnx.ModelProto
    batch: str = BATCH
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    _names: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        graph = self.model.graph
        self.nodes = list(graph.node)
        self._names = {each.name for each in (*graph.input, *graph.output, *graph.initializer)}
        for node in self.nodes:
            self._names.update((*_reads(node), *node.output))

    @property
    def inputs(self) -> list[str]:
        """The inputs that have no value of their own."""
        constants = {each.name for each in self.model.graph.initializer}
        return [each.name for each in self.model.graph.input if each.name not in constants]

    def fresh(self, wanted: str) -> str:
        """A name that nothing has yet: `wanted`, or `wanted` with a number."""
        name, number = wanted, 1
        while name in self._names:
            number += 1
            name = f"{wanted}_{number}"
        self._names.add(name)
        return name

    def op(self, operator: str, *values: str | Array, **attributes: Any) -> str:
        """Add a node with one output and return its name; arrays become constants."""
        names = [each if isinstance(each, str) else self.constant(each) for each in values]
        output = self.fresh(OWN + operator)
        self.nodes.append(helper.make_node(operator, names, [output], **attributes))
        return output

    def constant(self, array: Array) -> str:
        """Add an array and return its name."""
        name = self.fresh(f"{OWN}constant")
        self.model.graph.initializer.append(numpy_helper.from_array(np.asarray(array), name))
        return name

    def add_input(self, name: str, dtype: npt.DTypeLike, shape: Sequence[int | str]) -> str:
        """Add an input of the graph and return its name, which may have got a number."""
        self.model.graph.input.append(_info(name := self.fresh(name), dtype, shape))
        return name

    def add_output(
        self, name: str, value: str, dtype: npt.DTypeLike, shape: Sequence[int | str]
    ) -> str:
        """Make `value` an output of the graph and return its name."""
        self.model.graph.output.append(_info(name := self.fresh(name), dtype, shape))
        self.nodes.append(helper.make_node("Identity", [value], [name]))
        return name

    def output_of(self, node: onnx.NodeProto, place: int) -> str:
        """The name of a node's output, which gets one if it was not asked for before."""
        while len(node.output) <= place:
            node.output.append("")
        if not node.output[place]:
            node.output[place] = self.fresh(f"{OWN}{node.op_type}_output")
        name: str = node.output[place]
        return name

    def set_input(self, node: onnx.NodeProto, place: int, value: str) -> None:
        """Give a node another input, or one that it did not have."""
        while len(node.input) <= place:
            node.input.append("")
        node.input[place] = value

    def replace_uses(self, old: str, new: str) -> None:
        """Have everything that reads `old` read `new`, but for what `new` is made of."""
        made_of = {id(node) for node in self._ancestors(new)}
        for node in self.nodes:
            if id(node) not in made_of:
                _rename(node, old, new)
        for each in self.model.graph.output:
            if each.name == old:  # its name stays: whoever made it gets another one
                self._rename_output(old, new)
                break

    def reached_by_values(self) -> dict[str, frozenset[str]]:
        """For each value the graph inputs whose values, not shapes alone, it depends on."""
        sources = {name: frozenset([name]) for name in self.inputs}
        for node in self.nodes:
            found: frozenset[str] = frozenset()
            if node.op_type not in _SHAPE_ONLY:
                found = found.union(*(sources.get(name, frozenset()) for name in _reads(node)))
            sources |= dict.fromkeys(node.output, found)
        return sources

    def finish(self) -> onnx.ModelProto:
        """The model with its nodes in an order that can be computed, without what nothing reads."""
        graph = self.model.graph
        made_by = {name: node for node in self.nodes for name in node.output if name}
        order: list[onnx.NodeProto] = []
        done: set[int] = set()
        waiting = [(made_by[each.name], False) for each in reversed(graph.output)]
        while waiting:
            node, ready = waiting.pop()
            if id(node) in done:
                continue
            if ready:
                done.add(id(node))
                order.append(node)
                continue
            waiting.append((node, True))
            waiting += [(made_by[name], False) for name in _reads(node) if name in made_by]
        used = {name for node in order for name in _reads(node)}
        del graph.node[:]
        graph.node.extend(order)
        for field_ in (graph.initializer, graph.input):
            rest = [each for each in field_ if each.name in used]
            del field_[:]
            field_.extend(rest)
        del graph.value_info[:]  # it may name what is gone, and is computed anew anyway
        return self.model

    def _ancestors(self, value: str) -> Iterator[onnx.NodeProto]:
        made_by = {name: node for node in self.nodes for name in node.output if name}
        waiting, seen = [value], set()
        while waiting:
            node = made_by.get(waiting.pop())
            if node is not None and id(node) not in seen:
                seen.add(id(node))
                yield node
                waiting += _reads(node)

    def _rename_output(self, old: str, new: str) -> None:
        other = self.fresh(OWN + old)
        for node in self.nodes:
            _rename(node, old, other)
            for place, name in enumerate(node.output):
                if name == old:
                    node.output[place] = other
        self.nodes.append(helper.make_node("Identity", [new], [old]))


def _reads(node: onnx.NodeProto) -> list[str]:
    """What a node reads, also inside its subgraphs."""
    names = [name for name in node.input if name]
    for each in node.attribute:
        for inner in (each.g, *each.graphs):
            own = {made for part in inner.node for made in part.output}
            own |= {part.name for part in (*inner.input, *inner.initializer)}
            outer = [name for part in inner.node for name in _reads(part)]
            outer += [part.name for part in inner.output]
            names += [name for name in outer if name and name not in own]
    return names


def _rename(node: onnx.NodeProto, old: str, new: str) -> None:
    for place, name in enumerate(node.input):
        if name == old:
            node.input[place] = new
    for each in node.attribute:
        for inner in (each.g, *each.graphs):
            for part in inner.node:
                _rename(part, old, new)


def _info(name: str, dtype: npt.DTypeLike, shape: Sequence[int | str]) -> onnx.ValueInfoProto:
    kind = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
    return helper.make_tensor_value_info(name, kind, list(shape))
