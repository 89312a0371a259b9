"""How many cores this process may use, and the priority of its threads. Starts no thread.

Knows CPU affinity, cgroup quotas and nice values.
"""

import os
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import Final

# Nice value of worker threads: the kernel gives them a third of the weight of other threads.
_NICE: Final = 5

_CGROUPS = Path("/sys/fs/cgroup")
_OWN_CGROUP = Path("/proc/self/cgroup")


def available_threads() -> int:
    """Cores that may be used at once: the CPU affinity, or less where a container has a quota.

    A quota of 2.5 cores gives 2. With three threads the quota would be used up before the end of
    each period, and all threads would be paused, which costs more than the half core brings.
    """
    if hasattr(os, "sched_getaffinity"):
        cores = len(os.sched_getaffinity(0))
    else:  # macOS, Windows
        cores = os.cpu_count() or 1
    quota = cpu_quota()
    return max(1, cores if quota is None else min(cores, int(quota)))


def cpu_quota(root: Path = _CGROUPS, own: Path = _OWN_CGROUP) -> float | None:
    """The smallest quota, in cores, of our cgroup and all cgroups above it; None without one."""
    quotas: list[float] = []
    for mount, path in _hierarchies(root, own):
        # Inside a container the path may be the host's and not exist here; the mount does.
        for folder in (path, *path.parents):
            for quota in (_quota_v2(mount / folder), _quota_v1(mount / folder)):
                if quota is not None:
                    quotas.append(quota)
    return min(quotas, default=None)


def _hierarchies(root: Path, own: Path) -> list[tuple[Path, Path]]:
    """(mount point, our path below it) of each hierarchy that can hold a CPU quota."""
    found = [(root, Path()), (root / "cpu", Path())]
    try:
        lines = own.read_text(encoding="utf-8").splitlines()
    except OSError:
        return found
    for line in lines:
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        below = Path(path.strip("/"))
        if not controllers:  # version 2
            found += [(root, below), (root / "unified", below)]
        elif "cpu" in controllers.split(","):
            found += [(root / controllers, below), (root / "cpu", below)]
    return found


def _quota_v2(folder: Path) -> float | None:
    words = _read(folder / "cpu.max").split()
    if len(words) != 2 or words[0] == "max":
        return None
    return _ratio(words[0], words[1])


def _quota_v1(folder: Path) -> float | None:
    return _ratio(_read(folder / "cpu.cfs_quota_us"), _read(folder / "cpu.cfs_period_us"))


def _ratio(quota: str, period: str) -> float | None:
    try:
        cores = int(quota) / int(period)
    except (ValueError, ZeroDivisionError):
        return None
    return cores if cores > 0 else None  # version 1 writes -1 for "no quota"


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except OSError:
        return ""


def lower_priority() -> None:
    """Give the calling thread, which computes, a lower priority than threads that serve HTTP.

    A batch takes milliseconds or longer. Reading and writing a request takes microseconds, and
    every client waits for it. Only Linux has priorities per thread; elsewhere nothing happens.
    """
    if sys.platform == "linux":
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICE)
