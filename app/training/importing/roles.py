"""What the inputs of a foreign graph are for: batch axis, time axis, lengths, states.

Knows names and shapes only, and guesses; whether a guess is right is tried out elsewhere.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from app.errors import ConfigurationError
from app.serving.runtime.session import TensorSpec
from app.training.importing.finding import EXPORT, Finding, problem
from app.training.importing.graph_file import GraphFile
from app.training.importing.state_pairs import pairs_by_name

_BATCH: Final = re.compile(r"(mini_?)?(batch|bsz?|n|b)(_?(size|dim|axis))?", re.IGNORECASE)
_TIME: Final = re.compile(
    r"(max_?)?(time|seq(uence)?|t|l|steps?|length|len|frames?|tokens?|words?|chars?|characters?)"
    r"(_?(steps?|len(gth)?|dim|size|axis))?",
    re.IGNORECASE,
)
_LENGTHS: Final = re.compile(r"(.*_)?(seq(uence)?_?)?len(gth)?s?", re.IGNORECASE)
_MADE_UP: Final = re.compile(r"_dynamic_axes_\d+$|^unk__\d+$|^s\d+$|^dim_?\d+$")
_WHOLE: Final = ("tensor(int64)", "tensor(int32)")


@dataclass(frozen=True)
class Told:
    """What the user says, which counts before any guess. The key "" means every tensor."""

    batch_axes: Mapping[str, int] = field(default_factory=dict)  # axis of the rows, by tensor
    time_axes: Mapping[str, int] = field(default_factory=dict)  # axis of the steps, by tensor
    lengths: str | None = None  # input with the steps of each row
    # outputs that continue a state, by the state's input
    states: Mapping[str, str] = field(default_factory=dict)
    find_states: bool = True  # whether to look for states that are not told
    # range from which random values of an input are drawn
    values: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    padding: bool = True  # whether rows may be padded
    fixed_time: bool = False  # whether the network is meant for so many steps and no other number


@dataclass(frozen=True)
class Roles:
    """Per input its batch and time axis, None where it has none.

    unsure: inputs whose two axes are told apart by their places alone.
    """

    batch: Mapping[str, int | None]
    time: Mapping[str, int | None]
    lengths: str | None
    states: Mapping[str, str]
    unsure: frozenset[str]

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


def find_roles(
    inputs: Sequence[TensorSpec], outputs: Sequence[TensorSpec], graph: GraphFile, told: Told
) -> Roles:
    """The most likely roles.

    Raises:
        ConfigurationError: `told` names a tensor or an axis that there is not.
    """
    _check_told(inputs, outputs, told)
    lengths = told.lengths or _find_lengths(inputs, graph)
    states = dict(told.states)
    if not states and told.find_states:
        states = pairs_by_name(
            inputs,
            outputs,
            lambda spec: spec.name != lengths and _named(spec, _TIME) is None,
        )
    batch: dict[str, int | None] = {}
    time: dict[str, int | None] = {}
    unsure = set()
    steps = _name_of_time(inputs, lengths, states)
    for spec in inputs:
        if spec.name == lengths:
            batch[spec.name], time[spec.name] = 0, None
        elif spec.name in states:
            batch[spec.name] = told.batch_axes.get(spec.name, _state_batch(spec))
            time[spec.name] = None
        else:
            batch[spec.name], time[spec.name], sure = _axes(spec, told, steps)
            if not sure:
                unsure.add(spec.name)
    return Roles(batch, time, lengths, states, frozenset(unsure))


def _axes(spec: TensorSpec, told: Told, steps: str | None) -> tuple[int | None, int | None, bool]:
    """(batch axis, time axis, whether that is more than their order) of an ordinary input."""
    batch = told.batch_axes.get(spec.name, told.batch_axes.get(""))
    time = told.time_axes.get(spec.name, told.time_axes.get(""))
    if batch is None:
        batch = _named(spec, _BATCH)
    if time is None:
        time = _named(spec, _TIME)
    sure = batch is not None or time is not None
    rest = [
        axis
        for axis, size in enumerate(spec.shape)
        if not isinstance(size, int) and axis not in (batch, time)
    ]
    if batch is None:
        batch = rest.pop(0) if rest else 0 if time != 0 else 1
    if time is None and rest and len(spec.shape) > 1:
        # Another name than the time has in the other inputs is another axis.
        time = next((axis for axis in rest if steps in (None, _own_name(spec.shape[axis]))), None)
        if time is None:
            time = next((axis for axis in rest if _own_name(spec.shape[axis]) is None), None)
    if told.fixed_time:
        time = None
    return (batch if batch < len(spec.shape) else None), time, sure or time is None


def _name_of_time(
    inputs: Sequence[TensorSpec], lengths: str | None, states: Mapping[str, str]
) -> str | None:
    """What the time axis is called, if any input with a named one tells."""
    for spec in inputs:
        axis = _named(spec, _TIME)
        if axis is not None and spec.name != lengths and spec.name not in states:
            return _own_name(spec.shape[axis])
    return None


def _own_name(size: int | str | None) -> str | None:
    """The name of a free axis, unless it was made up by an exporter."""
    return size if isinstance(size, str) and not _MADE_UP.search(size) else None


def frozen_axes(
    inputs: Sequence[TensorSpec], roles: Roles, graph: GraphFile, told: Told
) -> list[Finding]:
    """A problem for each axis that the graph declares as one fixed number."""
    found = []
    for spec in inputs:
        axis = roles.batch[spec.name]
        if axis is None:
            found.append(problem(f"the input {spec.name} {_shown(spec)} has no batch axis", EXPORT))
        elif isinstance(spec.shape[axis], int):
            found.append(
                problem(
                    f"batch is frozen: axis {axis} of {spec.name} {_shown(spec)} is always "
                    f"{spec.shape[axis]}",
                    f"{EXPORT}; or tell the right axis with --batch-axis {spec.name}=AXIS",
                )
            )
        time = roles.time[spec.name]
        if time is not None and isinstance(spec.shape[time], int):
            found.append(_frozen_time(spec, time))
    loops = graph.cell != "none"
    if loops and not roles.timed and not roles.states and not told.fixed_time and not found:
        for spec in inputs:
            if spec.name != roles.lengths and len(spec.shape) > 1:
                found.append(_frozen_time(spec, 1 if roles.batch[spec.name] == 0 else 0))
    return found


def _frozen_time(spec: TensorSpec, axis: int) -> Finding:
    return problem(
        f"time is frozen: axis {axis} of {spec.name} {_shown(spec)} is always {spec.shape[axis]}",
        f"{EXPORT}; or say --fixed-time if the network is meant for that many steps only",
    )


def _check_told(inputs: Sequence[TensorSpec], outputs: Sequence[TensorSpec], told: Told) -> None:
    known = {spec.name: spec for spec in inputs}
    names = ", ".join(known)
    for option, axes in (("--batch-axis", told.batch_axes), ("--time-axis", told.time_axes)):
        for name, axis in axes.items():
            if name and name not in known:
                raise ConfigurationError(f"{option}: there is no input {name!r}; there are {names}")
            if name and not 0 <= axis < len(known[name].shape):
                raise ConfigurationError(
                    f"{option}: {name} {_shown(known[name])} has no axis {axis}"
                )
    for option, wanted in (
        ("--lengths", [told.lengths]),
        ("--state", told.states),
        ("--values", told.values),
    ):
        for each in wanted:
            if each is not None and each not in known:
                raise ConfigurationError(f"{option}: there is no input {each!r}; there are {names}")
    given = [spec.name for spec in outputs]
    for continued in told.states.values():
        if continued not in given:
            raise ConfigurationError(
                f"--state: there is no output {continued!r}; there are {', '.join(given)}"
            )
    if told.lengths is not None and (
        known[told.lengths].type not in _WHOLE or len(known[told.lengths].shape) != 1
    ):
        spec = known[told.lengths]
        raise ConfigurationError(
            f"--lengths: {spec.name} is {spec.type} {_shown(spec)}, and not one whole number a row"
        )


def _find_lengths(inputs: Sequence[TensorSpec], graph: GraphFile) -> str | None:
    """By where it goes, else by its name."""
    possible = [spec.name for spec in inputs if spec.type in _WHOLE and len(spec.shape) == 1]
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


def _shown(spec: TensorSpec) -> str:
    return f"[{', '.join('any' if size is None else str(size) for size in spec.shape)}]"
