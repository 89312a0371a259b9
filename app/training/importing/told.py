"""What the user says of a foreign graph, and whether it fits. Knows names and shapes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from app.errors import ConfigurationError
from app.serving.runtime.session import TensorSpec

WHOLE: Final = ("tensor(int64)", "tensor(int32)")


@dataclass(frozen=True)
class Told:
    """What the user says, which counts before any guess. The key "" means every tensor."""

    batch_axes: Mapping[str, int] = field(default_factory=dict)  # axis of the rows, by tensor
    time_axes: Mapping[str, int] = field(default_factory=dict)  # axis of the steps, by tensor
    lengths: str | None = None  # input with the steps of each row
    # outputs that continue a state, by the state's input
    states: Mapping[str, str] = field(default_factory=dict)
    shared: tuple[str, ...] = ()  # inputs with one value for all rows of a request
    find_states: bool = True  # whether to look for states that are not told
    # range from which random values of an input are drawn
    values: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    padding: bool = True  # whether rows may be padded
    stream: bool = False  # whether states are exposed, and tried, by what comes after
    fixed_time: bool = False  # whether the network is meant for so many steps and no other number


def check_told(inputs: Sequence[TensorSpec], outputs: Sequence[TensorSpec], told: Told) -> None:
    """Compare what is told with a graph.

    Raises:
        ConfigurationError: it names a tensor or an axis that there is not.
    """
    known = {spec.name: spec for spec in inputs}
    names = ", ".join(known)
    for option, axes in (("--batch-axis", told.batch_axes), ("--time-axis", told.time_axes)):
        for name, axis in axes.items():
            if name and name not in known:
                raise ConfigurationError(f"{option}: there is no input {name!r}; there are {names}")
            if name and not 0 <= axis < len(known[name].shape):
                raise ConfigurationError(
                    f"{option}: {name} {shown_shape(known[name])} has no axis {axis}"
                )
    for option, wanted in (
        ("--lengths", [told.lengths]),
        ("--state", told.states),
        ("--shared", told.shared),
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
        known[told.lengths].type not in WHOLE or len(known[told.lengths].shape) != 1
    ):
        spec = known[told.lengths]
        raise ConfigurationError(
            f"--lengths: {spec.name} is {spec.type} {shown_shape(spec)}, and not one whole number "
            "a row"
        )


def shown_shape(spec: TensorSpec) -> str:
    """The shape as a person should read it."""
    return f"[{', '.join('any' if size is None else str(size) for size in spec.shape)}]"
