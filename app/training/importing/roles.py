"""What the inputs of a foreign graph are for: batch axis, time axis, lengths, states.

Knows names and shapes only, and guesses; whether a guess is right is tried out elsewhere.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from app.serving.runtime.session import TensorSpec
from app.training.importing.graph_file import GraphFile
from app.training.importing.state_pairs import pairs_by_name
from app.training.importing.times import Axes, ways_of_time
from app.training.importing.told import WHOLE, Told, check_told

_BATCH: Final = re.compile(r"(mini_?)?(batch|bsz?|n|b)(_?(size|dim|axis))?", re.IGNORECASE)
_TIME: Final = re.compile(
    r"(max_?)?(time|seq(uence)?|t|l|steps?|length|len|frames?|tokens?|words?|chars?|characters?)"
    r"(_?(steps?|len(gth)?|dim|size|axis))?",
    re.IGNORECASE,
)
_LENGTHS: Final = re.compile(r"(.*_)?(seq(uence)?_?)?len(gth)?s?", re.IGNORECASE)


@dataclass(frozen=True)
class Roles:
    """Per input its batch and time axis, None where it has none.

    unsure: inputs whose two axes are told apart by their places alone. shared: inputs that all
    rows share.
    """

    batch: Mapping[str, int | None]
    time: Mapping[str, int | None]
    lengths: str | None
    states: Mapping[str, str]
    unsure: frozenset[str] = frozenset()
    shared: frozenset[str] = frozenset()

    @property
    def timed(self) -> bool:
        """Whether any input has a time axis."""
        return any(axis is not None for axis in self.time.values())

    def swapped(self, inputs: Sequence[str]) -> "Roles":
        """The same with batch and time axis of these inputs exchanged."""
        return replace(
            self,
            batch={
                name: (self.time if name in inputs else self.batch)[name] for name in self.batch
            },
            time={name: (self.batch if name in inputs else self.time)[name] for name in self.time},
        )


def find_ways(
    inputs: Sequence[TensorSpec], outputs: Sequence[TensorSpec], graph: GraphFile, told: Told
) -> list[Roles]:
    """The likely roles, the likeliest first.

    There are several where inputs have axes that may be one time or different ones.

    Raises:
        ConfigurationError: `told` names a tensor or an axis that there is not.
    """
    check_told(inputs, outputs, told)
    lengths = told.lengths or _find_lengths(inputs, graph)
    shared = frozenset(told.shared) | {each.name for each in inputs if not each.shape}
    states = dict(told.states)
    if not states and told.find_states:
        states = pairs_by_name(
            inputs,
            outputs,
            lambda spec: spec.name not in (lengths, *shared) and _named(spec, _TIME) is None,
        )
    batch: dict[str, int | None] = {}
    sequences: dict[str, Axes] = {}
    for spec in inputs:
        if spec.name in shared:
            batch[spec.name] = None
        elif spec.name == lengths:
            batch[spec.name] = 0
        elif spec.name in states:
            batch[spec.name] = told.batch_axes.get(spec.name, _state_batch(spec))
        else:
            sequences[spec.name] = _axes(spec, told)
            batch[spec.name] = sequences[spec.name].batch
    unsure = frozenset(name for name, axes in sequences.items() if not axes.sure)
    nowhere: dict[str, int | None] = dict.fromkeys(batch)
    if told.fixed_time:
        return [Roles(batch, nowhere, lengths, states, shared=shared)]
    return [
        Roles(
            batch=batch,
            time=nowhere | times,
            lengths=lengths,
            states=states,
            unsure=frozenset(name for name in unsure if times[name] is not None),
            shared=shared,
        )
        for times in ways_of_time(sequences, lengths)
    ]


def _axes(spec: TensorSpec, told: Told) -> Axes:
    """The batch axis of an ordinary input, and which axes may be its time."""
    batch = told.batch_axes.get(spec.name, told.batch_axes.get(""))
    time = told.time_axes.get(spec.name, told.time_axes.get(""))
    if batch is None:
        batch = _named(spec, _BATCH)
    named = _named(spec, _TIME) if time is None else None
    sure = batch is not None or time is not None or named is not None
    rest = [
        axis
        for axis, size in enumerate(spec.shape)
        if not isinstance(size, int) and axis not in (batch, time, named)
    ]
    if batch is None:
        batch = rest.pop(0) if rest else 0 if 0 not in (time, named) else 1
    if named is not None:
        rest.insert(0, named)
    free = tuple((axis, spec.shape[axis]) for axis in rest) if len(spec.shape) > 1 else ()
    batch = batch if batch < len(spec.shape) else None
    return Axes(batch, time, free, named is not None, sure)  # type: ignore[arg-type]


def _find_lengths(inputs: Sequence[TensorSpec], graph: GraphFile) -> str | None:
    """By where it goes, else by its name."""
    possible = [spec.name for spec in inputs if spec.type in WHOLE and len(spec.shape) == 1]
    for name in possible:
        if name in graph.lengths:
            return name
    return next((name for name in possible if _LENGTHS.fullmatch(name)), None)


def _state_batch(spec: TensorSpec) -> int | None:
    named = _named(spec, _BATCH)
    if named is not None:
        return named
    free = [axis for axis, size in enumerate(spec.shape) if not isinstance(size, int)]
    if len(free) == 1:
        return free[0]
    return 1 if len(spec.shape) == 3 else 0 if spec.shape else None  # (layers, batch, hidden)


def _named(spec: TensorSpec, pattern: re.Pattern[str]) -> int | None:
    for axis, size in enumerate(spec.shape):
        if isinstance(size, str) and pattern.fullmatch(size):
            return axis
    return None
