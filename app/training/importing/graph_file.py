"""Reads an ONNX file: its bytes, its recurrent nodes, where token ids go. Runs nothing.

Weights that lie in files beside it are put into it, so that one file is all there is.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import onnx
from onnx import numpy_helper

from app.errors import ModelRefused

RECURRENT: Final = ("LSTM", "GRU", "RNN")
_LOOPS: Final = ("Scan", "Loop")
_SEQUENCE_LENS: Final = 4  # the place of `sequence_lens` among the inputs of a recurrent node
_FLOATS: Final = (
    onnx.TensorProto.FLOAT,
    onnx.TensorProto.FLOAT16,
    onnx.TensorProto.BFLOAT16,
    onnx.TensorProto.DOUBLE,
)
_PASS_ON: Final = ("Cast", "Identity", "Squeeze", "Unsqueeze", "Reshape")


@dataclass(frozen=True)
class GraphFile:
    """A graph as one sequence of bytes, and what can be read off it.

    nodes: all of them, those of subgraphs too. lengths: graph inputs that reach `sequence_lens`.
    sizes: for each input that looks rows up in a table, how many rows the table has.
    """

    content: bytes
    opset: int
    ir_version: int
    producer: str
    nodes: tuple[onnx.NodeProto, ...]
    lengths: frozenset[str]
    sizes: Mapping[str, int]
    parameters: int

    @property
    def recurrent(self) -> list[onnx.NodeProto]:
        """LSTM, GRU and RNN nodes."""
        return [node for node in self.nodes if node.op_type in RECURRENT]

    @property
    def cell(self) -> str:
        """The recurrent cell as a manifest names it."""
        kinds = sorted({node.op_type.lower() for node in self.recurrent})
        if kinds:
            return "+".join(kinds)
        return "custom" if any(node.op_type in _LOOPS for node in self.nodes) else "none"

    @property
    def hidden_size(self) -> int:
        """Of the largest recurrent layer; 0 without one."""
        sizes = (attribute(node, "hidden_size", 0) for node in self.recurrent)
        return max((size for size in sizes if isinstance(size, int)), default=0)


def read_graph_file(path: Path) -> GraphFile:
    """Read `path`.

    Raises:
        ModelRefused: it is no ONNX graph, or too large for one file.
    """
    try:
        model = onnx.load(path)
        onnx.checker.check_model(model)
        graph = describe(model)
    except FileNotFoundError as error:
        missing = Path(error.filename).name if error.filename else path.name
        raise ModelRefused(f"{path}: there is no file {missing}") from error
    except OSError as error:
        raise ModelRefused(f"{path} cannot be read: {error.strerror or error}") from error
    except Exception as error:  # protobuf's and onnx's own errors share no base class
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0][:300]
        raise ModelRefused(f"{path} is no ONNX graph: {reason}") from error
    return graph


def describe(model: onnx.ModelProto) -> GraphFile:
    """What can be read off a graph whose weights have been loaded."""
    nodes = tuple(_walk(model.graph))
    weights = {tensor.name: tensor for tensor in _constants(model.graph, nodes)}
    sources = _sources(model.graph, nodes)
    return GraphFile(
        content=bytes(model.SerializeToString()),
        opset=next(
            (each.version for each in model.opset_import if each.domain in ("", "ai.onnx")), 0
        ),
        ir_version=model.ir_version,
        producer=f"{model.producer_name} {model.producer_version}".strip() or "unknown",
        nodes=nodes,
        lengths=frozenset(
            sources[node.input[_SEQUENCE_LENS]]
            for node in nodes
            if node.op_type in RECURRENT
            and len(node.input) > _SEQUENCE_LENS
            and node.input[_SEQUENCE_LENS] in sources
        ),
        sizes=_table_sizes(nodes, weights, sources),
        parameters=sum(
            numpy_helper.to_array(tensor).size
            for tensor in weights.values()
            if tensor.data_type in _FLOATS
        ),
    )


def attribute(node: onnx.NodeProto, name: str, default: object) -> object:
    """The value of a node's attribute; texts are decoded."""
    for each in node.attribute:
        if each.name == name:
            value = onnx.helper.get_attribute_value(each)
            if isinstance(value, bytes):
                return value.decode()
            if isinstance(value, list):
                return [item.decode() if isinstance(item, bytes) else item for item in value]
            return value
    return default


def label(node: onnx.NodeProto) -> str:
    """How a person finds the node in a viewer."""
    name = node.name or node.output[0]
    return name if node.op_type in name else f"{node.op_type} {name}"


def _walk(graph: onnx.GraphProto) -> Iterator[onnx.NodeProto]:
    for node in graph.node:
        yield node
        for each in node.attribute:
            for inner in (each.g, *each.graphs):
                yield from _walk(inner)


def _constants(
    graph: onnx.GraphProto, nodes: tuple[onnx.NodeProto, ...]
) -> Iterator[onnx.TensorProto]:
    yield from graph.initializer
    for node in nodes:
        for each in node.attribute:
            if node.op_type == "Constant" and each.name == "value":
                named = onnx.TensorProto()
                named.CopyFrom(each.t)
                named.name = node.output[0]
                yield named
            for inner in (each.g, *each.graphs):
                yield from inner.initializer


def _sources(graph: onnx.GraphProto, nodes: tuple[onnx.NodeProto, ...]) -> dict[str, str]:
    """From each value that is a graph input, perhaps cast or reshaped, to the input's name."""
    weights = {tensor.name for tensor in graph.initializer}
    sources = {each.name: each.name for each in graph.input if each.name not in weights}
    for node in nodes:  # they come in an order in which they can be computed
        if node.op_type in _PASS_ON and node.input[0] in sources:
            sources[node.output[0]] = sources[node.input[0]]
    return sources


def _table_sizes(
    nodes: tuple[onnx.NodeProto, ...],
    weights: Mapping[str, onnx.TensorProto],
    sources: Mapping[str, str],
) -> dict[str, int]:
    found: dict[str, int] = {}
    for node in nodes:
        if node.op_type == "Gather" and node.input[0] in weights and node.input[1] in sources:
            axis = attribute(node, "axis", 0)
            rows = weights[node.input[0]].dims[axis if isinstance(axis, int) else 0]
            name = sources[node.input[1]]
            found[name] = min(rows, found.get(name, rows))
    return found
