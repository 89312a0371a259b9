"""What the parameters of an inference request say of a sequence. Knows names; keeps no state."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from app.api.bodies.fields import shown
from app.errors import InvalidInput

_MOST: Final = 2**64 - 1
_ALLOWED: Final = "a whole number from 1 to 2^64 - 1, or 1 to 63 letters, digits, '.', '_' or '-'"
_TEXT: Final = re.compile("[A-Za-z0-9._-]{1,63}")


@dataclass(frozen=True, slots=True)
class Sequence:
    """The sequence that a request belongs to. id: as text; start, end: first and last request."""

    id: str
    start: bool
    end: bool


def read_sequence(parameters: Mapping[str, Any]) -> Sequence | None:
    """The sequence that is named; None where none is: without an id, or with 0 or "".

    Raises InvalidInput.
    """
    value = parameters.get("sequence_id")
    start, end = (_flag(parameters, name) for name in ("sequence_start", "sequence_end"))
    if value is None or (value in (0, "") and not isinstance(value, bool)):
        return None
    if type(value) is int and 0 < value <= _MOST:
        return Sequence(str(value), start, end)
    if isinstance(value, str) and _TEXT.fullmatch(value):
        return Sequence(value, start, end)
    raise InvalidInput(
        f"{shown(value)} names no sequence", field="parameters.sequence_id", allowed=_ALLOWED
    )


def _flag(parameters: Mapping[str, Any], name: str) -> bool:
    value = parameters.get(name, False)
    if not isinstance(value, bool):
        raise InvalidInput(
            f"expected true or false, got {shown(value)}",
            field=f"parameters.{name}",
            allowed="a bool",
        )
    return value
