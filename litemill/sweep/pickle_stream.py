"""Values over the line between a process and those that it forked: pickled, after their size."""

from __future__ import annotations

import pickle
import struct
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import socket


def send(line: socket.socket, value: object) -> None:
    """Send a value, waiting until all of it is taken."""
    block = pickle.dumps(value)
    line.sendall(struct.pack("Q", len(block)) + block)


def take_value(received: bytearray) -> Any:
    """Take a value off the front of what was received; None while it is not whole."""
    head = struct.calcsize("Q")
    if len(received) < head:
        return None
    (length,) = struct.unpack_from("Q", received)
    if len(received) < head + length:
        return None
    with memoryview(received) as whole:
        value = pickle.loads(whole[head : head + length])  # noqa: S301  # our own child's
    del received[: head + length]
    return value


def receive(line: socket.socket) -> Any:
    """Wait for a value; None where the line was closed."""
    head = _exactly(line, struct.calcsize("Q"))
    block = None if head is None else _exactly(line, struct.unpack("Q", head)[0])
    return None if block is None else pickle.loads(block)  # noqa: S301  # our own parent's


def _exactly(line: socket.socket, size: int) -> bytes | None:
    found = bytearray()
    while len(found) < size:
        block = line.recv(min(size - len(found), 1 << 20))
        if not block:
            return None
        found += block
    return bytes(found)
