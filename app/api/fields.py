"""Names a wrong field of a request, in words a client knows. Knows no route and no status."""

import math
from typing import Any, Final

from pydantic import BaseModel, Field

_MAX_SHOWN: Final = 60


class FieldError(BaseModel):
    """One wrong field of a request."""

    field: str = Field(description="Where: a path such as `series[3][17]`.")
    message: str = Field(description="What is wrong with it.")
    allowed: str = Field("", description="What would have been accepted.")


def shown(value: object) -> str:
    """`value` as JSON would have it, cut short: enough to recognise what was sent."""
    if isinstance(value, str):
        return f'"{value}"' if len(value) <= _MAX_SHOWN else f'"{value[:_MAX_SHOWN]}..."'
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
    return text if len(text) <= _MAX_SHOWN else f"{text[:_MAX_SHOWN]}..."


def field_error(error: dict[str, Any]) -> FieldError:
    """pydantic's finding in our words. Its own texts speak of Python, which no client sees."""
    where = ""
    for part in error["loc"]:
        if isinstance(part, int):
            where += f"[{part}]"
        elif part != "body" or where:
            where += f".{part}" if where else part
    kind, context = error["type"], error.get("ctx", {})
    got = f", got {shown(error['input'])}"
    match kind:
        case "missing":
            return FieldError(field=where, message="this field is required")
        case "extra_forbidden":
            return FieldError(field=where, message="unknown field", allowed="see /docs")
        case "int_type" | "int_from_float":
            return FieldError(field=where, message=f"expected a whole number{got}")
        case "float_type":
            return FieldError(field=where, message=f"expected a number{got}")
        case "string_type":
            return FieldError(field=where, message=f"expected a text{got}")
        case "list_type":
            return FieldError(field=where, message=f"expected a list{got}")
        case "model_type" | "model_attributes_type" | "dict_type":
            return FieldError(field=where, message=f"expected a JSON object{got}")
        case "greater_than_equal":
            allowed = f"at least {context['ge']}"
        case "less_than_equal":
            allowed = f"at most {context['le']}"
        case "greater_than":
            allowed = f"more than {context['gt']}"
        case "less_than":
            allowed = f"less than {context['lt']}"
        case "too_long":
            return FieldError(
                field=where, message="too many", allowed=f"at most {context['max_length']}"
            )
        case "too_short":
            return FieldError(
                field=where, message="too few", allowed=f"at least {context['min_length']}"
            )
        case "string_too_long":
            return FieldError(
                field=where,
                message="the text is too long",
                allowed=f"at most {context['max_length']} characters",
            )
        case _:
            return FieldError(field=where, message=error["msg"])
    return FieldError(field=where, message=f"expected {allowed}{got}", allowed=allowed)
