"""Names a wrong field of a request, in words a client knows. Knows no route and no status."""

import math
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from itertools import islice
from typing import Annotated, Final, TypeAlias, TypeVar

from pydantic import BaseModel, FailFast, Field, ValidationError
from pydantic_core import ErrorDetails

T = TypeVar("T")


class _FailFast(FailFast):
    """The same where it must have a hash, as in a list or nothing."""

    def __hash__(self) -> int:
        return hash(type(self))


# A list of a request. It fails at its first wrong element: pydantic would list all of them.
FastList: TypeAlias = Annotated[list[T], _FailFast()]

_MAX_SHOWN: Final = 60
_MAX_LISTED: Final = 16
_MAX_MESSAGE: Final = 160
_NEAR: Final = 0.7  # of 1, the same
_MAX_ERRORS: Final = 20  # that one answer names


class FieldError(BaseModel):
    """One wrong field of a request."""

    field: str = Field(description="Where: a path such as `series[3][17]`.")
    message: str = Field(description="What is wrong with it.")
    allowed: str = Field("", description="What would have been accepted.")


class WrongFields(Exception):
    """Some fields of a request are wrong."""

    def __init__(self, errors: list[FieldError]) -> None:
        super().__init__()
        self.errors = errors[:_MAX_ERRORS]


def field_errors(error: ValidationError, allowed: Mapping[str, str]) -> list[FieldError]:
    """pydantic's findings, with what each field of the body may hold: `allowed`, by name.

    They must be few: unknown fields are looked for before, and lists fail at their first element.
    """
    return [field_error(each, allowed) for each in error.errors(include_url=False)[:_MAX_ERRORS]]


def unknown_fields(names: Iterable[str], allowed: Mapping[str, str]) -> list[FieldError]:
    """The first of `names` that are none of `allowed`, each with the one that may be meant."""
    unknown = list(islice((name for name in names if name not in allowed), _MAX_ERRORS))
    return [
        FieldError(
            field=clipped(name),
            message=f"unknown field{meant(name, allowed)}",
            allowed=f"one of {', '.join(allowed)}",
        )
        for name in unknown
    ]


def meant(name: str, known: Iterable[str]) -> str:
    """ "; did you mean ...?" if one of `known` is nearly `name`, else nothing."""
    near = get_close_matches(clipped(name).lower(), list(known), n=1, cutoff=_NEAR)
    return f"; did you mean {near[0]}?" if near else ""


def clipped(text: str) -> str:
    """`text`, or its beginning: enough to recognise a name that was sent."""
    return text if len(text) <= _MAX_SHOWN else f"{text[:_MAX_SHOWN]}..."


def abridged(message: str) -> str:
    """`message`, or its two ends: a long one repeats what was sent in its middle."""
    if len(message) <= _MAX_MESSAGE:
        return message
    return f"{message[:_MAX_SHOWN]} ... {message[-_MAX_SHOWN:]}"


def shown(value: object) -> str:
    """`value` as JSON would have it, cut short: enough to recognise what was sent."""
    if isinstance(value, str):
        return f'"{clipped(value)}"'
    elif value is None or isinstance(value, bool):
        text = {None: "null", True: "true", False: "false"}[value]
    elif isinstance(value, float) and not math.isfinite(value):
        text = "NaN" if math.isnan(value) else ("Infinity" if value > 0 else "-Infinity")
    elif isinstance(value, list):
        return "a list"
    elif isinstance(value, dict):
        return "an object"
    else:
        text = str(value)
    return clipped(text)


def shown_list(value: object) -> str:
    """A short list as it is, as far as it goes on one line; anything else as `shown` has it."""
    few = isinstance(value, list) and len(value) <= _MAX_LISTED
    return clipped(str(value)) if few else shown(value)


def field_error(error: ErrorDetails, allowed: Mapping[str, str]) -> FieldError:
    """pydantic's finding in our words. Its own texts speak of Python, which no client sees.

    `allowed` says what each field of the body may hold, if that is known.
    """
    where = _path(error)
    message, general = _finding(error)
    names = ", ".join(allowed)
    if sum(isinstance(part, str) for part in error["loc"]) > 1:
        known = ""  # `allowed` does not look into objects
    elif error["type"] == "extra_forbidden":
        known = names and f"one of {names}"
    elif not where:
        known = names and f"a JSON object with the fields {names}"
    else:
        known = allowed.get(str(error["loc"][0]), "")
    return FieldError(field=where, message=message, allowed=known or general)


def _path(error: ErrorDetails) -> str:
    where = ""
    for part in error["loc"]:
        if isinstance(part, int):
            where += f"[{part}]"
        else:
            where += f".{part}" if where else part
    return clipped(where)


def _finding(error: ErrorDetails) -> tuple[str, str]:
    """(what is wrong, what would be right as far as pydantic knows)."""
    kind, context = error["type"], error.get("ctx", {})
    match kind:
        case "missing":
            return "this field is required", ""
        case "extra_forbidden":
            return "unknown field", "see /docs"
        case "too_long":
            return "too many", f"at most {context['max_length']}"
        case "too_short":
            return "too few", f"at least {context['min_length']}"
        case "string_too_long":
            return "the text is too long", f"at most {context['max_length']} characters"
        case "int_type" | "int_from_float":
            right = "a whole number"
        case "float_type":
            right = "a number"
        case "string_type":
            right = "a text"
        case "bool_type":
            right = "true or false"
        case "list_type":
            right = "a list"
        case "model_type" | "model_attributes_type" | "dict_type":
            right = "a JSON object"
        case "greater_than_equal":
            right = f"at least {context['ge']}"
        case "less_than_equal":
            right = f"at most {context['le']}"
        case "greater_than":
            right = f"more than {context['gt']}"
        case "less_than":
            right = f"less than {context['lt']}"
        case _:
            return abridged(error["msg"]), ""
    return f"expected {right}, got {shown(error['input'])}", right
