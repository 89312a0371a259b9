"""Checks the options of a search. Knows names of fields and their bounds."""

import math
from typing import Final

from app.errors import InvalidInput

MAX_LENGTH_PENALTY: Final = 5.0
# Words of a phrase that may be forbidden to come again.
MAX_NGRAM: Final = 10


def within(
    name: str, value: int | None, default: int, most: int, why: str = "", least: int = 1
) -> int:
    """`value`, or the default for None.

    Raises:
        InvalidInput: it is not `least` to `most`.
    """
    if value is None:
        return default
    if not least <= value <= most:
        raise InvalidInput(
            f"{value} is out of range",
            field=name,
            allowed=f"a whole number, {least} to {most}{why}",
        )
    return value


def penalty(value: float | None, default: float) -> float:
    """A length penalty, or the default for None.

    Raises:
        InvalidInput: it is not 0 to `MAX_LENGTH_PENALTY`.
    """
    if value is None:
        return default
    if not (math.isfinite(value) and 0 <= value <= MAX_LENGTH_PENALTY):
        raise InvalidInput(
            f"{value} is out of range",
            field="length_penalty",
            allowed=f"a number, 0 to {MAX_LENGTH_PENALTY:g}",
        )
    return value
