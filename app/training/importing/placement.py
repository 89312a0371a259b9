"""Which nodes a CUDA execution provider would leave on the CPU, and why. Knows nodes; runs nothing.

The rules for recurrent nodes are those by which ONNX Runtime's CUDA provider decides (its function
`RNNNeedFallbackToCPU`: cuDNN computes only the plain cells). It says so in a log line and no more.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Final

import onnx

from app.training.importing.finding import Finding, note
from app.training.importing.graph_file import attribute, label

_PEEPHOLE: Final = 7  # the place of the peephole weights among the inputs of an LSTM node
_ACTIVATIONS: Final[Mapping[str, tuple[str, ...]]] = {
    "LSTM": ("sigmoid", "tanh", "tanh"),
    "GRU": ("sigmoid", "tanh"),
    "RNN": ("tanh",),
}
_RECURRENT: Final = tuple(_ACTIVATIONS)


def _custom_activations(node: onnx.NodeProto) -> bool:
    named = attribute(node, "activations", [])
    plain = _ACTIVATIONS[node.op_type] * 2  # twice in a bidirectional layer
    return isinstance(named, list) and any(
        str(each).lower() != usual for each, usual in zip(named, plain, strict=False)
    )


Rule = tuple[tuple[str, ...], Callable[[onnx.NodeProto], bool], str, str]

# Operators, whether the rule applies, what is said, what can be done about it.
RULES: Final[tuple[Rule, ...]] = (
    (
        ("LSTM",),
        lambda node: len(node.input) > _PEEPHOLE and bool(node.input[_PEEPHOLE]),
        "has peepholes",
        "train without peepholes",
    ),
    (
        ("LSTM",),
        lambda node: attribute(node, "input_forget", 0) != 0,
        "couples its input and forget gates",
        "train with separate gates",
    ),
    (
        ("GRU",),
        lambda node: attribute(node, "linear_before_reset", 0) != 1,
        "has linear_before_reset=0",
        "train with linear_before_reset=1, which is what PyTorch's GRU does",
    ),
    (
        _RECURRENT,
        lambda node: attribute(node, "clip", None) is not None,
        "clips its cell",
        "train and export without clip",
    ),
    (
        _RECURRENT,
        _custom_activations,
        "has other activations than the usual ones",
        "use sigmoid and tanh (a plain RNN: tanh)",
    ),
    (
        _RECURRENT,
        lambda node: any(each.name.startswith("activation_") for each in node.attribute),
        "sets activation_alpha or activation_beta",
        "use activations without parameters",
    ),
    (
        ("DynamicQuantizeLSTM",),
        lambda node: True,
        "is an LSTM quantised for CPUs",
        "serve the unquantised graph on the GPU",
    ),
    (
        ("Scan", "Loop"),
        lambda node: True,
        "computes its steps one by one, and a GPU is left idle between them",
        "use LSTM, GRU or RNN nodes where the cell allows it",
    ),
)


def placement_notes(nodes: Iterable[onnx.NodeProto]) -> list[Finding]:
    """One note per node and rule that applies."""
    notes = []
    for node in nodes:
        for operators, applies, what, fix in RULES:
            if node.op_type in operators and applies(node):
                where = "slow on a GPU" if node.op_type in ("Scan", "Loop") else "left on the CPU"
                notes.append(
                    note(f"{where} by the CUDA execution provider: {label(node)} {what}", fix)
                )
    return notes
