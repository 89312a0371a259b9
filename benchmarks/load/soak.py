"""Half an hour of random lengths: does the service grow? Knows one running service and a client."""

import statistics
import threading
import time
from dataclasses import dataclass
from typing import Final

import numpy as np

from benchmarks.load.client import Client
from benchmarks.load.corpus import arrivals
from benchmarks.load.services import Running

LOAD: Final = 0.7  # of capacity
_EVERY: Final = 5.0  # seconds between looks
_WARM: Final = 0.2  # of the time, not counted: allocators fill their arenas


@dataclass(frozen=True)
class Soak:
    """Memory in MiB, its slope by least squares after the warm-up."""

    minutes: float
    rss_slope_mib_per_hour: float
    rss_start_mib: float
    rss_end_mib: float
    threads_growth: int
    descriptors_growth: int
    answered: int
    not_answered: int


def soak(service: Running, client: Client, capacity: float, requests: int, minutes: float) -> Soak:
    """Ask at LOAD of the capacity for so long."""
    seconds = minutes * 60
    looks: list[tuple[float, float, int, int]] = []
    ended = threading.Event()

    def look() -> None:
        start = time.monotonic()
        while not ended.wait(min(_EVERY, seconds / 50)):
            at = time.monotonic() - start
            counts = service.threads(), service.descriptors()
            looks.append((at, service.resident_mib(), *counts))

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        answers = client.open(arrivals(LOAD * capacity, seconds, requests), 10.0)
    finally:
        ended.set()
        watcher.join()
    kept = [each for each in looks if _WARM * seconds <= each[0] <= seconds]
    times, memory, threads, descriptors = (np.array(column) for column in zip(*kept, strict=True))
    fit = np.polyfit(times / 3600, memory, 1)
    half = len(kept) // 2
    return Soak(
        minutes=minutes,
        rss_slope_mib_per_hour=float(fit[0]),
        rss_start_mib=float(memory[0]),
        rss_end_mib=float(memory[-1]),
        threads_growth=_growth(threads.tolist(), half),
        descriptors_growth=_growth(descriptors.tolist(), half),
        answered=len(answers.of(200)),
        not_answered=int((answers.status != 200).sum()),
    )


def _growth(values: list[int], half: int) -> int:
    """By how much the median of the second half is above that of the first."""
    return round(statistics.median(values[half:]) - statistics.median(values[:half]))
