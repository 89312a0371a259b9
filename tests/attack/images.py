"""Attacks by images: small files that take a decoder long, or much memory. Knows image formats."""

import io
import struct
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from PIL import Image

from tests.attack.attack import Attack, Target
from tests.attack.bodies import MEBIBYTE, send


def chunk(kind: bytes, content: bytes = b"") -> bytes:
    """One of a PNG's chunks."""
    checksum = zlib.crc32(kind + content)
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", checksum)


def png(width: int, height: int, *between: bytes) -> bytes:
    """A grey PNG with chunks between its header and its black pixels."""
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    packer = zlib.compressobj(1)
    rows = bytes((width + 1) * min(height, 1 << 16))
    data = b"".join(packer.compress(rows) for _ in range(height // (1 << 16)))
    data += packer.compress(bytes((width + 1) * (height % (1 << 16)))) + packer.flush()
    parts = (chunk(b"IHDR", header), *between, chunk(b"IDAT", data), chunk(b"IEND"))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def jpeg_of_scans(count: int, side: int = 2000) -> bytes:
    """A progressive JPEG whose last scan comes `count` times."""
    file = io.BytesIO()
    Image.new("L", (side, side), 100).save(file, "JPEG", progressive=True)
    content = file.getvalue()
    last = content.rindex(b"\xff\xda")
    return content[:last] + content[last:-2] * count + b"\xff\xd9"


def jpeg_of_fill() -> bytes:
    """A JPEG with 20 MiB of 0xFF before its first segment."""
    file = io.BytesIO()
    Image.new("L", (8, 8)).save(file, "JPEG")
    content = file.getvalue()
    return content[:2] + b"\xff" * (20 * MEBIBYTE) + content[2:]


def jpeg_of_segments() -> bytes:
    """A JPEG with two million empty comments."""
    file = io.BytesIO()
    Image.new("L", (8, 8)).save(file, "JPEG")
    content = file.getvalue()
    return content[:2] + b"\xff\xfe\x00\x02" * 2_000_000 + content[2:]


def _alone(kind: str, content: Callable[[], bytes]) -> Callable[[Target], list[int]]:
    return lambda target: send(target, "/caption", content(), kind)


def _together(kind: str, content: Callable[[], bytes]) -> Callable[[Target], list[int]]:
    """Six at a time."""

    def run(target: Target) -> list[int]:
        file = content()
        with ThreadPoolExecutor(6) as threads:
            found = threads.map(lambda _: send(target, "/caption", file, kind), range(6))
            return [status for each in found for status in each]

    return run


def largest_webp() -> bytes:
    """A WebP without loss of nearly as many pixels as are allowed."""
    file = io.BytesIO()
    Image.effect_noise((7000, 7000), 60).convert("RGB").resize((7000, 7000)).save(
        file, "WEBP", lossless=True, quality=0, method=0
    )
    return file.getvalue()


ATTACKS = [
    Attack("JPEGs of 40,000 scans", _together("image/jpeg", lambda: jpeg_of_scans(40_000)), [422]),
    Attack("JPEGs of 90 scans", _together("image/jpeg", lambda: jpeg_of_scans(80)), [200, 422]),
    Attack("a JPEG of fill bytes", _alone("image/jpeg", jpeg_of_fill), [422]),
    Attack("a JPEG of empty segments", _alone("image/jpeg", jpeg_of_segments), [422]),
    Attack(
        "a PNG of two million chunks",
        _alone("image/png", lambda: png(8, 8, chunk(b"tEXt") * 2_000_000)),
        [422],
        megabytes=128,
    ),
    Attack("a PNG of one column", _alone("image/png", lambda: png(1, 50_000_000)), [422]),
    Attack("a PNG of one row", _alone("image/png", lambda: png(50_000_000, 1)), [422]),
    Attack(
        "the largest PNGs",
        _together("image/png", lambda: png(7000, 7000)),
        [200],
        megabytes=700,
        long=True,
    ),
    Attack(
        "a JPEG of as many scans as the largest may have",
        _alone("image/jpeg", lambda: jpeg_of_scans(12, 7000)),
        [200, 422],
        megabytes=900,
        long=True,
    ),
]
