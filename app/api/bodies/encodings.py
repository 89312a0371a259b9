"""Compressed bodies: gzip and deflate (as zlib has it) both ways, zstd in. Knows bytes, limits."""

import sys
import zlib
from collections.abc import Collection
from typing import Final

from app.api.bodies.fields import clipped
from app.api.errors import RequestRefused

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

_WINDOW: Final = {"gzip": 16 + zlib.MAX_WBITS, "deflate": zlib.MAX_WBITS}
PACKED: Final = ("zstd", *_WINDOW)  # what bodies may be packed in, where anything may
_LEVEL: Final = 1  # tensors hardly shrink further at higher ones, which cost several times as much
# As much as a client may ask for: RFC 9659, section 3. A frame could ask for 128 MiB and more.
_ZSTD: Final[dict[int, int]] = {zstd.DecompressionParameter.window_log_max: 23}


def encoding_of(header: str, taken: Collection[str] = tuple(_WINDOW)) -> str:
    """The Content-Encoding of a request; empty for none. Raises RequestRefused (415)."""
    sent = header.strip().lower()
    if sent in ("", "identity"):
        return ""
    if sent in taken:
        return sent
    raise RequestRefused(
        415,
        f"the body is sent as {clipped(sent)}; send it as {', as '.join(taken)}, or as it is",
        headers={"Accept-Encoding": ", ".join(taken)},
    )


def unpacked(content: bytes, encoding: str, max_bytes: int) -> bytes:
    """What `content` holds; never more than `max_bytes` are made of it.

    Raises RequestRefused: 413 if it would be more, 400 if it is damaged, cut short, or goes on
    behind its end.
    """
    unpacker = (
        zstd.ZstdDecompressor(options=_ZSTD)
        if encoding == "zstd"
        else zlib.decompressobj(_WINDOW[encoding])
    )
    try:
        result = unpacker.decompress(content, max_bytes + 1)
    except (zlib.error, zstd.ZstdError):
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
