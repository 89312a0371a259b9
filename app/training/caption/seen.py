"""What an encoder sees of images, in a row of numbers each, and arrays that are kept. No fits."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from app.features.image import normalised, read_pixels
from app.serving.runtime.session import Session
from app.tasks.caption.features import CaptionFeatures
from app.tasks.caption.task import MAX_PIXELS
from app.training.caption.not_photographs import not_photograph

Array = NDArray[np.float64]
BATCH: Final = 32  # images that are held in memory


@dataclass(frozen=True)
class Kept:
    """Arrays that are kept in a folder, if there is one."""

    folder: Path | None

    def array(self, name: str, make: Callable[[], Array]) -> Array:
        """What `make` returned when it was first called by this name."""
        file = self.folder and self.folder / f"{name}.npy"
        if file and file.is_file():
            kept: Array = np.load(file, allow_pickle=False)
            return kept
        made = make()
        if file:
            file.parent.mkdir(parents=True, exist_ok=True)
            np.save(file, made)
        return made


class Eyes:
    """What an encoder sees, as the mean and the deviation of each channel over the map."""

    def __init__(self, encoder: Session, features: CaptionFeatures) -> None:
        self._encoder = encoder
        self._image = features.image.options()
        self._output = features.encoder_output or encoder.outputs[0].name

    def see(self, contents: Iterator[bytes]) -> Array:
        """Image files -> (images, channels), or (images, 2 * channels) of a map."""
        found = [np.zeros((0, 0))]
        while batch := list(islice(contents, BATCH)):
            pixels = [read_pixels(each, self._image, max_pixels=MAX_PIXELS) for each in batch]
            found.append(pooled(self._run(np.stack(pixels))))
        return np.concatenate(found[1:])

    def draw(self, kind: str, count: int) -> Array:
        """As `see`, of drawn images."""
        return self.see(not_photograph(kind, seed) for seed in range(count))

    def shape(self) -> tuple[int, ...]:
        """Of the features of one image."""
        size = (1, self._image.height, self._image.width, 3)
        return self._run(np.zeros(size, np.uint8)).shape[1:]

    def _run(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        feeds = {self._encoder.inputs[0].name: normalised(pixels, self._image)}
        return self._encoder.run(feeds, (self._output,))[self._output]


def pooled(features: NDArray[np.float32]) -> Array:
    """(images, channels) or (images, channels, rows, columns) -> as `Eyes.see`."""
    wide = features.astype(np.float64)
    if wide.ndim == 2:
        return wide
    cells = wide.reshape(*wide.shape[:2], -1)  # (images, channels, cells)
    return np.concatenate([cells.mean(axis=2), np.sqrt(cells.var(axis=2) + 1e-6)], axis=1)
