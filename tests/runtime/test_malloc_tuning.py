from __future__ import annotations

import subprocess
import sys

import pytest

# Frees 50 MB in small pieces ten times over, and tells how many pages were new to the process
# after the first time.
PROGRAM = """
import ctypes, resource, sys
from litemill.runtime import malloc_tuning
if sys.argv[1] == "kept":
    malloc_tuning.keep_freed_memory()
library = ctypes.CDLL(None)
library.malloc.restype = ctypes.c_void_p
def again():
    pieces = [library.malloc(100_000) for _ in range(500)]
    for piece in pieces:
        ctypes.memset(piece, 1, 100_000)
    for piece in reversed(pieces):
        library.free(ctypes.c_void_p(piece))
again()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    again()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(how):
    """Return the page faults of the program."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, how], capture_output=True, text=True, check=True
    )
    return int(done.stdout)


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's allocator")
def test_memory_that_was_freed_is_not_cleared_again():
    """By itself, the allocator gives it back to the system every time."""
    assert faults("kept") < 1000
    assert faults("as it comes") > 50_000
