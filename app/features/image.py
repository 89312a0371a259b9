"""An image file -> the pixels that an encoder reads. Knows files and pixels; no network.

JPEG, PNG and WebP, whatever they hold: grey, CMYK, palettes, 16 bits, alpha (shown on white), a
camera held sideways (EXIF). Large images are made small on the way: how large one may be is read
from its header, and nothing is decoded of one that is larger.
"""

import io
import struct
import threading
import zlib
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt
from PIL import Image, UnidentifiedImageError

from app.errors import InvalidInput

Pixels = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]

FIELD: Final = "image"
ALLOWED: Final = "a whole JPEG, PNG or WebP image that does not move"
_FORMATS: Final = ("JPEG", "PNG", "WEBP")
_ORIENTATION: Final = 0x0112  # the EXIF tag
_TURNS: Final = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_SIDEWAYS: Final = frozenset((5, 6, 7, 8))
_WHITE: Final = (255, 255, 255, 255)
# Of an image so much larger than needed only every n-th pixel's neighbourhood matters.
_SPARE: Final = 2
# A photograph of this size takes some 50 MB while it is decoded. Larger ones take turns.
_LARGE_PIXELS: Final = 4_000_000
_one_large_at_a_time: Final = threading.Lock()
# What the decoders raise for damaged files, besides OSError.
_BROKEN: Final = (OSError, SyntaxError, ValueError, EOFError, LookupError, struct.error, zlib.error)

# Ours is checked before, for every format, and gives a clear answer.
Image.MAX_IMAGE_PIXELS = None


@dataclass(frozen=True)
class ImageOptions:
    """How an image becomes an encoder's input: (pixel / 255 - mean) / std per channel, RGB.

    resize: "squash", straight to the size, or "crop", the shorter side to the size and then the
    centre of the longer one.
    """

    height: int
    width: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    layout: Literal["NCHW", "NHWC"] = "NCHW"
    resize: Literal["squash", "crop"] = "squash"

    @property
    def shape(self) -> tuple[int, int, int]:
        """Of one image as the encoder reads it."""
        if self.layout == "NHWC":
            return (self.height, self.width, 3)
        return (3, self.height, self.width)


def read_pixels(content: bytes, options: ImageOptions, *, max_pixels: int) -> Pixels:
    """The image in a file's `content` as (height, width, 3).

    Raises InvalidInput for what is no image, is broken or cut short, moves, or has more than
    `max_pixels` pixels.
    """
    _check_webp(content, max_pixels)
    try:
        image = Image.open(io.BytesIO(content), formats=_FORMATS)
    except UnidentifiedImageError:
        raise _refused("this is no image in a format that is known here") from None
    except _BROKEN as error:
        raise _refused(f"the image is broken: {_text(error)}") from None
    with image:
        _check_size(image.width, image.height, max_pixels)
        # Cameras put a second picture behind the first of a JPEG; that does not move.
        if image.format in ("PNG", "WEBP") and getattr(image, "is_animated", False):
            raise _refused("the image is animated")
        large = image.width * image.height > _LARGE_PIXELS
        with _one_large_at_a_time if large else nullcontext():
            try:
                return _pixels(image, options)
            except _BROKEN as error:
                raise _refused(f"the image is broken or cut short: {_text(error)}") from None


def normalised(pixels: Pixels, options: ImageOptions) -> Floats:
    """Images (batch, height, width, 3) -> an encoder's input, (batch, *options.shape)."""
    mean, std = np.array(options.mean, np.float32), np.array(options.std, np.float32)
    values: Floats = (pixels.astype(np.float32) / np.float32(255) - mean) / std
    if options.layout == "NHWC":
        return values
    return np.ascontiguousarray(values.transpose(0, 3, 1, 2))  # (batch, 3, height, width)


def resized(image: Image.Image, options: ImageOptions) -> Image.Image:
    """An image of any size at the size that the encoder wants."""
    box = (0.0, 0.0, float(image.width), float(image.height))
    if options.resize == "crop":
        scale = min(image.width / options.width, image.height / options.height)
        across = (image.width - scale * options.width) / 2
        down = (image.height - scale * options.height) / 2
        box = (across, down, image.width - across, image.height - down)
    size = (options.width, options.height)
    return image.resize(size, Image.Resampling.BILINEAR, box=box)


def _pixels(image: Image.Image, options: ImageOptions) -> Pixels:
    orientation = _orientation(image)
    size = (options.width, options.height)
    if orientation in _SIDEWAYS:
        size = (options.height, options.width)
    # A JPEG can be decoded at an eighth, a quarter or half of its size.
    image.draft(image.mode, (_SPARE * size[0], _SPARE * size[1]))
    image.load()
    plain = _plain(image)
    factor = int(min(plain.width / size[0], plain.height / size[1])) // _SPARE
    if factor > 1:
        plain = plain.reduce(factor)
    if orientation in _TURNS:
        plain = plain.transpose(_TURNS[orientation])
    small = resized(plain, options)
    if small.mode == "RGBA":
        white = Image.new("RGBA", small.size, _WHITE)
        white.alpha_composite(small)
        small = white
    return np.array(small.convert("RGB"))  # (height, width, 3)


def _plain(image: Image.Image) -> Image.Image:
    """The same in one of the modes L, RGB and RGBA."""
    if image.mode.startswith("I"):  # 16 bits of grey
        wide = np.asarray(image).astype(np.uint32)
        return Image.fromarray(np.minimum((wide + 128) // 257, 255).astype(np.uint8))
    if image.has_transparency_data:
        return image.convert("RGBA")
    return image if image.mode in ("L", "RGB") else image.convert("RGB")


def _orientation(image: Image.Image) -> int:
    try:
        found: Any = image.getexif().get(_ORIENTATION)
    except _BROKEN:  # the picture may be sound all the same
        return 1
    return found if isinstance(found, int) else 1


def _check_webp(content: bytes, max_pixels: int) -> None:
    """The same checks as for the others, ahead of a decoder that makes room for two canvases.

    Google, "WebP Container Specification": the chunk at byte 12 is VP8X (canvas size less one in
    3 bytes each), VP8L (14 bits each, less one) or VP8 with a space (14 bits each).
    """
    if content[:4] != b"RIFF" or content[8:12] != b"WEBP" or len(content) < 30:
        return
    chunk = content[12:16]
    if chunk == b"VP8X":
        if content[20] & 2:
            raise _refused("the image is animated")
        width = 1 + int.from_bytes(content[24:27], "little")
        height = 1 + int.from_bytes(content[27:30], "little")
    elif chunk == b"VP8L":
        bits = int.from_bytes(content[21:25], "little")
        width, height = 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    else:
        width, height = (int.from_bytes(content[at : at + 2], "little") & 0x3FFF for at in (26, 28))
    _check_size(width, height, max_pixels)


def _check_size(width: int, height: int, max_pixels: int) -> None:
    if width * height > max_pixels:
        raise InvalidInput(
            f"{width} x {height} pixels are too many",
            field=FIELD,
            allowed=f"at most {max_pixels} pixels in one image",
        )


def _refused(message: str) -> InvalidInput:
    return InvalidInput(message, field=FIELD, allowed=ALLOWED)


def _text(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:100]
