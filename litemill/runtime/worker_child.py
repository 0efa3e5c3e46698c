"""What a fork of the worker does: become the process that its caller would have been."""

from __future__ import annotations

import contextlib
import ctypes
import importlib
import os
import resource
import runpy
import signal
import sys
import time
import traceback
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from collections.abc import Callable

INTERRUPTED = 130
EDITABLE = ("litemill", "stages")  # top-level packages that the worker has modules of
UNWRITTEN = 120  # as the interpreter ends when the last of its output cannot be written


def run_child(
    request: dict[str, Any], streams: list[int], worker: int, leave: Callable[[], None]
) -> NoReturn:
    """Run the requested module and end with its status.

    Where this process cannot become what the caller's would have been, it ends before `leave` tells
    the caller of it, which then runs the module itself.

    Args:
        request: what `litemill.runtime.worker_client` sent.
        streams: descriptors of the caller's standard input, output and error.
        worker: process id of the parent; when that ends, this process does.
        leave: closes what belongs to the worker, and sends the caller this process's id.
    """
    try:
        os.setpgid(0, 0)  # ended as a group, with what it started; the parent says so too
        _end_with(worker)
        _become(request, streams)
        leave()
    except BaseException:  # noqa: BLE001
        os._exit(1)
    status = 1
    try:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])
        status = _run(request)
    except KeyboardInterrupt:
        status = INTERRUPTED
        traceback.print_exc()
    except BaseException:  # noqa: BLE001  # as the interpreter does at the end of every process
        traceback.print_exc()
    finally:
        _remove_generated_code()
        os._exit(_flushed(status))


def _end_with(worker: int) -> None:
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
    if os.getppid() != worker:  # it ended before
        os._exit(1)


def _become(request: dict[str, Any], streams: list[int]) -> None:
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
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
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


def _run(request: dict[str, Any]) -> int:
    sys.argv = request["arguments"]
    _forget_editable_modules()
    try:
        runpy.run_module(request["module"], run_name="__main__", alter_sys=True)
    except SystemExit as error:
        return _status(error.code)
    return 0


def _forget_editable_modules() -> None:
    """Let the stage import from disk what the worker has imported: it may have been edited."""
    for name in [name for name in sys.modules if name.partition(".")[0] in EDITABLE]:
        del sys.modules[name]
    importlib.invalidate_caches()


def _status(code: str | int | None) -> int:
    """Return the status of `sys.exit(code)`, and print a code that is a text."""
    if code is None or isinstance(code, int):
        return code or 0
    print(code, file=sys.stderr)
    return 1


def _remove_generated_code() -> None:
    """Remove what AutoGraph wrote to the temporary folder; it waits for an exit that never is."""
    for name, module in list(sys.modules.items()):
        if name.startswith("__autograph_generated_file"):
            with contextlib.suppress(OSError, AttributeError):
                os.unlink(str(module.__file__))  # noqa: PTH108


def _flushed(status: int) -> int:
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream and not stream.closed:
                stream.flush()
        except OSError:
            status = status or UNWRITTEN
    return status
