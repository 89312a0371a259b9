"""Threads by what they are for, so that no kind of work waits for another. Knows no request."""

import os
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Final

_CORES: Final = os.cpu_count() or 1


def _pool(purpose: str, count: int) -> Executor:
    return ThreadPoolExecutor(count, thread_name_prefix=purpose)


@dataclass(frozen=True)
class Threads:
    """A thread starts when there is something to do for it. What waits for one holds none."""

    # Large bodies become many times as large while they are read.
    bodies: Executor = field(default_factory=partial(_pool, "bodies", 2))
    images: Executor = field(default_factory=partial(_pool, "images", max(2, _CORES)))
    # A photograph of 50 million pixels takes half a gigabyte while it is decoded.
    large_images: Executor = field(default_factory=partial(_pool, "large-images", 1))
    # Models are loaded and unloaded one after the other anyway.
    control: Executor = field(default_factory=partial(_pool, "control", 1))

    def close(self) -> None:
        """Begin nothing more."""
        for each in (self.bodies, self.images, self.large_images, self.control):
            each.shutdown(wait=False, cancel_futures=True)
