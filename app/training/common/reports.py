"""What every evaluation prints alike: rows as JSON, numbers in tables. Knows no score's meaning."""

import math
from collections.abc import Mapping

from pydantic import JsonValue


def row_to_json(row: Mapping[str, JsonValue | tuple[float, ...]]) -> dict[str, JsonValue]:
    """The fields of a row as JSON, which has no NaN: a score that is not defined is null."""
    return {
        name: [_defined(one) for one in value] if isinstance(value, tuple) else _defined(value)
        for name, value in row.items()
    }


def number(score: float) -> str:
    """A score in a table; a dash where it is not defined."""
    return "-" if math.isnan(score) else f"{score:.3f}"


def bold(cell: str, yes: bool) -> str:
    """A cell of a table in the terminal, in bold if `yes`."""
    return f"[bold]{cell}[/bold]" if yes else cell


def _defined(value: JsonValue) -> JsonValue:
    return None if isinstance(value, float) and math.isnan(value) else value
