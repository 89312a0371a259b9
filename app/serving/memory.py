"""Gives freed memory back to the system. Knows the C library; not what the memory was for."""

import ctypes
import sys
from collections.abc import Callable
from functools import cache


def trim() -> None:
    """Return what lies free in the allocator to the system, where the C library is able to.

    glibc keeps freed memory in arenas, one per thread or so, and what a closed session leaves
    there counts as used until somebody needs it. Takes a few milliseconds.
    """
    release = _malloc_trim()
    if release is not None:
        release(0)


@cache
def _malloc_trim() -> Callable[[int], int] | None:
    if not sys.platform.startswith("linux"):
        return None
    # Not there in musl, whose allocator gives memory back by itself.
    return getattr(ctypes.CDLL(None), "malloc_trim", None)
