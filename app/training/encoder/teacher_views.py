"""What the teacher says of many views, kept on disk. Knows arrays in files; trains nothing."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from app.training.encoder.teacher import CLASSES, GRID, MAP_CHANNELS, POOLED_CHANNELS, Teacher
from app.training.encoder.views import Bytes

_SHAPES = {
    "map": (GRID, GRID, MAP_CHANNELS),
    "pooled": (POOLED_CHANNELS,),
    "logits": (CLASSES,),
}
_SAVE_EVERY = 500


@dataclass(frozen=True)
class Lessons:
    """The teacher's answers to views 0, 1, ... as bytes; `count` of them are there."""

    map: Bytes  # (views, 7, 7, 320)
    pooled: Bytes  # (views, 1280)
    logits: Bytes  # (views, 1001)
    folder: Path

    @property
    def count(self) -> int:
        """How many views the teacher has seen so far; grows while another process writes."""
        path = self.folder / "count.txt"
        return int(path.read_text()) if path.exists() else 0


def open_lessons(folder: Path, total: int) -> Lessons:
    """Open the files for `total` views, or make them."""
    folder.mkdir(parents=True, exist_ok=True)
    arrays = {}
    for name, shape in _SHAPES.items():
        path = folder / f"{name}.npy"
        if not path.exists():
            np.lib.format.open_memmap(path, "w+", np.uint8, (total, *shape)).flush()
        arrays[name] = np.load(path, mmap_mode="r+")
        if len(arrays[name]) != total:
            raise ValueError(f"{path} holds {len(arrays[name])} views, not {total}")
    return Lessons(**arrays, folder=folder)


def teach(
    lessons: Lessons,
    teacher: Teacher,
    pixels: Callable[[int], Bytes],
    say: Callable[[str], None] = print,
) -> None:
    """Show the teacher every view that it has not seen; may be cut off and called again."""
    total, first, start = len(lessons.map), lessons.count, time.monotonic()
    for number in range(first, total):
        values = teacher.look(pixels(number))
        lessons.map[number], lessons.pooled[number], lessons.logits[number] = values
        seen = number + 1
        if seen % _SAVE_EVERY == 0 or seen == total:
            temporary = lessons.folder / "count.tmp"
            temporary.write_text(str(seen))
            temporary.rename(lessons.folder / "count.txt")
            if seen % 5000 == 0 or seen == total:
                rate = (seen - first) / (time.monotonic() - start)
                say(f"teacher: {seen:,} of {total:,} views, {rate:.0f} a second")
