"""How the C library's allocator hands memory back: less often than it does by itself.

A training step needs the same few megabytes again and again. By itself, glibc returns them to the
system after each step, which then clears every page for the next: 33,000 page faults an epoch of
the default model, a fifth of its time (docs/performance.md).
"""

from __future__ import annotations

import ctypes
import sys

# Options of mallopt(3), by the numbers of malloc.h, and their bytes.
OPTIONS = {
    "M_TRIM_THRESHOLD": (-1, 256 << 20),
    "M_TOP_PAD": (-2, 64 << 20),  # the least that an arena keeps: one of its heaps
    "M_MMAP_THRESHOLD": (-3, 32 << 20),  # the largest that glibc takes
}


def keep_freed_memory() -> None:
    """Let this process, and forks of it, keep freed memory for what comes next.

    Where the C library is another one, nothing is changed.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt is not None:
        for option, size in OPTIONS.values():
            mallopt(option, size)
