"""Threads by what they are for, so that no kind of work waits for another. Knows no request."""

import os
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from app.serving.runtime.executor import start_threads

# Large bodies become many times as large while they are read.
_BODIES: Final = 2
_IMAGES: Final = max(2, os.cpu_count() or 1)


def _pool(purpose: str, count: int) -> Executor:
    return ThreadPoolExecutor(count, thread_name_prefix=purpose)


@dataclass(frozen=True)
class Threads:
    """What waits for one of them holds none."""

    bodies: Executor = field(default_factory=partial(_pool, "bodies", _BODIES))
    images: Executor = field(default_factory=partial(_pool, "images", _IMAGES))
    # A photograph of 50 million pixels takes half a gigabyte while it is decoded.
    large_images: Executor = field(default_factory=partial(_pool, "large-images", 1))
    # Models are loaded and unloaded one after the other anyway.
    control: Executor = field(default_factory=partial(_pool, "control", 1))
    # One process fits baselines, one after the other.
    baselines: Executor = field(default_factory=partial(_pool, "baselines", 1))

    def start(self) -> None:
        """Start them all; else each starts when there is something to do for it."""
        start_threads(self.bodies, _BODIES)
        start_threads(self.images, _IMAGES)
        start_threads(self.large_images, 1)
        start_threads(self.control, 1)

    def close(self) -> None:
        """Begin nothing more."""
        every = (self.bodies, self.images, self.large_images, self.control, self.baselines)
        for each in every:
            each.shutdown(wait=False, cancel_futures=True)
