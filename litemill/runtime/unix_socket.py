"""Unix sockets: in folders whose paths are long, and between processes of one user."""

from __future__ import annotations

import contextlib
import os
import socket
import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextlib.contextmanager
def short_address(path: Path) -> Iterator[str]:
    """Yield the address to bind or to connect a socket to, so that it lies at `path`.

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


def is_same_user(connection: socket.socket) -> bool:
    """Return whether the process at the other end is this process's user (Linux)."""
    size = struct.calcsize("3i")
    credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size)
    _, user, _ = struct.unpack("3i", credentials)
    return bool(user == os.getuid())
