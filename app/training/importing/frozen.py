"""Axes that a foreign graph declares as one fixed number, and how to export it without that."""

from collections.abc import Sequence
from typing import Final

from app.serving.runtime.session import TensorSpec
from app.training.importing.finding import Finding, problem
from app.training.importing.graph_file import GraphFile
from app.training.importing.roles import Roles
from app.training.importing.told import Told, shown_shape

_SEQUENCE: Final = 3  # axes of a sequence of vectors


def frozen_axes(
    inputs: Sequence[TensorSpec],
    outputs: Sequence[TensorSpec],
    roles: Roles,
    graph: GraphFile,
    told: Told,
) -> list[Finding]:
    """A problem for each input with frozen axes, all of them together."""
    found = []
    free = any(not isinstance(size, int) for spec in inputs for size in spec.shape)
    fix = export_advice(inputs, outputs, roles)
    for spec in inputs:
        if spec.name in roles.shared:
            continue
        batch, time = roles.batch[spec.name], _frozen_time(spec, roles, graph, told)
        if batch is None:
            what = f"the input {spec.name} {shown_shape(spec)} has no batch axis"
        elif not isinstance(spec.shape[batch], int):
            if time is None:
                continue
            what = (
                f"time is frozen: axis {time} of {spec.name} {shown_shape(spec)} is always "
                f"{spec.shape[time]}"
            )
        elif time is None:
            what = (
                f"batch is frozen: axis {batch} of {spec.name} {shown_shape(spec)} is always "
                f"{spec.shape[batch]}"
            )
        else:
            what = (
                f"batch and time are frozen: axes {batch} and {time} of {spec.name} "
                f"{shown_shape(spec)} are always {spec.shape[batch]} and {spec.shape[time]}"
            )
        found.append(problem(what, "; ".join((fix, *_others(spec, roles, batch, time, free)))))
        fix = "the same export frees it, too"
    return found


def export_advice(inputs: Sequence[TensorSpec], outputs: Sequence[TensorSpec], roles: Roles) -> str:
    """How PyTorch makes this graph so that it takes any batch and any length."""
    axes = {}
    continued = {after: before for before, after in roles.states.items()}
    first = next(
        (roles.batch[e.name] for e in inputs if e.name not in (*roles.states, roles.lengths)), 0
    )
    for spec in inputs:
        batch, time = roles.batch[spec.name], roles.time[spec.name]
        if spec.name in roles.shared or batch is None:
            continue
        axes[spec.name] = {batch: "batch"}
        if time is None and len(spec.shape) >= _SEQUENCE and spec.name not in roles.states:
            time = 1 if batch == 0 else 0
        if time is not None:
            axes[spec.name][time] = "time"
    for spec in outputs:
        if spec.name in continued:
            axes[spec.name] = axes[continued[spec.name]]
        elif len(spec.shape) >= _SEQUENCE:
            axes[spec.name] = {0: "batch", 1: "time"} if not first else {0: "time", 1: "batch"}
        elif spec.shape:
            axes[spec.name] = {0: "batch"}
    named = ", ".join(
        f'"{name}": {{{", ".join(f"{axis}: {chr(34)}{of[axis]}{chr(34)}" for axis in sorted(of))}}}'
        for name, of in axes.items()
    )
    return (
        "export it again with free axes: torch.onnx.export(..., dynamo=False, opset_version=20, "
        f"dynamic_axes={{{named}}})"
    )


def _frozen_time(spec: TensorSpec, roles: Roles, graph: GraphFile, told: Told) -> int | None:
    """The axis that is the time and has one size."""
    time, batch = roles.time[spec.name], roles.batch[spec.name]
    if time is not None:
        return time if isinstance(spec.shape[time], int) else None
    if told.fixed_time or roles.timed or spec.name in (*roles.states, roles.lengths):
        return None
    time = 1 if batch == 0 else 0
    if len(spec.shape) < 2 or not isinstance(spec.shape[time], int):
        return None
    loops = graph.cell != "none"
    if roles.states:  # one step a request is what such a graph may be made for
        return time if loops and len(spec.shape) >= _SEQUENCE and spec.shape[time] != 1 else None
    unrolled = batch is not None and isinstance(spec.shape[batch], int)
    return time if loops or (unrolled and len(spec.shape) == _SEQUENCE) else None


def _others(
    spec: TensorSpec, roles: Roles, batch: int | None, time: int | None, free: bool
) -> list[str]:
    """What else could help, where it could."""
    state = spec.name in roles.states
    fixed = all(isinstance(size, int) for size in spec.shape)
    others = []
    if batch is not None and isinstance(spec.shape[batch], int) and not fixed:
        others.append(f"or tell the right axis with --batch-axis {spec.name}=AXIS")
    if fixed and free and not state and (batch is None or isinstance(spec.shape[batch], int)):
        others.append(f"or say --shared {spec.name} if it is one value for all rows")
    if time is not None:
        alone = batch is None or not isinstance(spec.shape[batch], int)
        say = "say --fixed-time" if alone else "free the batch alone and say --fixed-time"
        others.append(f"or {say} if the network is meant for that many steps only")
    return others
