"""An image as a request has it, a file or its base64, as the file. Knows base64; no image."""

import base64
import binascii
import re
from collections.abc import Callable
from typing import Final

from app.errors import InvalidInput
from app.features.image_files import ALLOWED, FIELD, START_BYTES, pixels_at_start

_LARGE_PIXELS: Final = 4_000_000  # a photograph of this size takes some 50 MB while it is decoded
_PIECE: Final = 1 << 20  # characters that are decoded in one call
_ADDRESS: Final = re.compile(r"\s*(https?|ftp|file|s3|gs):", re.IGNORECASE)
_DATA: Final = re.compile(r"\s*data:[^,]{0,200};base64,", re.IGNORECASE)


def content_of(image: bytes | str, check: Callable[[], None] = lambda: None) -> bytes:
    """The content of the file that `image` is, or that it holds as base64.

    Line ends and spaces in base64 do not matter, and it may be a `data:` address. `check` is called
    now and then and may raise. Raises InvalidInput.
    """
    if isinstance(image, bytes):
        return image
    if _ADDRESS.match(image):
        raise InvalidInput(
            "addresses are not fetched; send the image itself",
            field=FIELD,
            allowed=f"base64 of {ALLOWED}",
        )
    parts: list[bytes] = []
    rest, ended = "", False
    for at in range(_begin(image), len(image), _PIECE):
        check()
        rest += "".join(image[at : at + _PIECE].split())
        if ended and rest:
            raise _no_base64()
        whole = len(rest) - len(rest) % 4
        parts.append(_decoded(rest[:whole]))
        ended = ended or rest[:whole].endswith("=")
        rest = rest[whole:]
    if rest:
        raise _no_base64()
    return b"".join(parts)


def is_large(image: bytes | str) -> bool:
    """Whether decoding it takes so much memory that one such image at a time must do.

    True also where the beginning of the file does not tell.
    """
    if isinstance(image, bytes):
        start = image[:START_BYTES]
    else:
        begin = _begin(image)
        text = "".join(image[begin : begin + START_BYTES].split())
        try:
            start = _decoded(text[: len(text) - len(text) % 4])
        except InvalidInput:
            return True
    pixels = pixels_at_start(start)
    return pixels is None or pixels > _LARGE_PIXELS


def _begin(image: str) -> int:
    """Where the base64 begins."""
    address = _DATA.match(image)
    return 0 if address is None else address.end()


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise _no_base64() from None


def _no_base64() -> InvalidInput:
    return InvalidInput("the text is not base64", field=FIELD, allowed=f"base64 of {ALLOWED}")
