"""From a graph that hides its state to one that streams. Knows the order of steps."""

from dataclasses import dataclass, field, replace
from typing import Final

import onnx
from pydantic import JsonValue

from app.errors import ModelRefused
from app.serving.runtime.session import Refused, Session
from app.training.importing.finding import Finding, problem
from app.training.importing.graph_file import GraphFile, describe
from app.training.importing.probe import Probe
from app.training.importing.streaming.edit import BATCH, GraphEdit
from app.training.importing.streaming.explain import culprit, no_state
from app.training.importing.streaming.last_step import select_ends
from app.training.importing.streaming.linear_attention import expose_linear_attention
from app.training.importing.streaming.recurrent import expose_recurrent
from app.training.importing.streaming.running import expose_running
from app.training.importing.streaming.scans import expose_scans
from app.training.importing.streaming.states import Surgery
from app.training.importing.streaming.trace import trace
from app.training.importing.streaming.windows import expose_windows
from app.training.importing.told import Told

_OLDEST_OPSET: Final = 13  # from here on axes are inputs, and GatherND knows batches
_LENGTHS: Final = "lengths"
_STEPS: Final = (
    expose_recurrent,
    expose_scans,
    expose_linear_attention,
    expose_windows,
    expose_running,
    select_ends,
)


@dataclass(frozen=True)
class Exposed:
    """A graph with its states as inputs and outputs, and what is known of them.

    told: what the user said, and what was added. initial: first values that are not zeros.
    """

    graph: GraphFile
    told: Told
    initial: dict[str, JsonValue] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()


def expose(probe: Probe) -> Exposed:
    """Give the graph of `probe` inputs and outputs for every state that it hides.

    Findings that are problems say what keeps it from that; the graph is then of no use.
    """
    roles, told = probe.roles, probe.told
    if probe.graph.opset < _OLDEST_OPSET:
        return _failed(
            probe,
            problem(
                f"opset: {probe.graph.opset} is older than --stream takes, {_OLDEST_OPSET}",
                "export it again with torch.onnx.export(..., opset_version=20)",
            ),
        )
    model = onnx.load_from_string(probe.graph.content)
    edit = GraphEdit(model, _batch_name(probe))
    try:
        traced = trace(edit, probe)
    except (ModelRefused, Refused) as error:
        return _failed(probe, problem(f"its values cannot be looked at: {error}", ""))
    lengths, added = roles.lengths, False
    if lengths is None and roles.timed:
        lengths, added = edit.add_input(_LENGTHS, "int64", (edit.batch,)), True
    surgery = Surgery(edit, traced, lengths, added, dict(roles.states), probe.graph.opset)
    for step in _STEPS:
        step(surgery)
    if surgery.problems:
        return _failed(probe, *surgery.problems)
    if not surgery.states and not surgery.kept:
        unchanged = onnx.load_from_string(probe.graph.content)
        return _failed(probe, culprit(unchanged, probe) or no_state())
    graph = describe(edit.finish())
    inputs = {each.name for each in Session(graph.content).inputs}
    batch = {name: axis for name, axis in roles.batch.items() if axis is not None}
    time = {name: axis for name, axis in roles.time.items() if axis is not None}
    return Exposed(
        graph,
        replace(
            told,
            batch_axes={name: batch[name] for name in inputs & batch.keys()}
            | dict.fromkeys(surgery.states, 0),
            time_axes={name: time[name] for name in inputs & time.keys()},
            lengths=lengths if lengths in inputs else None,
            states=surgery.kept | surgery.states,
            padding=told.padding and lengths in inputs,
        ),
        surgery.initial,
        tuple(surgery.notes),
    )


def _failed(probe: Probe, *problems: Finding) -> Exposed:
    return Exposed(probe.graph, probe.told, {}, problems)


def _batch_name(probe: Probe) -> str:
    """What the inputs call their batch axis."""
    for spec in probe.session.inputs:
        axis = probe.roles.batch[spec.name]
        if axis is not None and isinstance(name := spec.shape[axis], str):
            return name
    return BATCH
