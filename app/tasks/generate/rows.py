"""States of many texts, as a step leaves them and takes them. Knows arrays; no text."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy.typing as npt

from app.tasks.decoding.decoder import joined

Array = npt.NDArray[Any]


class Rows(NamedTuple):
    """Rows `first` to `last` of the states that a step has led to, each (rows of all runs, ...).

    So runs that stay together take their next step without a copy.
    """

    states: Mapping[str, Array]
    first: int
    last: int

    def own(self) -> dict[str, Array]:
        """These rows alone."""
        return {name: value[self.first : self.last] for name, value in self.states.items()}


def together(parts: Sequence[Rows]) -> Mapping[str, Array]:
    """The states of the parts, one behind the other."""
    states, end = parts[0].states, 0
    for part in parts:
        if part.states is not states or part.first != end:
            break
        end = part.last
    else:
        if all(len(value) == end for value in states.values()):
            return states
    arrays = [part.own() for part in parts]
    return {name: joined([each[name] for each in arrays]) for name in states}
