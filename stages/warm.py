"""Stages that need TensorFlow, handed to a worker that has imported it already.

The worker is invisible: it starts on demand, is keyed by project, toolchain and environment, and
ends when idle. `LITEMILL_WORKER=0` switches it off; where there is none, or it cannot be had, a
stage runs in its own process, with the same result.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

SWITCH = "LITEMILL_WORKER"
IDLE = "LITEMILL_WORKER_IDLE"
SECONDS = "30"  # that a worker waits for the next stage
# What libraries read while they are loaded; a worker that was started with others is another one.
LOADED = (
    "CUDA", "DNNL", "GLIBC", "HOME", "KERAS", "LANG", "LC_", "LD_", "MALLOC", "MKL", "NPY", "OMP",
    "ONEDNN", "OPENBLAS", "PYTHON", "TF_", "TZ", "VIRTUAL_ENV", "XLA",
)  # fmt: skip


def run(module: str, settings: Mapping[str, str]) -> int | None:
    """Run `python -m module` in the worker, with this process's arguments and streams.

    Args:
        module: such as stages.train.
        settings: variables of the environment that TensorFlow is started with.

    Returns:
        The exit status; None where there is no worker, and nothing was run.
    """
    if not _possible():
        return None
    os.environ.update(settings)
    with contextlib.suppress(OSError, ValueError), _connected() as worker:
        request = json.dumps(_request(module)).encode()
        with _forwarding() as forward:
            socket.send_fds(worker, [request], [0, 1, 2])
            with worker.makefile("r") as answers, contextlib.suppress(ConnectionError):
                if child := answers.readline():
                    forward(int(child))
                    return _status(answers.readline())
    return None


def ahead(settings: Mapping[str, str]) -> None:
    """Start the worker, and do not wait for it: a stage that needs it will come soon."""
    if _possible():
        os.environ.update(settings)
        with contextlib.suppress(OSError):
            path = _socket()
            if not path.exists():
                _start(path)


def _possible() -> bool:
    return os.environ.get(SWITCH, "1") != "0" and hasattr(socket, "send_fds") and _linux()


def _linux() -> bool:
    # SO_PEERCRED and sched_setaffinity; elsewhere stages run in their own processes.
    return sys.platform == "linux"


def _request(module: str) -> dict[str, Any]:
    import resource

    kinds = [kind for name, kind in vars(resource).items() if name.startswith("RLIMIT_")]
    umask = os.umask(0)
    os.umask(umask)
    return {
        "module": module,
        "arguments": sys.argv,
        "folder": str(Path.cwd()),
        "environment": {**os.environ, SWITCH: "0"},  # what a worker runs asks no worker
        "umask": umask,
        "processors": sorted(os.sched_getaffinity(0)),
        "limits": [(kind, resource.getrlimit(kind)) for kind in sorted(set(kinds))],
    }


@contextlib.contextmanager
def _connected() -> Iterator[socket.socket]:
    path = _socket()
    with socket.socket(socket.AF_UNIX) as worker:
        started, until = False, time.monotonic() + 20
        while True:
            try:
                worker.connect(str(path))
                break
            except (FileNotFoundError, ConnectionRefusedError):
                if not started:
                    _start(path)
                    started = True
                if time.monotonic() > until:
                    raise
                time.sleep(0.01)
        yield worker


def _start(path: Path) -> None:
    # A session of its own, and no stream of the caller's: whoever waits for those must not wait
    # for the worker.
    subprocess.Popen(
        [sys.executable, "-m", "stages.worker", str(path), os.environ.get(IDLE, SECONDS)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def _socket() -> Path:
    folder = Path(tempfile.gettempdir()) / f"litemill-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    if found.st_uid != os.getuid() or found.st_mode & 0o077 or folder.is_symlink():
        raise PermissionError(f"{folder} is not this user's alone")
    return folder / f"{_key()}.sock"


def _key() -> str:
    installed = metadata.distribution("tensorflow")
    files = Path(str(installed.locate_file("."))).stat()
    known = {
        "project": str(Path.cwd().resolve()),
        "python": sys.executable,
        "tensorflow": installed.version,
        "environment": files.st_mtime_ns,  # of site-packages: installing anything changes it
        "variables": {k: v for k, v in sorted(os.environ.items()) if k.startswith(LOADED)},
    }
    return hashlib.sha256(json.dumps(known, sort_keys=True).encode()).hexdigest()[:24]


@contextlib.contextmanager
def _forwarding() -> Iterator[Callable[[int], None]]:
    """Pass signals on: the terminal sends Ctrl-C to this process, not to the worker's child.

    Gives a function that takes the child's process id; signals that came before wait for it.
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

    kinds = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {kind: signal.signal(kind, forward) for kind in kinds}
    try:
        yield known
    finally:
        for kind, handler in before.items():
            signal.signal(kind, handler)


def _status(line: str) -> int:
    """Give the exit status as a shell would: a signal's number counts from 128."""
    if not line:
        return 1  # the worker is gone, and so is the stage
    status = int(line)
    return status if status >= 0 else 128 - status
