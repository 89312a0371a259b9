"""Makes numbers, texts and images of the caller into what JSON holds. Knows NumPy's, pandas',
polars' and Pillow's objects by what they can do, and imports none of them."""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any, Final

from unroll_client.errors import WrongArgument, invalid, one_line

_NUMBERS: Final = "finite numbers, null for a missing value"


def text(number: int, value: Any) -> str:
    """A text as it is. Raises InvalidInput: it is none, or cannot be sent as UTF-8."""
    if not isinstance(value, str):
        raise invalid(f"text[{number}]", f"expected a text, got {_shown(value)}", "a text")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise invalid(f"text[{number}]", "half of a surrogate pair is no text", "a text") from None
    return value


def is_one_text(value: Any) -> bool:
    return isinstance(value, (str, bytes))


def is_one_series(value: Any) -> bool:
    """Whether these are the values of one series, and no list of series."""
    if hasattr(value, "ndim"):
        return bool(value.ndim == 1) and str(getattr(value, "dtype", "")) != "object"
    if hasattr(value, "to_list"):  # a series of polars
        return True
    return isinstance(value, Sequence) and bool(value) and _is_number(value[0])


def series(field: str, values: Any) -> list[Any]:
    """The numbers of one series, None where one is missing (None, NaN, NaT, pandas' NA).

    Raises:
        InvalidInput: there is something else in it.
    """
    return [_number(field, i, each) for i, each in enumerate(_listed(field, values))]


def plain(value: Any) -> Any:
    """One step: a number, or a list of numbers."""
    return value.tolist() if hasattr(value, "tolist") else value


def covariates(values: Mapping[str, Any] | None) -> dict[str, list[Any]] | None:
    """Columns by their names; what is missing is None. Texts and booleans stay as they are."""
    if values is None:
        return None
    return {
        str(name): [None if _is_missing(each) else each for each in _listed(name, column)]
        for name, column in values.items()
    }


def image(number: int, value: Any) -> str:
    """An image file in base64: a path, its bytes, or an image of Pillow (sent as PNG).

    Raises:
        InvalidInput: it is none of these, or cannot be read.
    """
    field = f"image[{number}]"
    if isinstance(value, (str, PathLike)):
        try:
            content = Path(value).read_bytes()
        except OSError as error:
            raise invalid(field, f"{value} cannot be read: {error.strerror}", "a file") from None
    elif isinstance(value, (bytes, bytearray, memoryview)):
        content = bytes(value)
    elif hasattr(value, "save") and hasattr(value, "mode"):
        buffer = io.BytesIO()
        shown = (
            value if value.mode in {"1", "L", "LA", "P", "RGB", "RGBA"} else value.convert("RGB")
        )
        shown.save(buffer, "PNG")
        content = buffer.getvalue()
    else:
        allowed = "a path, the bytes of a JPEG, PNG or WebP file, or an image of Pillow"
        raise invalid(field, f"expected an image, got {_shown(value)}", allowed)
    return base64.b64encode(content).decode("ascii")


def is_one_image(value: Any) -> bool:
    """Whether this is an image, and no list of images."""
    files = (str, PathLike, bytes, bytearray, memoryview)
    return isinstance(value, files) or hasattr(value, "save")


def one_or_each(name: str, value: Any, number: int) -> Any:
    """Entry `number` of a list that has one an input; anything but a list is for all inputs.

    Raises:
        WrongArgument: the list is too short.
    """
    if value is None or isinstance(value, (str, Mapping)):
        return value
    if number >= len(value):
        raise WrongArgument(f"{name}: there are only {len(value)} for more series")
    return value[number]


def _listed(field: str, values: Any) -> list[Any]:
    if hasattr(values, "tolist"):
        found = values.tolist()
    elif hasattr(values, "to_list"):
        found = values.to_list()
    elif isinstance(values, Sequence) and not is_one_text(values):
        found = values
    else:
        raise invalid(field, f"expected a list of numbers, got {_shown(values)}", _NUMBERS)
    return found if isinstance(found, list) else list(found)


def _number(field: str, index: int, value: Any) -> Any:
    if type(value) is float:
        if math.isfinite(value):
            return value
    elif type(value) is int:
        return value
    if _is_missing(value):
        return None
    if hasattr(value, "item"):
        return _number(field, index, value.item())
    if _is_number(value) and math.isfinite(value):
        return float(value)
    message = f"expected a finite number or null, got {_shown(value)}"
    raise invalid(f"{field}[{index}]", message, _NUMBERS)


def _is_missing(value: Any) -> bool:
    if value is None:
        return True
    if isinstance(value, (str, bool)):
        return False
    return type(value).__name__ in {"NAType", "NaTType"} or bool(value != value)


def _is_number(value: Any) -> bool:
    if value is None or type(value).__name__ == "NAType":
        return True
    return (
        hasattr(value, "__float__")
        and not isinstance(value, bool)
        and not getattr(value, "ndim", 0)
    )


def _shown(value: Any) -> str:
    return one_line(repr(value))[:40]
