"""Unix sockets in folders whose paths are long."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextlib.contextmanager
def short_address(path: Path) -> Iterator[str]:
    """Give what to bind or to connect a socket to, so that it lies at `path`.

    An address has at most 107 bytes (unix(7)), which temporary folders of clusters and of tests
    exceed; the folder's descriptor under /proc is as good as its path.

    Raises:
        OSError: there is no such folder, or no /proc.
    """
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)
