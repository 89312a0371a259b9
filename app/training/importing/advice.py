"""Says what is wrong with a foreign graph in the words of the fix. Knows words; checks nothing."""

import re
from collections.abc import Mapping, Sequence

from app.serving.runtime.session import TensorSpec
from app.training.importing.finding import Finding, note, problem
from app.training.importing.graph_file import GraphFile, label
from app.training.importing.state_pairs import shown

_QUANTISED = ("DynamicQuantizeLinear", "DynamicQuantizeLSTM", "DynamicQuantizeMatMul")
# What ONNX Runtime says of an LSTM or GRU (when it runs) and of an RNN (when it is loaded).
DOUBLES = re.compile(
    r"(LSTM|GRU) operator does not support double|Could not find an implementation for RNN"
)
_LENGTHS_FIX = (
    "give the graph an int64 input lengths (batch): pack_padded_sequence exports to the "
    "sequence_lens of the recurrent node, and what is pooled over time is masked by it; "
    "or say --no-padding, and only rows of equal length share a batch"
)


def no_tensor(spec: TensorSpec) -> Finding:
    """A value that no client can send or read."""
    return problem(
        f"{spec.name} is a {spec.type}, and only tensors can be sent and read",
        "let the graph take and return tensors",
    )


def no_input() -> Finding:
    """A graph that always gives the same."""
    return problem("the graph has no input", "let forward take what the answer depends on")


def frozen_inside(
    worked: Sequence[tuple[int, int]], reasons: Mapping[tuple[int, int], str], export: str
) -> Finding:
    """The declared axes are free, and still only some shapes (rows, steps) run, or none does.

    `export` says how to export it.
    """
    shape, reason = next(iter(reasons.items()))
    if DOUBLES.search(reason):
        return in_doubles(reason)
    if not worked:
        return problem(
            f"the graph computes no random rows: {reason}",
            "tell which values its inputs take, --values NAME=LOW:HIGH, and which axes they have, "
            "--batch-axis NAME=AXIS and --time-axis NAME=AXIS",
        )
    rows, steps = worked[0]
    of_rows = [other for other in reasons if other[0] != rows and other[1] == steps]
    of_steps = [other for other in reasons if other[1] != steps and other[0] == rows]
    what = "batch and time are" if of_rows and of_steps else "batch is" if of_rows else "time is"
    shape = (of_rows or of_steps or [shape])[0]
    reason = reasons[shape]
    return problem(
        f"{what} frozen inside the graph, though its inputs are declared free: it runs with {rows} "
        f"rows of {steps} steps, and with {shape[0]} rows of {shape[1]} not: {reason}",
        f"{export}, and make nothing in forward a Python number that depends on x.shape "
        "(int(...), len(...), a list of steps): tracing writes it down as it was",
    )


def in_doubles(reason: str) -> Finding:
    """Recurrent layers in FP64."""
    return problem(
        f"precision: {reason}: ONNX Runtime computes recurrent layers in FP32 (and FP16) only",
        "export in single precision: model.float() before torch.onnx.export, and float32 inputs in "
        "its example; clients then send FP32",
    )


def no_batch_axis(name: str, two: tuple[int, ...], three: tuple[int, ...]) -> Finding:
    """An output whose shape does not follow the number of rows."""
    return problem(
        f"the output {name} has no batch axis: {list(two)} for 2 rows, {list(three)} for 3",
        "return one result per row; leave out outputs that belong to the whole batch",
    )


def not_finite(name: str) -> Finding:
    """An output that holds infinities or none at all."""
    return problem(
        f"the output {name} holds values that are not finite",
        "tell which values its inputs take, --values NAME=LOW:HIGH; instead of -inf for what is "
        "masked return a large negative number",
    )


def not_repeatable(name: str) -> Finding:
    """An output that differs from run to run."""
    return problem(
        f"the output {name} is another one each time for the same input",
        "call model.eval() before exporting, and leave out what draws random numbers",
    )


def alone_and_together(off: str, graph: GraphFile) -> Finding:
    """Rows of equal length change each other's answers."""
    quantised = [node for node in graph.nodes if node.op_type in _QUANTISED]
    if quantised:
        return problem(
            f"rows in one batch change each other's answers ({off}): {label(quantised[0])} takes "
            "its scale over the whole batch",
            "serve the unquantised graph, or quantise statically",
        )
    return problem(
        f"rows in one batch change each other's answers ({off})",
        "call model.eval() before exporting (batch normalisation in training looks at the whole "
        "batch); or the batch axis is another one: --batch-axis NAME=AXIS --time-axis NAME=AXIS",
    )


def lengths_ignored(name: str) -> Finding:
    """A lengths input that changes nothing."""
    return problem(
        f"the lengths {name} reach nothing: the answers are the same whatever they say",
        _LENGTHS_FIX,
    )


def lengths_missing(off: str) -> Finding:
    """No lengths, and padding changes the answers."""
    return problem(f"lengths are missing: padding changes the answers ({off})", _LENGTHS_FIX)


def padding_matters(off: str, lengths: str) -> Finding:
    """Lengths are there, and padding changes the answers all the same."""
    return problem(
        f"padding changes the answers although {lengths} is given ({off})",
        "mask what is pooled over time by the lengths, and give them to every recurrent layer "
        "(pack_padded_sequence), the backward direction most of all; or say --no-padding, and only "
        "rows of equal length share a batch",
    )


def shared_by_rows(name: str) -> Finding:
    """An input that holds one value for all rows."""
    return note(
        f"{name} is one value for all rows of a request, and rows share a batch with those of the "
        "same value only",
    )


def one_time(names: Sequence[str]) -> Finding:
    """Axes of several names that must have one size."""
    return note(f"the axes of {', '.join(names)} have several names and must have one size")


def state_not_exposed() -> Finding:
    """Recurrent layers whose states cannot be handed in and out."""
    return note(
        "the state is not exposed: every request is a whole sequence, and none can go on where "
        "another one ended",
        "for streams say --stream, which exposes it; or take h0 (and c0) as inputs and return hn "
        "(and cn), and say --state h0=hn --state c0=cn if other names are used",
    )


def streams(told: str) -> Finding:
    """The service may keep the states between requests; `told` is how close parts are."""
    if not told:
        return note("it streams: one request is one step")
    return note(f"it streams: sequences in parts are answered as the whole, {told}")


def states_are_plain() -> Finding:
    """States that clients can carry, and the service cannot."""
    return note(
        "it does not stream: clients can carry the states, and the service does not keep them",
        "give every state a fixed size beside its batch axis, and every tensor a batch axis",
    )


def states_by_shape(pairs: Mapping[str, str]) -> Finding:
    """States whose names do not tell what belongs together, and whose shapes do."""
    told = ", ".join(f"{before} -> {after}" for before, after in pairs.items())
    return note(
        f"{told}: taken for states by their shapes, and a sequence in two parts agreed",
        "if they are none, say --no-states",
    )


def states_ambiguous(ways: Sequence[Mapping[str, str]]) -> Finding:
    """States of one shape that could belong together in several ways."""
    names = ", ".join(ways[0])
    return problem(
        f"the states {names} could each be continued by several outputs, and neither names nor "
        "trial tell which",
        f"say {shown(ways[0])}, or {shown(ways[1])}; --no-states if they are none",
    )


def wrong_state(states: Mapping[str, str], off: str, *, told: bool) -> Finding:
    """A sequence in two parts is not answered as in one."""
    pairs = ", ".join(f"{state} -> {continued}" for state, continued in states.items())
    what = f"{pairs} do not continue a sequence: in two parts, {off}"
    if told:
        return problem(what, "name the pairs that belong together: --state INPUT=OUTPUT")
    return note(
        f"{what}; they are served as plain inputs and outputs",
        "the states of a bidirectional layer cannot be continued; else --state INPUT=OUTPUT",
    )
