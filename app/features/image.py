"""An image file -> the pixels that an encoder reads. Knows files and pixels; no network.

JPEG, PNG and WebP, whatever they hold: grey, CMYK, palettes, 16 bits, alpha (shown on white), a
camera held sideways (EXIF). Large images are made small on the way. A file is looked through before
it is decoded (`image_files`), so that decoding takes a few seconds at most, for whatever was sent.
"""

import io
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt
from PIL import Image, UnidentifiedImageError

from app.features.image_files import check_size, look_through, refused

Pixels = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]

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
_ROWS: Final = 64
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


class _WatchedFile(io.BytesIO):
    """A file that cannot be read further when `check` raises: decoders read piece by piece."""

    def __init__(self, content: bytes, check: Callable[[], None]) -> None:
        super().__init__(content)
        self._check = check

    def read(self, size: int | None = -1, /) -> bytes:
        self._check()
        return super().read(size)


def read_pixels(
    content: bytes,
    options: ImageOptions,
    *,
    max_pixels: int,
    check: Callable[[], None] = lambda: None,
) -> Pixels:
    """The image in a file's `content` as (height, width, 3).

    `check` is called now and then and may raise, which ends the reading. Raises InvalidInput for
    what is no image, is broken or cut short, moves, or has more than `max_pixels` pixels.
    """
    look_through(content, max_pixels, check)
    try:
        image = Image.open(_WatchedFile(content, check), formats=_FORMATS)
    except UnidentifiedImageError:
        raise refused("this is no image in a format that is known here") from None
    except _BROKEN as error:
        raise refused(f"the image is broken: {_text(error)}") from None
    with image:
        check_size(image.width, image.height, max_pixels)
        # Cameras put a second picture behind the first of a JPEG; that does not move.
        if image.format in ("PNG", "WEBP") and getattr(image, "is_animated", False):
            raise refused("the image is animated")
        try:
            return _pixels(image, options)
        except _BROKEN as error:
            raise refused(f"the image is broken or cut short: {_text(error)}") from None


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
        wide = np.asarray(image)  # (height, width)
        grey = np.empty(wide.shape, np.uint8)
        for row in range(0, len(wide), _ROWS):  # all at once would take twelve bytes a pixel
            rows = wide[row : row + _ROWS].astype(np.uint32)
            grey[row : row + _ROWS] = np.minimum((rows + 128) // 257, 255)
        return Image.fromarray(grey)
    if image.has_transparency_data:
        return image.convert("RGBA")
    return image if image.mode in ("L", "RGB") else image.convert("RGB")


def _orientation(image: Image.Image) -> int:
    try:
        found: Any = image.getexif().get(_ORIENTATION)
    except _BROKEN:  # the picture may be sound all the same
        return 1
    return found if isinstance(found, int) else 1


def _text(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:100]
