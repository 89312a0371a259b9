"""Images to learn from and the views of them. Knows files and pixels; not what is learned.

A view is a part of an image, maybe mirrored, brighter or of more contrast. Which view number i is
follows from a seed and i alone, so that nothing but the network's answers needs to be kept.
"""

import io
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image

Bytes = npt.NDArray[np.uint8]

_LUT: Final = np.arange(256, dtype=np.float32)


def npz_images(path: Path) -> Iterator[Image.Image]:
    """Pixels (RGB) of every image in a file of JPEG streams end to end, with their `offsets`."""
    with np.load(path) as archive:
        stream, offsets = archive["jpeg"].tobytes(), archive["offsets"]
    for start, end in itertools.pairwise(offsets):
        yield Image.open(io.BytesIO(stream[start:end])).convert("RGB")


@dataclass(frozen=True)
class View:
    """Where to look: the image's place, a box in pixels, and what happens to the colours."""

    image: int
    box: tuple[float, float, float, float]
    mirrored: bool
    brightness: float
    contrast: float

    def pixels(self, image: Image.Image, size: int) -> Bytes:
        """The view as (size, size, 3)."""
        small = image.resize((size, size), Image.Resampling.BILINEAR, box=self.box)
        values: Bytes = np.asarray(small)
        if self.mirrored:
            values = values[:, ::-1]
        lut = (_LUT - 128) * self.contrast + 128 + 255 * self.brightness
        table: Bytes = np.clip(np.rint(lut), 0, 255).astype(np.uint8)
        seen: Bytes = table[values]
        return seen


@dataclass(frozen=True)
class Views:
    """An endless seeded row of views of `images`, the first `main` of which get `share` of them."""

    images: list[Image.Image]
    main: int
    share: float = 2 / 3
    seed: int = 0
    smallest: float = 0.35

    def view(self, number: int) -> View:
        """View `number`: a box of `smallest` to all of the area, sides 3:4 to 4:3."""
        draw = np.random.default_rng((self.seed, number))
        in_main = self.main == len(self.images) or draw.random() < self.share
        low, high = (0, self.main) if in_main else (self.main, len(self.images))
        place = int(draw.integers(low, high))
        width, height = self.images[place].size
        area, ratio = draw.uniform(self.smallest, 1.0), np.exp(draw.uniform(-1, 1) * np.log(4 / 3))
        box_width = width * min(1.0, float(np.sqrt(area * ratio)))
        box_height = height * min(1.0, float(np.sqrt(area / ratio)))
        left = float(draw.uniform(0, width - box_width))
        top = float(draw.uniform(0, height - box_height))
        return View(
            image=place,
            box=(left, top, left + box_width, top + box_height),
            mirrored=bool(draw.random() < 0.5),
            brightness=float(draw.uniform(-0.1, 0.1)),
            contrast=float(draw.uniform(0.8, 1.2)),
        )

    def pixels(self, number: int, size: int) -> Bytes:
        """View `number` as (size, size, 3)."""
        view = self.view(number)
        return view.pixels(self.images[view.image], size)

    @cached_property
    def rows(self) -> int:
        """How many images there are."""
        return len(self.images)


def whole(image: Image.Image, size: int, *, mirrored: bool = False) -> Bytes:
    """All of an image as (size, size, 3)."""
    box = (0.0, 0.0, float(image.width), float(image.height))
    return View(0, box, mirrored, brightness=0.0, contrast=1.0).pixels(image, size)
