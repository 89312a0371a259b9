"""Finds the node at which a sequence in parts first differs from the whole, and says what it does.

Knows values and operators. The words are for whoever trained the network.
"""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
import onnx

from app.serving.runtime.session import Refused
from app.training.importing.finding import Finding, problem
from app.training.importing.graph_file import label
from app.training.importing.probe import TOLERANCE, Array, Feeds, Probe, distance
from app.training.importing.streaming.edit import OWN, GraphEdit
from app.training.importing.streaming.proof import LONG, LONG_CUT
from app.training.importing.streaming.trace import all_values

# Steps of the whole, and of its first part.
_SHORT: Final = (11, 5)
PAD_LEFT: Final = (
    "pad on the left only, nn.functional.pad(x, ((kernel_size - 1) * dilation, 0)), with stride 1 "
    "and a convolution, not a pooling"
)
LAST_STEP: Final = "answer from the last step, y[:, -1], or give an answer to every step"
_INSTEAD: Final = "; or serve whole sequences without --stream"
# What operators do to the steps of a sequence, and what to do instead.
_WORDS: Final[Sequence[tuple[tuple[str, ...], str, str]]] = (
    (
        ("ReduceMean", "ReduceSum", "ReduceL1", "ReduceL2", "ReduceSumSquare", "ReduceLogSumExp"),
        "takes a mean or a sum over all time",
        f"{LAST_STEP}, or carry the sum yourself: torch.cumsum over time is carried as a state",
    ),
    (
        ("GlobalAveragePool", "GlobalMaxPool", "GlobalLpPool"),
        "pools over all time",
        f"{LAST_STEP}, or torch.amax over time, which is carried as a state",
    ),
    (
        ("ReduceMax", "ReduceMin", "ArgMax", "ArgMin", "TopK", "ReduceProd"),
        "takes a maximum over all time",
        f"{LAST_STEP}; torch.amax over the time axis alone is carried as a state",
    ),
    (
        ("Softmax", "LogSoftmax", "Hardmax", "Attention", "MultiHeadAttention"),
        "is attention over the sequence: every step is weighed against all others",
        "use a recurrent layer or a causal convolution of a fixed window in its place",
    ),
    (
        ("MatMul", "Gemm", "Einsum"),
        "multiplies steps with each other, as attention does",
        "use a recurrent layer or a causal convolution of a fixed window in its place",
    ),
    (
        (
            *("LayerNormalization", "InstanceNormalization", "GroupNormalization"),
            *("LpNormalization", "MeanVarianceNormalization", "RMSNormalization"),
        ),
        "normalises over time",
        "normalise over the features of one step, nn.LayerNorm(hidden_size), or use "
        "nn.BatchNorm1d in inference",
    ),
    (
        ("Conv", "ConvTranspose", "MaxPool", "AveragePool", "LpPool", "Pad"),
        "has a window over time that is not the last steps alone",
        PAD_LEFT,
    ),
    (
        ("LSTM", "GRU", "RNN", "Scan", "Loop", "If", "DynamicQuantizeLSTM"),
        "keeps a state that cannot be taken out",
        "use LSTM, GRU or RNN nodes in one direction; or take the state as an input of forward, "
        "return it, and say --state INPUT=OUTPUT",
    ),
    (("CumSum", "CumProd"), "runs over time in a way that is not carried", LAST_STEP),
    (
        ("Gather", "GatherElements", "GatherND", "Slice", "Split", "ReverseSequence"),
        "takes steps by their place in the request",
        LAST_STEP,
    ),
    (
        ("Reshape", "Flatten"),
        "lays the steps side by side, so that their number is a size of the network",
        LAST_STEP,
    ),
)


def culprit(model: onnx.ModelProto, probe: Probe) -> Finding | None:
    """The node at which parts first differ from the whole, as a problem; None if there is none."""
    for steps, first in (_SHORT, (LONG, LONG_CUT)):
        try:
            whole, parts = _runs(model, probe, steps, first)
        except Refused:
            continue
        found = _first_apart(model, probe, whole, parts)
        if found is not None:
            return found
    return None


def _first_apart(
    model: onnx.ModelProto,
    probe: Probe,
    whole: Mapping[str, Array],
    parts: Sequence[Mapping[str, Array]],
) -> Finding | None:
    depends = GraphEdit(model).reached_by_values()
    # States and lengths are others for every part, and rightly so.
    optional = {*probe.roles.states, probe.roles.lengths}
    data = {name for name, inputs in depends.items() if inputs - optional}
    for node in model.graph.node:
        made = [name for name in node.output if name in data]
        if node.output[0].startswith(OWN):  # a state is on its way, and differs until it has come
            continue
        if all(_agrees(name, whole, parts) for name in made):
            continue
        used = [name for name in node.input if name in whole]
        if all(_agrees(name, whole, parts) for name in used if name in data):
            fixed = [name for name in used if not depends.get(name)]
            return _told(node, [name for name in fixed if not _agrees(name, whole, parts)])
    return None


def no_state() -> Finding:
    """A graph whose steps do not depend on each other."""
    return problem(
        "no state was found: nothing in the graph goes from one step to the next",
        "serve it without --stream: steps that do not depend on each other need no stream",
    )


def no_time() -> Finding:
    """A graph that takes one number of steps, and gives no state to go on from."""
    return problem(
        "no input has a time axis whose size is free, and no state goes in and out",
        "export it with a free time axis (dynamic_axes); or, for one step a request, take the "
        "state as an input of forward and return it",
    )


def not_continued(where: str) -> Finding:
    """A graph of which no node can be named."""
    return problem(
        f"in parts a sequence has another {where} than as a whole",
        f"take the states as inputs of forward and return them, --state INPUT=OUTPUT{_INSTEAD}",
    )


def _told(node: onnx.NodeProto, counts: Sequence[str]) -> Finding:
    for operators, what, fix in _WORDS:
        if node.op_type in operators:
            return problem(f"{label(node)} {what}", fix + _INSTEAD)
    if counts:
        return problem(
            f"{label(node)} uses {counts[0]}, which counts the steps of the request: a part would "
            "begin to count anew",
            "leave positions out, a recurrent layer needs none; or count them by torch.cumsum over "
            f"ones, which is carried as a state{_INSTEAD}",
        )
    return problem(
        f"at {label(node)} the answer to a step depends on steps that come later",
        f"let no step see a later one; {LAST_STEP}{_INSTEAD}",
    )


def _runs(
    model: onnx.ModelProto, probe: Probe, steps: int, first: int
) -> tuple[Mapping[str, Array], Sequence[Mapping[str, Array]]]:
    """Every value of one row: of the whole sequence, and of its two parts."""
    session = all_values(model)
    row = probe.feeds(1, steps)
    whole = session.run(row)
    parts: list[Mapping[str, Array]] = []
    carried: Feeds = {}
    for start, end in ((0, first), (first, steps)):
        feeds = {
            name: np.full_like(value, end - start)
            if name == probe.roles.lengths
            else _cut(value, probe.roles.time[name], start, end)
            for name, value in row.items()
        }
        parts.append(session.run(feeds | carried))
        carried = {state: parts[-1][name] for state, name in probe.roles.states.items()}
    return whole, parts


def _cut(value: Array, axis: int | None, start: int, end: int) -> Array:
    if axis is None:
        return value
    return np.ascontiguousarray(value[(slice(None),) * axis + (slice(start, end),)])


def _agrees(name: str, whole: Mapping[str, Array], parts: Sequence[Mapping[str, Array]]) -> bool:
    """Whether the first part is how the whole begins, and the second how it ends."""
    if name not in whole:  # a weight
        return True
    value, first, last = whole[name], parts[0][name], parts[1][name]
    if value.ndim != last.ndim or any(a < b for a, b in zip(value.shape, last.shape, strict=True)):
        return False
    begins = value[tuple(slice(size) for size in first.shape)]
    pairs = zip(value.shape, last.shape, strict=True)
    ends = value[tuple(slice(steps - size, None) for steps, size in pairs)]
    if distance(ends, last) > TOLERANCE:
        return False
    return first.shape == value.shape or distance(begins, first) <= TOLERANCE
