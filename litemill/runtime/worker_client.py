"""Stages that need TensorFlow, handed to a worker that has imported it already.

The worker is invisible: it starts on demand, is keyed by project, toolchain and environment, and
ends when idle. `LITEMILL_WORKER=0` switches it off; where there is none, or it cannot be had, a
stage runs in its own process, with the same result.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from litemill.runtime import unix_socket, worker_socket

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import IO

SWITCH = "LITEMILL_WORKER"
IDLE = "LITEMILL_WORKER_IDLE"
# Seconds that a worker waits for the next stage. A job of continuous integration should be over
# when its build is.
SECONDS, SECONDS_IN_CI = "30", "5"
GONE = (
    "worker: it ended in the middle of the stage; run the build again, "
    f"or without a worker ({SWITCH}=0)"
)
# A worker that cannot be had, or that answers otherwise, is one that is not there.
UNUSABLE = (OSError, ValueError)


def run_in_worker(module: str, settings: Mapping[str, str]) -> int | None:
    """Run `python -m module` in the worker, with this process's arguments and streams.

    Args:
        module: such as stages.
        settings: variables of the environment that TensorFlow is started with.

    Returns:
        The exit status; None where there is no worker, and nothing was run.
    """
    if not _possible():
        return None
    os.environ.update(settings)
    with contextlib.suppress(*UNUSABLE), _connected() as worker, _forwarding() as forward:
        _send(worker, _request(module))
        with worker.makefile("r") as answers:
            if line := answers.readline():
                child = int(line)
                forward(child)
                return _status(answers, child)
    return None


def start_worker(settings: Mapping[str, str]) -> None:
    """Start the worker, and do not wait for it: a stage that needs it will come soon."""
    if _possible():
        os.environ.update(settings)
        with contextlib.suppress(*UNUSABLE):
            path = worker_socket.socket_path()
            if not path.exists():
                _start(path)


def _possible() -> bool:
    # For SO_PEERCRED and sched_setaffinity; elsewhere stages run in their own processes.
    linux = sys.platform.startswith("linux") and hasattr(socket, "send_fds")
    return linux and os.environ.get(SWITCH, "1") != "0"


def _send(worker: socket.socket, request: dict[str, Any]) -> None:
    # Descriptors end what one call receives, so that they go with a byte of their own.
    socket.send_fds(worker, [b" "], [0, 1, 2])
    worker.sendall(json.dumps(request).encode() + b"\n")


def _request(module: str) -> dict[str, Any]:
    umask = os.umask(0)
    os.umask(umask)
    return {
        "module": module,
        "arguments": sys.argv,
        "folder": str(Path.cwd()),
        "environment": {**os.environ, SWITCH: "0"},  # what a worker runs asks no worker
        "umask": umask,
        "processors": sorted(os.sched_getaffinity(0)),
        "limits": worker_socket.limits(),
    }


@contextlib.contextmanager
def _connected() -> Iterator[socket.socket]:
    path = worker_socket.socket_path()
    with socket.socket(socket.AF_UNIX) as worker, unix_socket.short_address(path) as there:
        started, until = None, time.monotonic() + 20
        while True:
            try:
                worker.connect(there)
                break
            except (FileNotFoundError, ConnectionRefusedError):
                started = started or _start(path)
                if started.poll() or time.monotonic() > until:
                    raise
                time.sleep(0.01)
        if not unix_socket.is_same_user(worker):
            raise PermissionError(f"{path}: another user answers there")
        yield worker


def _start(path: Path) -> subprocess.Popen[bytes]:
    # A session of its own, and no stream of the caller's: whoever waits for those must not wait
    # for the worker.
    return subprocess.Popen(
        [sys.executable, "-m", "litemill.runtime.worker_server", str(path), _idle()],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def _idle() -> str:
    # GitHub, GitLab and others set CI to true.
    in_ci = os.environ.get("CI", "").lower() not in ("", "0", "false")
    return os.environ.get(IDLE, SECONDS_IN_CI if in_ci else SECONDS)


@contextlib.contextmanager
def _forwarding() -> Iterator[Callable[[int], None]]:
    """Pass signals on: the terminal sends Ctrl-C to this process, not to the worker's child.

    Yields a function that takes the child's process id; signals that came before wait for it.
    """
    came: list[int] = []
    children: list[int] = []

    def forward(number: int, _: object = None) -> None:
        came.append(number)
        for child in children:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child, number)

    def known(child: int) -> None:
        children.append(child)
        for number in tuple(came):
            forward(number)

    kinds = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]
    heeded = [kind for kind in kinds if signal.getsignal(kind) is not signal.SIG_IGN]
    before = {kind: signal.signal(kind, forward) for kind in heeded}
    try:
        yield known
    finally:
        for kind, handler in before.items():
            signal.signal(kind, handler)
        if came and not children:
            signal.raise_signal(came[0])  # nobody was there to take it


def _status(answers: IO[str], child: int) -> int:
    """Return the exit status as a shell would: a signal's number counts from 128."""
    with contextlib.suppress(OSError):
        if line := answers.readline():
            status = int(line.removeprefix("="))
            return status if status >= 0 else 128 - status
    with contextlib.suppress(OSError):  # the stage ended with the worker; what it started may not
        os.killpg(child, signal.SIGKILL)
    print(GONE, file=sys.stderr)
    return 1
