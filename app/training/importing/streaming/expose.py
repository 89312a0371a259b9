"""From a graph that hides its state to one that streams. Knows the order of steps."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
import onnx
from pydantic import JsonValue

from app.errors import ModelRefused
from app.serving.runtime.datatypes import NUMPY, OF_ONNX
from app.serving.runtime.session import Refused, Session
from app.training.importing.finding import Finding, problem
from app.training.importing.graph_file import GraphFile, describe
from app.training.importing.probe import Array, Probe
from app.training.importing.streaming.edit import BATCH, GraphEdit
from app.training.importing.streaming.explain import culprit, no_state, no_time
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
_REACHED: Final = (3, 7)  # rows and steps
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

    told: what the user said, and what was added. initial: first values that are not zeros. reached:
    rows of the new states that the graph comes to, since random ones may be none that it can take.
    """

    graph: GraphFile
    told: Told
    initial: dict[str, JsonValue] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()
    reached: Mapping[str, Array] = field(default_factory=dict)


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
        if not roles.timed:
            return _failed(probe, no_time())
        unchanged = onnx.load_from_string(probe.graph.content)
        return _failed(probe, culprit(unchanged, probe) or no_state())
    graph = describe(edit.finish())
    session = Session(graph.content)
    inputs = {each.name for each in session.inputs}
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
        _reached(session, probe, surgery),
    )


def _reached(session: Session, probe: Probe, surgery: Surgery) -> dict[str, Array]:
    """Rows (count, ...) of each new state: the first one, and what random rows lead to."""
    rows, steps = _REACHED
    feeds = probe.feeds(rows, steps)
    first: dict[str, Array] = {}
    for spec in session.inputs:
        if spec.name in surgery.states:
            dtype = NUMPY[OF_ONNX[spec.type]]
            row = surgery.initial.get(spec.name)
            shape = (rows, *(size for size in spec.shape[1:] if isinstance(size, int)))
            first[spec.name] = np.broadcast_to(np.asarray(0 if row is None else row, dtype), shape)
        elif spec.name == surgery.lengths and surgery.added:
            first[spec.name] = np.full(rows, steps, np.int64)
    known = {spec.name for spec in session.inputs}
    found = session.run({name: feeds[name] for name in feeds.keys() & known} | first)
    return {
        state: np.concatenate([first[state][:1], found[continued]])
        for state, continued in surgery.states.items()
    }


def _failed(probe: Probe, *problems: Finding) -> Exposed:
    return Exposed(probe.graph, probe.told, {}, problems)


def _batch_name(probe: Probe) -> str:
    """What the inputs call their batch axis."""
    for spec in probe.session.inputs:
        axis = probe.roles.batch[spec.name]
        if axis is not None and isinstance(name := spec.shape[axis], str):
            return name
    return BATCH
