"""Tries whether states of a foreign graph continue a sequence. Knows pairs and the verdict on them.

A sequence in two parts, the states carried over, must be answered as in one. Where names do not
tell what belongs together, every way is tried that the shapes allow.
"""

from collections.abc import Mapping

import numpy as np
from pydantic import ValidationError

from app.tasks.tensor.features import TensorFeatures
from app.tasks.tensor.task import TensorTask
from app.training.importing.advice import (
    state_not_exposed,
    states_ambiguous,
    states_are_plain,
    states_by_shape,
    streams,
    wrong_state,
)
from app.training.importing.finding import Finding
from app.training.importing.probe import TOLERANCE, Array, Feeds, Probe, distance
from app.training.importing.state_pairs import pairings
from app.training.importing.streaming.proof import prove

_FIRST_PART, _STEPS = 5, 11


def try_states(probe: Probe, features: TensorFeatures) -> tuple[TensorFeatures, list[Finding]]:
    """The features with the states that continue a sequence, and what there is to say of them."""
    named = features.states
    ways = [] if probe.told.states or not probe.told.find_states else _ways(probe, features)
    if len(ways) > 1:
        return features, [states_ambiguous(ways)]
    if ways:
        states = {**named, **ways[0]}
        features, found = _streams(probe, features.model_copy(update={"states": states}))
        return features, [states_by_shape(ways[0]), *found]
    if not named:
        return features, [state_not_exposed()] if probe.graph.recurrent else []
    off = _continued(probe, features, named)
    if not off:
        return _streams(probe, features)
    finding = wrong_state(named, off, told=bool(probe.told.states))
    return features.model_copy(update={"states": {}}), [finding]


def _streams(probe: Probe, features: TensorFeatures) -> tuple[TensorFeatures, list[Finding]]:
    """Whether the service may keep the states, which continue a sequence."""
    try:
        streaming = TensorFeatures.model_validate(features.model_dump() | {"streams": True})
    except ValidationError:
        return features, [states_are_plain()]
    if not probe.roles.timed:
        return streaming, [streams("")]
    proof = prove(TensorTask(streaming, probe.session), probe)
    if not proof.holds:
        return features, [states_are_plain()]
    return streaming, [streams(proof.told())]


def _ways(probe: Probe, features: TensorFeatures) -> list[dict[str, str]]:
    """The pairs beside those found by name that continue a sequence, in all ways they do.

    A graph without steps can only be asked for the shapes: there, names must look like states'.
    """
    ways = pairings(features, by_name=not probe.roles.timed)
    return [way for way in ways if not _continued(probe, features, {**features.states, **way})]


def _continued(probe: Probe, features: TensorFeatures, states: Mapping[str, str]) -> str:
    """How two parts differ from the whole; "" if they agree."""
    whole = probe.feeds(2, _STEPS)
    answer = probe.run(whole)
    for state, continued in states.items():
        if answer[continued].shape != whole[state].shape:
            return f"{continued} has another shape than {state}"
    if not probe.roles.timed:
        return ""
    parts = []
    carried: Feeds = {}
    for start, end in ((0, _FIRST_PART), (_FIRST_PART, _STEPS)):
        feeds = {
            name: np.full_like(value, end - start)
            if name == features.lengths
            else _between(value, probe.roles.time[name], start, end)
            for name, value in whole.items()
        }
        parts.append(probe.run(feeds | carried))
        carried = {state: parts[-1][name] for state, name in states.items()}
    for tensor in features.outputs:
        axis = tensor.time_axis
        last = parts[1][tensor.name]
        got = last if axis is None else np.concatenate([parts[0][tensor.name], last], axis)
        off = distance(answer[tensor.name], got)
        if off > TOLERANCE:
            return f"{tensor.name} differs by {off:.2g} of its size"
    return ""


def _between(value: Array, axis: int | None, start: int, end: int) -> Array:
    if axis is None:
        return value
    return value[(slice(None),) * axis + (slice(start, end),)]
