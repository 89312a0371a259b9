"""What an encoder gave for images, kept as arrays so that decoders train without it.

Knows arrays and names; neither images nor captions.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


class Seen(NamedTuple):
    """What a decoder reads of some images: the pooled vector and, if kept, the cells of the map."""

    pooled: Floats  # (batch, channels)
    cells: Floats | None  # (batch, grid cells, channels)


@dataclass(frozen=True)
class Features:
    """Of every image several views: view 0 is the image as it is, the others are augmented.

    Stored numbers become features as scale * (number - zero); floats have scale 1 and zero 0.
    """

    names: tuple[str, ...]
    pooled: NDArray[Any]  # (images, views, channels)
    cells: NDArray[Any] | None = None  # (images, views, grid cells, channels)
    scales: tuple[float, float] = (1.0, 1.0)
    zeros: tuple[float, float] = (0.0, 0.0)

    @property
    def views(self) -> int:
        return int(self.pooled.shape[1])

    @property
    def channels(self) -> int:
        """Channels of the pooled vector."""
        return int(self.pooled.shape[2])

    def take(self, images: NDArray[np.int64], views: NDArray[np.int64]) -> Seen:
        """The features of one view each of some images, by number."""
        pooled = _scaled(self.pooled[images, views], self.scales[0], self.zeros[0])
        cells = None
        if self.cells is not None:
            cells = _scaled(self.cells[images, views], self.scales[1], self.zeros[1])
        return Seen(pooled, cells)

    def plain(self, start: int, end: int) -> Seen:
        """The features of images `start` to `end` as they are."""
        images = np.arange(start, min(end, len(self.names)))
        return self.take(images, np.zeros_like(images))

    def only(self, names: Sequence[str]) -> "Features":
        """The features of the images `names`, in that order.

        Raises:
            ValueError: one is absent.
        """
        places = {name: place for place, name in enumerate(self.names)}
        missing = [name for name in names if name not in places]
        if missing:
            raise ValueError(f"there are no features of {len(missing)} images: {missing[0]}, ...")
        if tuple(names) == self.names:
            return self
        chosen = np.array([places[name] for name in names])
        cells = None if self.cells is None else self.cells[chosen]
        return Features(tuple(names), self.pooled[chosen], cells, self.scales, self.zeros)


def read_features(folder: Path, *, cells: bool = False) -> Features:
    """Features kept in a folder: `names.json`, `pooled.npy` (images * views, channels) or (images,
    views, channels), and with `cells` also `map.npy` (images * views, height, width, channels).

    Whole numbers need `scales.json`: [[scale, zero] of pooled, [scale, zero] of the map].
    """
    names = tuple(json.loads((folder / "names.json").read_text(encoding="utf-8")))
    pooled = np.load(folder / "pooled.npy", mmap_mode="r")
    pairs = [[1.0, 0.0], [1.0, 0.0]]
    if (folder / "scales.json").exists():
        pairs = json.loads((folder / "scales.json").read_text(encoding="utf-8"))
    elif pooled.dtype.kind != "f":
        raise ValueError(f"{folder} holds whole numbers and no scales.json")
    pooled = np.array(pooled).reshape(len(names), -1, pooled.shape[-1])
    grid = None
    if cells:
        grid = np.load(folder / "map.npy", mmap_mode="r")
        grid = grid.reshape(len(names), pooled.shape[1], -1, grid.shape[-1])
    scales = (float(pairs[0][0]), float(pairs[1][0]))
    zeros = (float(pairs[0][1]), float(pairs[1][1]))
    return Features(names, pooled, grid, scales, zeros)


def _scaled(values: NDArray[Any], scale: float, zero: float) -> Floats:
    plain = values.astype(np.float32)
    if scale != 1.0 or zero != 0.0:
        plain = (plain - np.float32(zero)) * np.float32(scale)
    return plain
