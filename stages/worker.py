"""A process that has imported TensorFlow once and runs stages in forks of itself.

Importing TensorFlow takes longer than most stages work. `stages.warm` starts this process when the
first stage needs TensorFlow, and hands every stage to it; it ends by itself when nobody asks for a
while. It imports nothing of the project before it forks, so that edited code counts, and runs
nothing of TensorFlow, whose threads would not survive the fork.

    python -m stages.worker SOCKET SECONDS

A request is one JSON line with the standard streams attached to it; the answer is a line with the
child's process id, and a line with its exit status. A caller that goes away takes its child along.
"""

from __future__ import annotations

import contextlib
import fcntl
import gc
import importlib
import json
import os
import resource
import runpy
import selectors
import signal
import socket
import struct
import sys
import time
import traceback
from pathlib import Path
from typing import Any

LIBRARIES = ["tensorflow", "keras", "tensorflow.lite.python.lite"]
LINE = 1 << 20  # bytes that a request may have


def serve(path: Path, seconds: float) -> None:
    """Answer requests on a socket until none came for `seconds` and no child is left."""
    lock = path.with_suffix(".lock").open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return  # another worker was faster
    path.unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        # Callers may connect from now on; they wait while the libraries are imported.
        listener.listen(64)
        try:
            for library in LIBRARIES:
                importlib.import_module(library)
            gc.freeze()  # a child that collects garbage would copy every page
            _loop(listener, seconds)
        finally:
            path.unlink(missing_ok=True)
            path.with_suffix(".lock").unlink(missing_ok=True)


def _loop(listener: socket.socket, seconds: float) -> None:
    children: dict[int, socket.socket] = {}
    # Written to by the signal handler of Python itself, so that an ended child wakes the loop.
    ended, tell = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.set_wakeup_fd(tell, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    selector = selectors.DefaultSelector()
    selector.register(listener, selectors.EVENT_READ)
    selector.register(ended, selectors.EVENT_READ)
    last = time.monotonic()
    while children or time.monotonic() - last < seconds:
        for key, _ in selector.select(timeout=1.0):
            last = time.monotonic()
            if key.fileobj is listener:
                caller = listener.accept()[0]
                child = _started(caller, listener, selector)
                if child:
                    children[child] = caller
                    selector.register(caller, selectors.EVENT_READ, child)
            elif key.fileobj == ended:
                os.read(ended, 4096)
            else:
                # Callers say nothing after their request: this one is gone.
                selector.unregister(key.fileobj)
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(key.data, signal.SIGKILL)
        for child, status in _ended(children):
            caller = children.pop(child)
            with contextlib.suppress(KeyError):
                selector.unregister(caller)
            with contextlib.suppress(OSError), caller:
                caller.sendall(f"{os.waitstatus_to_exitcode(status)}\n".encode())


def _ended(children: dict[int, socket.socket]) -> list[tuple[int, int]]:
    waited = [os.waitpid(child, os.WNOHANG) for child in children]
    return [(child, status) for child, status in waited if child]


def _started(
    caller: socket.socket, listener: socket.socket, selector: selectors.BaseSelector
) -> int | None:
    credentials = caller.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    if struct.unpack("3i", credentials)[1] != os.getuid():
        caller.close()
        return None
    caller.settimeout(5)  # a caller sends its request at once
    try:
        line, streams, _, _ = socket.recv_fds(caller, LINE, 3)
        request = json.loads(line)
    except (OSError, ValueError):
        caller.close()
        return None
    child = os.fork()
    if child == 0:
        selector.close()
        listener.close()
        _child(request, streams)
    with contextlib.suppress(OSError):
        os.setpgid(child, child)  # whoever of the two is first: the group is there from here on
    for stream in streams:
        os.close(stream)
    caller.settimeout(None)
    with contextlib.suppress(OSError):  # a caller that is gone is noticed where it is waited for
        caller.sendall(f"{child}\n".encode())
    return child


def _child(request: dict[str, Any], streams: list[int]) -> None:
    """Become the process that the caller would have been, run its module, and end."""
    status = 1
    try:
        _become(request, streams)
        status = _run(request)
    except BaseException:  # noqa: BLE001  # as the interpreter does at the end of every process
        traceback.print_exc()
    finally:
        with contextlib.suppress(OSError, ValueError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(status)


def _become(request: dict[str, Any], streams: list[int]) -> None:
    os.setpgid(0, 0)  # ended as a group, with what it started; the parent says so too, see there
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for stream, target in zip(streams, (0, 1, 2), strict=True):
        os.dup2(stream, target)
        os.close(stream)
    for name, target in (("stdout", 1), ("stderr", 2)):
        buffered = 1 if name == "stderr" or os.isatty(target) else -1
        text = open(target, "w", buffering=buffered, closefd=False)  # noqa: SIM115
        setattr(sys, name, text)
    os.environ.clear()
    os.environ.update(request["environment"])
    time.tzset()
    os.umask(request["umask"])
    os.sched_setaffinity(0, request["processors"])
    for kind, limits in request["limits"]:
        resource.setrlimit(kind, tuple(limits))
    os.chdir(request["folder"])


def _run(request: dict[str, Any]) -> int:
    sys.argv = request["arguments"]
    # Whatever of the project came along with this module is forgotten: code may have been edited.
    for name in [name for name in sys.modules if name.partition(".")[0] == "stages"]:
        del sys.modules[name]
    try:
        runpy.run_module(request["module"], run_name="__main__", alter_sys=True)
    except SystemExit as error:
        return error.code if isinstance(error.code, int) else int(error.code is not None)
    return 0


if __name__ == "__main__":
    serve(Path(sys.argv[1]), float(sys.argv[2]))
