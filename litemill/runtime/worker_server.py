"""A process that has imported TensorFlow once and runs stages in forks of itself.

Importing TensorFlow takes longer than most stages work. `litemill.runtime.worker_client` starts
this process when the first stage needs TensorFlow, and hands every stage to it; it ends by itself
when no request came for a while. A fork imports Litemill and the project anew, so that edited code
counts; nothing of TensorFlow runs here, whose threads would not survive the fork.

    python -m litemill.runtime.worker_server SOCKET SECONDS

A request is one byte with the standard streams attached to it, and one JSON line; the answer is a
line with the child's process id, from itself, and a line with `=` and its exit status. A caller
that goes away takes its child along, and so does a worker.
"""

from __future__ import annotations

import contextlib
import fcntl
import gc
import importlib
import json
import os
import selectors
import signal
import socket
import sys
import time
from functools import partial
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from litemill.runtime import tensorflow_import, unix_socket, worker_child

if TYPE_CHECKING:
    from collections.abc import Iterator

LIBRARIES = ["tensorflow", "keras", "tensorflow.lite.python.lite"]
LINE = 1 << 24  # bytes that a request may have: a system's whole environment, escaped
PATIENCE = 5  # seconds; a caller sends its request at once


def serve(path: Path, seconds: float) -> None:
    """Answer requests on a socket until none came for `seconds` and no child is left."""
    held = path.with_suffix(".lock")
    with held.open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return  # another worker was faster
        lock.truncate(0)
        print(os.getpid(), file=lock, flush=True)
        # It waits until a child is ready for it.
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
        try:
            with _listening(path) as listener:
                _import()
                _Worker(listener, lock).run(seconds)
        finally:
            path.unlink(missing_ok=True)
            held.unlink(missing_ok=True)


def _listening(path: Path) -> socket.socket:
    # Callers may connect from now on; they wait while the libraries are imported.
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX)
    with unix_socket.short_address(path) as here:
        listener.bind(here)
    listener.listen(64)
    return listener


def _import() -> None:
    with tensorflow_import.fast_imports():
        for library in LIBRARIES:
            importlib.import_module(library)
    gc.freeze()  # a child that collects garbage would copy every page
    os.chdir("/")  # a file system that is not held can be unmounted


class _Worker:
    """The children, and who waits for each."""

    def __init__(self, listener: socket.socket, lock: IO[str]) -> None:
        self._listener, self._lock = listener, lock
        self._callers: dict[int, socket.socket] = {}  # by the process id of their child
        # Written to by the signal handler of Python itself, so that an ended child wakes the loop.
        self._ended, self._wakeup = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._selector = selectors.DefaultSelector()
        self._selector.register(listener, selectors.EVENT_READ, self._accept)
        self._selector.register(
            self._ended, selectors.EVENT_READ, partial(os.read, self._ended, 4096)
        )

    def run(self, seconds: float) -> None:
        """Work until nothing happened for `seconds` and no child is left."""
        signal.set_wakeup_fd(self._wakeup, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        last = time.monotonic()
        while self._callers or time.monotonic() - last < seconds:
            for key, _ in self._selector.select(timeout=1.0):
                last = time.monotonic()
                key.data()
            self._answer()

    def _accept(self) -> None:
        try:
            caller = self._listener.accept()[0]
        except OSError:
            if not self._callers:
                raise
            time.sleep(0.1)  # no descriptor is free until a child ends; the caller waits
            return
        child = self._started(caller) if unix_socket.is_same_user(caller) else None
        if child is None:
            caller.close()
            return
        self._callers[child] = caller
        # Callers say nothing after their request: one that can be read from is gone.
        self._selector.register(caller, selectors.EVENT_READ, partial(self._end, child))

    def _started(self, caller: socket.socket) -> int | None:
        """Return the process id of a new child; after None, the caller runs its stage itself."""
        worker = os.getpid()
        try:
            with receive_request(caller) as (request, streams):
                child = os.fork()
                if child == 0:
                    worker_child.run_child(request, streams, worker, partial(self._leave, caller))
        except (OSError, ValueError):
            return None
        with contextlib.suppress(OSError):
            os.setpgid(child, child)  # whoever of the two is first: the group is there from here on
        return child

    def _leave(self, caller: socket.socket) -> None:
        """Close all that is the worker's, in its child, and send the caller the child's id.

        So a caller knows of every stage that began, and notices when the worker is gone.
        """
        self._selector.close()
        self._listener.close()
        self._lock.close()
        for other in self._callers.values():
            other.close()
        os.close(self._ended)
        os.close(self._wakeup)
        caller.sendall(f"{os.getpid()}\n".encode())
        caller.close()

    def _end(self, child: int) -> None:
        self._selector.unregister(self._callers[child])
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child, signal.SIGKILL)

    def _answer(self) -> None:
        """Send the exit status of children that ended to their callers."""
        for child in list(self._callers):
            ended, status = os.waitpid(child, os.WNOHANG)
            if ended:
                caller = self._callers.pop(child)
                with contextlib.suppress(KeyError):
                    self._selector.unregister(caller)
                with contextlib.suppress(OSError), caller:
                    caller.sendall(f"={os.waitstatus_to_exitcode(status)}\n".encode())


@contextlib.contextmanager
def receive_request(caller: socket.socket) -> Iterator[tuple[dict[str, Any], list[int]]]:
    """Yield a request and the streams that came with it, which are closed afterwards.

    Raises:
        OSError: the caller is gone, or says nothing more.
        ValueError: it said something else.
    """
    caller.settimeout(PATIENCE)
    # Descriptors end what one call receives, so that they come with a byte of their own.
    _, streams, _, _ = socket.recv_fds(caller, 1, 3)
    try:
        with caller.makefile("rb") as lines:
            request = json.loads(lines.readline(LINE))
        caller.settimeout(None)
        yield request, streams
    finally:
        for stream in streams:
            os.close(stream)


if __name__ == "__main__":
    serve(Path(sys.argv[1]), float(sys.argv[2]))
