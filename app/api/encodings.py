"""Compressed bodies, both ways: gzip, and deflate in its zlib form. Knows bytes and limits only."""

import zlib
from typing import Final

from app.api.errors import RequestRefused
from app.api.fields import clipped

_WINDOW: Final = {"gzip": 16 + zlib.MAX_WBITS, "deflate": zlib.MAX_WBITS}
_LEVEL: Final = 1  # tensors hardly shrink further at higher ones, which cost several times as much


def encoding_of(header: str) -> str:
    """The Content-Encoding of a request; empty for none. Raises RequestRefused (415)."""
    sent = header.strip().lower()
    if sent in ("", "identity"):
        return ""
    if sent in _WINDOW:
        return sent
    raise RequestRefused(
        415,
        f"the body is sent as {clipped(sent)}; send it as gzip, as deflate, or as it is",
        headers={"Accept-Encoding": ", ".join(_WINDOW)},
    )


def unpacked(content: bytes, encoding: str, max_bytes: int) -> bytes:
    """What `content` holds; never more than `max_bytes` are made of it.

    Raises RequestRefused: 413 if it would be more, 400 if it is damaged, cut short, or goes on
    behind its end.
    """
    unpacker = zlib.decompressobj(_WINDOW[encoding])
    try:
        result = unpacker.decompress(content, max_bytes + 1)
    except zlib.error:
        raise RequestRefused(400, f"the body is not {encoding}") from None
    if len(result) > max_bytes:
        raise RequestRefused(413, f"the body is larger than {max_bytes} bytes when unpacked")
    if not unpacker.eof:
        raise RequestRefused(400, f"the body ends in the middle of its {encoding} data")
    if unpacker.unused_data:
        raise RequestRefused(400, f"the body goes on behind its {encoding} data")
    return result


def wanted_encoding(header: str) -> str:
    """The encoding to answer in, by the request's Accept-Encoding; empty for none."""
    for part in header.lower().split(","):
        name, _, quality = part.strip().partition(";")
        if name.strip() in _WINDOW and quality.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00"):
            return name.strip()
    return ""


def packed(content: bytes, encoding: str) -> bytes:
    """`content` in that encoding."""
    packer = zlib.compressobj(_LEVEL, zlib.DEFLATED, _WINDOW[encoding])
    return packer.compress(content) + packer.flush()
