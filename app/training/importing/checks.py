"""Whether a foreign graph can be served with other people's rows in one batch. Knows the verdict.

Everything is tried out on the path that serves: `TensorTask` takes random rows of random lengths,
alone and together, and the answers must agree as closely as a golden example must in a batch.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Final

import numpy as np

from app.serving.runtime.datatypes import OF_ONNX
from app.serving.runtime.session import Refused, Session
from app.tasks.tensor.features import TensorFeatures
from app.tasks.tensor.task import TensorExample, TensorTask
from app.training.importing.advice import (
    alone_and_together,
    frozen_inside,
    lengths_ignored,
    lengths_missing,
    no_batch_axis,
    no_input,
    no_tensor,
    not_finite,
    not_repeatable,
    padding_matters,
    shared_by_rows,
)
from app.training.importing.finding import Finding, note, problem
from app.training.importing.frozen import export_advice, frozen_axes
from app.training.importing.graph_file import GraphFile
from app.training.importing.placement import placement_notes
from app.training.importing.probe import (
    OTHERS,
    SHAPES,
    TOLERANCE,
    Array,
    Feeds,
    Probe,
    distance,
    output_axes,
)
from app.training.importing.roles import find_ways
from app.training.importing.states import try_states
from app.training.importing.told import Told

_LENGTHS: Final = (11, 1, 7, 4, 2)
# A graph that runs with no shape of SHAPES may have been traced with one of these.
_TRACED_ROWS: Final = (1, 2, 4, 8, 16, 32)
_TRACED_STEPS: Final = (1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 16, 20, 24, 28, 30, 32, 50, 64, 100, 128)


@dataclass(frozen=True)
class Verdict:
    """What was found out; `features` are None if any finding is a problem.

    sound: whether the axes are what they were taken for, if perhaps not all is well. reached: rows
    of states that the graph comes to.
    """

    features: TensorFeatures | None
    findings: tuple[Finding, ...]
    sound: bool = True
    reached: Mapping[str, Array] = field(default_factory=dict)

    @property
    def problems(self) -> list[Finding]:
        return [each for each in self.findings if each.severity == "problem"]


def examine(
    session: Session,
    graph: GraphFile,
    told: Told,
    reached: Mapping[str, Array] = MappingProxyType({}),
) -> Verdict:
    """Find out what the tensors of a graph are for, and try whether that is true.

    `reached` are rows of states that the graph can take; see `Probe`.

    Raises:
        ConfigurationError: `told` names a tensor or an axis that there is not.
    """
    strange = [spec for spec in (*session.inputs, *session.outputs) if spec.type not in OF_ONNX]
    if strange or not session.inputs:
        return Verdict(None, tuple(map(no_tensor, strange)) or (no_input(),))
    ways = find_ways(session.inputs, session.outputs, graph, told)
    roles = ways[0]
    frozen = frozen_axes(session.inputs, session.outputs, roles, graph, told)
    if frozen:
        return Verdict(None, tuple(frozen))
    verdict = _best([_try(Probe(session, graph, way, told, reached)) for way in ways])
    if verdict.sound or not roles.timed:
        return verdict
    timed = [name for name, axis in roles.time.items() if axis is not None]
    other = _try(Probe(session, graph, roles.swapped(timed), told, reached))
    if not other.sound:
        return verdict
    options = " ".join(
        f"--batch-axis {name}={roles.time[name]} --time-axis {name}={roles.batch[name]}"
        for name in timed
    )
    layout = "layout: the recurrence runs along what looked like the batch axis"
    if roles.unsure >= set(timed):
        kept = note(f"{layout}; time comes first, batch second", "")
        return replace(other, findings=(kept, *other.findings))
    first = verdict.problems[0]
    layout = f"{layout} ({first.what})"
    return Verdict(None, (problem(layout, f"batch_first=True, or say {options}"), *other.problems))


def _best(verdicts: Sequence[Verdict]) -> Verdict:
    """The first by which rows share most batches, or which has least against it."""
    return min(
        verdicts,
        key=lambda each: (
            not each.sound,
            each.features is None,
            each.features is None or not each.features.masked,
        ),
    )


def _try(probe: Probe) -> Verdict:
    """The verdict on one way of reading the axes."""
    answers: dict[tuple[int, int], dict[str, Array]] = {}
    reasons: dict[tuple[int, int], str] = {}
    for shape in SHAPES:
        other = OTHERS[shape == SHAPES[-1]]
        try:
            answers[shape] = probe.run(probe.feeds(*shape, other=other))
        except Refused as error:
            reasons[shape] = str(error)
    if reasons:
        return Verdict(None, (_frozen(probe, list(answers), reasons),), sound=False)
    found = _look(probe, answers)
    if found:
        return Verdict(None, tuple(found), sound=False)
    names = [spec.name for spec in probe.session.outputs]
    features = probe.features(
        {name: [answers[shape][name].shape for shape in SHAPES] for name in names}
    )
    mixed = _mixed(probe, features)
    if mixed:
        return Verdict(None, (mixed,), sound=False)
    features, found = _padding(probe, features)
    if any(each.severity == "problem" for each in found):
        return Verdict(None, tuple(found))
    features, of_states = (features, []) if probe.told.stream else try_states(probe, features)
    found += of_states
    if any(each.severity == "problem" for each in found):
        return Verdict(None, tuple(found))
    found += map(shared_by_rows, features.shared)
    return Verdict(features, (*found, *placement_notes(probe.graph.nodes)))


def _frozen(
    probe: Probe, worked: list[tuple[int, int]], reasons: dict[tuple[int, int], str]
) -> Finding:
    """Which axis is frozen, in a graph that does not run with every one of SHAPES."""
    if not worked:
        shapes = [(rows, steps) for rows in _TRACED_ROWS for steps in _TRACED_STEPS]
        worked = [each for each in shapes if not _failure(probe, each)][:1]
    for rows, steps in worked[:1]:
        for near in ((rows + 1, steps), (rows, steps + 2)):
            reasons[near] = _failure(probe, near)
    export = export_advice(probe.session.inputs, probe.session.outputs, probe.roles)
    return frozen_inside(worked, {shape: text for shape, text in reasons.items() if text}, export)


def _failure(probe: Probe, shape: tuple[int, int]) -> str:
    """Why the graph does not run with so many rows and steps; "" if it does."""
    try:
        probe.run(probe.feeds(*shape))
    except Refused as error:
        return str(error)
    return ""


def _mixed(probe: Probe, features: TensorFeatures) -> Finding | None:
    """Whether rows of equal length change each other's answers."""
    rows = [probe.feeds(1, 7, seed) for seed in range(4)]
    off = _difference(TensorTask(features, probe.session), rows)
    return alone_and_together(off, probe.graph) if off else None


def _look(probe: Probe, answers: Mapping[tuple[int, int], Mapping[str, Array]]) -> list[Finding]:
    """What the answers show at once: axes, numbers, chance."""
    found = []
    again = probe.run(probe.feeds(*SHAPES[0]))
    for name, value in answers[SHAPES[0]].items():
        shapes = [answers[shape][name].shape for shape in SHAPES]
        if len({len(shape) for shape in shapes}) > 1 or output_axes(shapes)[0] is None:
            found.append(no_batch_axis(name, shapes[0], shapes[1]))
        elif value.dtype.kind == "f" and not all(
            np.isfinite(answers[shape][name]).all() for shape in SHAPES
        ):
            found.append(not_finite(name))
        elif not np.array_equal(value, again[name]):
            found.append(not_repeatable(name))
    return found


def _padding(probe: Probe, features: TensorFeatures) -> tuple[TensorFeatures, list[Finding]]:
    """Whether rows of unequal length may share a batch."""
    if not probe.roles.timed:
        return features, []
    rows = [probe.feeds(1, steps, seed) for seed, steps in enumerate(_LENGTHS)]
    if not probe.told.padding:
        return features.model_copy(update={"padding": False}), [
            note("rows of unequal length share no batch, as --no-padding asks")
        ]
    if features.lengths is not None:
        if _ignores_lengths(probe):
            return features, [lengths_ignored(features.lengths)]
        ragged = _difference(TensorTask(features, probe.session), rows)
        return features, [padding_matters(ragged, features.lengths)] if ragged else []
    padded = features.model_copy(update={"padding": True})
    if not padded.masked:
        return features, [
            note("rows of unequal length share no batch: an axis of an output follows the time")
        ]
    ragged = _difference(TensorTask(padded, probe.session), rows)
    if ragged:
        return features, [lengths_missing(ragged)]
    return padded, [note("no lengths are needed: padding changes no answer")]


def _difference(task: TensorTask, rows: Sequence[Feeds]) -> str:
    """How the answers to these rows, alone and in one batch, differ at most; "" if they agree."""
    examples: list[TensorExample] = [task.split(row)[0] for row in rows]
    together = task.predict(examples)
    worst, text = TOLERANCE, ""
    for example, among in zip(examples, together, strict=True):
        (alone,) = task.predict([example])
        for name in alone.outputs:
            off = distance(alone.value(name), among.value(name))
            if off > worst:
                worst, text = off, f"{name} by {off:.2g} of its size"
    return text


def _ignores_lengths(probe: Probe) -> bool:
    feeds = probe.feeds(2, 7)
    name = probe.roles.lengths
    assert name is not None
    shorter = feeds | {name: np.ones_like(feeds[name])}
    full, short = probe.run(feeds), probe.run(shorter)
    return all(np.array_equal(full[each], short[each]) for each in full)
