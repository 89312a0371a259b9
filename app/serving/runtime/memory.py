"""Gives freed memory back to the system. Knows who keeps it; not what it was for."""

import ctypes
import sys
from collections.abc import Callable
from functools import cache
from typing import Final

from app.serving.runtime import arena

_M_MMAP_THRESHOLD: Final = -3  # of malloc.h
# Larger blocks come from the system each time, which costs page faults, and go back when they are
# freed. From the allocator's arenas they leave holes, as requests come in all sizes, and these grow
# and grow. What networks compute in is none of this.
_LARGE_BYTES: Final = 1024 * 1024


def trim() -> None:
    """Return what lies free to the system: of what networks compute in, and in the C library.

    glibc keeps freed memory in arenas, one per thread or so, and what a closed session leaves
    there counts as used until somebody needs it. Takes a few milliseconds.
    """
    arena.shrink()
    release = _malloc_trim()
    if release is not None:
        release(0)


@cache
def _malloc_trim() -> Callable[[int], int] | None:
    """glibc's function. At the first call it is also told to map large blocks by themselves.

    Left alone it would do so for ever larger ones only, up to 32 MB, and what is freed at the top
    of a thread's arena is beyond the reach of `malloc_trim`.
    """
    if not sys.platform.startswith("linux"):
        return None
    library = ctypes.CDLL(None)
    # Neither is there in musl, whose allocator gives memory back by itself.
    if hasattr(library, "mallopt"):
        library.mallopt(_M_MMAP_THRESHOLD, _LARGE_BYTES)
    return getattr(library, "malloc_trim", None)
