"""Looks through an image file before it is decoded. Knows JPEG, PNG and WebP files; no pixels.

What a decoder does for a file is not bounded by the file's length: a progressive JPEG may go over
all of its pixels in every one of thousands of scans, and readers of headers take their time for
millions of empty segments. Here such files are refused in a fraction of that time, and so is a PNG
whose checksums say that it is damaged: those of its chunks and that of its pixels, neither of which
decoders look at. A JPEG has none: damage that leaves its codes valid is not noticed.

ITU-T T.81, annex B (JPEG); W3C, "Portable Network Graphics", section 5; Google, "WebP Container
Specification".
"""

import re
import struct
import zlib
from collections.abc import Callable, Iterable, Iterator
from typing import Final

from app.errors import InvalidInput

FIELD: Final = "image"
ALLOWED: Final = "a whole JPEG, PNG or WebP image that does not move"
START_BYTES: Final = 64 * 1024  # of a file, in which `pixels_at_start` looks for its size
MAX_SIDE: Final = 65_535  # pixels; more than JPEG and WebP can have
_MAX_SCANS: Final = 100  # an encoder writes a dozen
_MAX_SCANNED: Final = 20  # scans of the largest image that is allowed
_MAX_SEGMENTS: Final = 5_000  # of a JPEG: 64 KiB each, as a rule
_MAX_CHUNKS: Final = 20_000  # of a PNG: 8 KiB each, as a rule
_MAX_GAP: Final = 64 * 1024  # bytes between the segments of a JPEG
_NO_SEGMENTS: Final = "the image is broken: it has no segments where they should be"
_WINDOW: Final = 1 << 20

_PNG: Final = b"\x89PNG\r\n\x1a\n"
# Chunks that say nothing of how pixels look here: damage there does not matter.
_BESIDE: Final = frozenset(
    b"tEXt zTXt iTXt eXIf tIME pHYs bKGD hIST sPLT sBIT gAMA cHRM sRGB iCCP".split()
)
_CHUNK: Final = struct.Struct(">I4s")
_TO_MARKER: Final = re.compile(rb"[^\xff]*+\xff++")
# Of a JPEG's compressed data: 0xFF is followed by 0 there, or by a restart marker.
_END_OF_SCAN: Final = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")
_FRAMES: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_ALONE: Final = frozenset((0x01, *range(0xD0, 0xD8)))  # markers without a segment
_START_OF_IMAGE, _END_OF_IMAGE, _SCAN = 0xD8, 0xD9, 0xDA


def look_through(content: bytes, max_pixels: int, check: Callable[[], None]) -> None:
    """Raise InvalidInput for a file that is cut short, damaged, too large or absurd.

    A file of no known format passes. `check` is called now and then and may raise.
    """
    if content.startswith(_PNG):
        _look_through_png(content, max_pixels, check)
    elif content.startswith(b"\xff\xd8"):
        _look_through_jpeg(content, max_pixels, check)
    elif content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        _look_through_webp(content, max_pixels)


def pixels_at_start(start: bytes) -> int | None:
    """Pixels of the image whose file begins with `start`; None if that does not tell."""
    try:
        if start.startswith(_PNG):
            width, height = struct.unpack_from(">II", start, 16)
        elif start.startswith(b"\xff\xd8"):
            width, height = _jpeg_size(start)
        elif start[:4] == b"RIFF" and start[8:12] == b"WEBP":
            width, height = _webp_size(start)
        else:
            return None
    except (struct.error, InvalidInput, IndexError):
        return None
    return int(width * height)


def check_size(width: int, height: int, max_pixels: int) -> None:
    """Raise InvalidInput for an image that is too large."""
    if width * height > max_pixels:
        raise InvalidInput(
            f"{width} x {height} pixels are too many",
            field=FIELD,
            allowed=f"at most {max_pixels} pixels in one image",
        )
    if max(width, height) > MAX_SIDE:
        raise refused(
            f"{width} x {height} pixels are too many on one side",
            f"at most {MAX_SIDE} pixels on a side",
        )


def refused(message: str, allowed: str = ALLOWED) -> InvalidInput:
    """The error for an image that is not taken."""
    return InvalidInput(message, field=FIELD, allowed=allowed)


def _cut_short() -> InvalidInput:
    return refused("the image is broken or cut short: the file ends too early")


def _look_through_png(content: bytes, max_pixels: int, check: Callable[[], None]) -> None:
    at, chunks, view = len(_PNG), 0, memoryview(content)
    data: list[memoryview] = []
    most = 0
    while at + _CHUNK.size <= len(content):
        length, kind = _CHUNK.unpack_from(content, at)
        end = at + _CHUNK.size + length
        if end + 4 > len(content):
            raise _cut_short()
        if not chunks:
            if kind != b"IHDR" or length != 13:
                raise refused("the image is broken: its header is missing")
            width, height = struct.unpack_from(">II", content, at + _CHUNK.size)
            check_size(width, height, max_pixels)
            most = _most_unpacked(width, height)
        if kind == b"IDAT":
            data.append(view[at + _CHUNK.size : end])
        if kind not in _BESIDE:
            (checksum,) = struct.unpack_from(">I", content, end)
            if zlib.crc32(view[at + 4 : end]) != checksum:
                raise refused("the image is damaged: a checksum is wrong")
        if kind == b"IEND":
            return _check_packed(data, most, check)
        chunks += 1
        if chunks > _MAX_CHUNKS:
            raise refused("the file has too many chunks", f"at most {_MAX_CHUNKS} chunks")
        if chunks % 1000 == 0:
            check()
        at = end + 4
    raise _cut_short()


def _most_unpacked(width: int, height: int) -> int:
    """More bytes than the lines of a PNG have: 8 a pixel, and a filter a line or two if it comes in
    passes, with room for what some writers leave behind them."""
    return 2 * (8 * width + 4) * height + _WINDOW


def _check_packed(parts: list[memoryview], most: int, check: Callable[[], None]) -> None:
    """Unpack the pixels of a PNG for the checksum at their end (RFC 1950), a little at a time."""
    unpacker, size = zlib.decompressobj(), 0
    try:
        for part in _pieces(parts):
            rest: bytes | memoryview = part
            full = True
            while (rest or full) and not unpacker.eof:
                check()
                found = len(unpacker.decompress(rest, _WINDOW))
                rest, full = unpacker.unconsumed_tail, found == _WINDOW
                size += found
                if size > most:
                    raise refused("the image is broken: it holds more than its pixels")
    except zlib.error:
        raise refused("the image is damaged: its pixels cannot be unpacked") from None
    if not unpacker.eof:
        raise _cut_short()


def _pieces(parts: Iterable[memoryview]) -> Iterator[memoryview]:
    for part in parts:
        for at in range(0, len(part), START_BYTES):
            yield part[at : at + START_BYTES]


def _look_through_jpeg(content: bytes, max_pixels: int, check: Callable[[], None]) -> None:
    at, scans, pixels, gaps = 2, 0, 0, 0
    for count in range(_MAX_SEGMENTS):
        if count % 100 == 0:
            check()
        before = at
        marker, begin, at = _segment(content, at)
        gaps += begin - 2 - before
        if gaps > _MAX_GAP:
            raise refused(_NO_SEGMENTS)
        if marker == _END_OF_IMAGE:
            return  # what follows is no part of the image: cameras put others there
        if marker in _FRAMES:
            width, height = _frame_size(content, begin)
            check_size(width, height, max_pixels)
            pixels = max(pixels, width * height)
        elif marker == _SCAN:
            scans += 1
            if scans > _MAX_SCANS or scans * pixels > _MAX_SCANNED * max_pixels:
                raise refused(
                    f"the image has more than {scans - 1} scans", "as many as encoders write"
                )
            at = _scan_end(content, at, check)
    raise refused("the file has too many segments", f"at most {_MAX_SEGMENTS} segments")


def _jpeg_size(content: bytes) -> tuple[int, int]:
    at = 2
    for _ in range(_MAX_SEGMENTS):
        marker, begin, at = _segment(content, at)
        if marker in _FRAMES:
            return _frame_size(content, begin)
    raise _cut_short()


def _frame_size(content: bytes, begin: int) -> tuple[int, int]:
    """(width, height) of a frame whose segment begins, with its length, at `begin`."""
    height, width = struct.unpack_from(">HH", content, begin + 3)
    return width, height


def _segment(content: bytes, at: int) -> tuple[int, int, int]:
    """(the next marker at or behind `at`, where its segment begins and ends)."""
    gap = _TO_MARKER.match(content, at, at + _MAX_GAP)
    if gap is None or gap.end() >= len(content):
        if len(content) - at >= _MAX_GAP:
            raise refused(_NO_SEGMENTS)
        raise _cut_short()
    begin = gap.end() + 1
    marker = content[gap.end()]
    if marker in _ALONE or marker in (0, _START_OF_IMAGE, _END_OF_IMAGE):
        return marker, begin, begin
    if marker == 0xFF:
        raise refused(_NO_SEGMENTS)
    if begin + 2 > len(content):
        raise _cut_short()
    end = begin + max(2, int.from_bytes(content[begin : begin + 2], "big"))
    if end > len(content):
        raise _cut_short()
    return marker, begin, end


def _scan_end(content: bytes, at: int, check: Callable[[], None]) -> int:
    """Where the compressed data that begins at `at` ends."""
    while at < len(content):
        found = _END_OF_SCAN.search(content, at, at + _WINDOW)
        if found is not None:
            return found.start()
        check()
        at += _WINDOW - 1
    raise _cut_short()


def _look_through_webp(content: bytes, max_pixels: int) -> None:
    """Ahead of a decoder that makes room for two canvases."""
    if len(content) < 30 or len(content) < 8 + int.from_bytes(content[4:8], "little"):
        raise _cut_short()
    if content[12:16] == b"VP8X" and content[20] & 2:
        raise refused("the image is animated")
    check_size(*_webp_size(content), max_pixels)


def _webp_size(content: bytes) -> tuple[int, int]:
    """The chunk at byte 12 is VP8X (canvas size less one in 3 bytes each), VP8L (14 bits each, less
    one) or VP8 with a space (14 bits each)."""
    chunk = content[12:16]
    if chunk == b"VP8X":
        return (
            1 + int.from_bytes(content[24:27], "little"),
            1 + int.from_bytes(content[27:30], "little"),
        )
    if chunk == b"VP8L":
        bits = int.from_bytes(content[21:25], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    width, height = (int.from_bytes(content[at : at + 2], "little") & 0x3FFF for at in (26, 28))
    return width, height
