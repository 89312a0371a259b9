"""Opens a foreign graph in ONNX Runtime, and says why where that fails. Knows versions of formats.

ONNX Runtime names versions and file lines; what helps is what to export or convert otherwise.
"""

import re
from dataclasses import replace
from typing import Final

import onnx
import onnxruntime as ort

from app.errors import ModelRefused
from app.serving.runtime.session import Session
from app.training.importing.advice import DOUBLES, in_doubles
from app.training.importing.finding import Finding, note, problem
from app.training.importing.graph_file import GraphFile, attribute, label

_OLDEST_OPSET: Final = 7  # ONNX Runtime has no recurrent nodes from before
_OPSET: Final = 20
_CONVERT: Final = (
    f"export it with torch.onnx.export(..., opset_version={_OPSET}), or convert it: "
    f"onnx.save(onnx.version_converter.convert_version(onnx.load(FILE), {_OPSET}), FILE)"
)
_NEWEST_IR: Final = re.compile(r"max supported IR version: (\d+)")
_NEWEST_OPSET: Final = re.compile(r"support for .{0,40}is till opset (\d+)")


def open_graph(graph: GraphFile) -> tuple[Session | None, GraphFile, list[Finding]]:
    """(the session, the graph that it has, what there is to say); no session: it cannot be loaded.

    A graph whose IR version is too new is opened with the newest that ONNX Runtime reads: the IR
    version counts changes of the file's format, and what a node computes is the opset's.
    """
    cannot = _cannot_load(graph)
    if cannot:
        return None, graph, cannot
    try:
        return Session(graph.content), graph, []
    except ModelRefused as error:
        newest = _NEWEST_IR.search(error.message)
        if newest is None:
            return None, graph, [_refused(error.message, graph)]
    lowered = replace(graph, content=_with_ir(graph.content, int(newest[1])))
    try:
        session = Session(lowered.content)
    except ModelRefused as error:
        return None, graph, [_refused(error.message, graph)]
    return session, lowered, [_lowered(graph, int(newest[1]))]


def _with_ir(content: bytes, version: int) -> bytes:
    model = onnx.load_from_string(content)
    model.ir_version = version
    return bytes(model.SerializeToString())


def _lowered(graph: GraphFile, newest: int) -> Finding:
    return note(
        f"IR version: {graph.ir_version} is newer than what ONNX Runtime {ort.__version__} reads; "
        f"the version is published with {newest}, and computes the same, since its opset "
        f"{graph.opset} stays",
        f"onnx.helper.make_model writes onnx's own newest one: pass ir_version={min(newest, 10)} "
        "to it",
    )


def _cannot_load(graph: GraphFile) -> list[Finding]:
    """What ONNX Runtime would refuse in words that do not help."""
    if graph.opset < _OLDEST_OPSET:
        return [
            problem(
                f"opset: {graph.opset} is older than what ONNX Runtime takes, {_OLDEST_OPSET}",
                _CONVERT,
            )
        ]
    return [
        problem(
            f"layout: {label(node)} has layout=1 (batch first), and ONNX Runtime computes layout=0",
            "export the node with layout=0 and put Transpose nodes around it",
        )
        for node in graph.recurrent
        if attribute(node, "layout", 0) == 1
    ]


def _refused(message: str, graph: GraphFile) -> Finding:
    if DOUBLES.search(message):
        return in_doubles(message)
    if "opset" in message.lower():
        newest = _NEWEST_OPSET.search(message)
        return problem(
            f"opset: {graph.opset} is newer than what ONNX Runtime {ort.__version__} takes"
            + (f", {newest[1]}" if newest else ""),
            _CONVERT,
        )
    if "is not a registered function/op" in message or "No Op registered" in message:
        return problem(
            message,
            "express the operator by those of ONNX; custom operators are not loaded",
        )
    return problem(message, "the same graph must load in onnxruntime.InferenceSession")
