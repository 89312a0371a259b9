"""Gives freed memory back to the system. Knows allocators; not what the memory was used for."""

import ctypes
import sys
from collections.abc import Callable
from functools import cache
from typing import Final

from app.serving.runtime import arena

_M_MMAP_THRESHOLD: Final = -3  # from malloc.h
# Larger blocks are mapped one by one, which costs page faults, and unmapped when they are freed.
# Taken from the allocator's arenas instead they would fragment them, since requests come in all
# sizes, and the process would grow. Tensors inside a run do not come from here (see `arena`).
_LARGE_BYTES: Final = 1024 * 1024


def trim() -> None:
    """Return free memory to the system, from ONNX Runtime's arena and from the C library.

    glibc keeps freed memory in about one arena per thread, and what a closed session leaves there
    counts as used by this process until it is allocated again. Takes a few milliseconds.
    """
    arena.shrink()
    release = _malloc_trim()
    if release is not None:
        release(0)


@cache
def _malloc_trim() -> Callable[[int], int] | None:
    """`malloc_trim` of glibc, or None. The first call also fixes the size of mapped blocks.

    By default glibc raises that size up to 32 MB, and `malloc_trim` cannot return what is freed
    at the top of a thread's arena.
    """
    if not sys.platform.startswith("linux"):
        return None
    library = ctypes.CDLL(None)
    # musl has neither function; its allocator returns memory by itself.
    if hasattr(library, "mallopt"):
        library.mallopt(_M_MMAP_THRESHOLD, _LARGE_BYTES)
    return getattr(library, "malloc_trim", None)
