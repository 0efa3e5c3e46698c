"""Processes that compute points, forked from one that has imported TensorFlow.

A child computes point after point, so that what TensorFlow sets up once is paid once; after `TURNS`
of them another takes its place, so that memory stays bounded. A child that crashes or takes too
long costs the point that it was at. The parent must run nothing of TensorFlow: its threads would
not survive the fork.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import gc
import importlib
import os
import pickle
import select
import signal
import socket
import struct
import sys
import tempfile
import time
import traceback
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING, Any, NoReturn, Self

from stages import runtime
from stages.run import parameters
from stages.schema.numerics import Numerics
from stages.sweeping.task import Outcome, Task

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

TURNS = 32  # points that a child computes
LIBRARIES = (
    "tensorflow",
    "keras",
    "tensorflow.lite.python.lite",
    "ai_edge_litert.interpreter",
    "stages.sweeping.job",
)
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
TOLD = 200  # letters of what a crashing process said last


def imported(build: Path) -> None:
    """Import all that children need, once, under the settings of the configuration."""
    os.environ.update(
        runtime.settings(parameters(Numerics, "numerics", path=build / "params.yaml"))
    )
    with tempfile.TemporaryFile() as log, _redirected(log):
        for library in LIBRARIES:
            importlib.import_module(library)
    gc.collect()
    gc.freeze()  # a child that collects garbage would copy every page


@contextlib.contextmanager
def _redirected(log: IO[bytes]) -> Iterator[None]:
    kept = [os.dup(stream) for stream in (1, 2)]
    for stream in (1, 2):
        os.dup2(log.fileno(), stream)
    try:
        yield
    finally:
        for stream, original in zip((1, 2), kept, strict=True):
            os.dup2(original, stream)
            os.close(original)


@dataclass
class _Child:
    """A process, seen from its parent."""

    pid: int
    line: socket.socket
    log: IO[bytes]  # what it prints
    turns: int = 0
    task: Task | None = None
    until: float = 0.0  # when the task has taken too long
    received: bytearray = field(default_factory=bytearray)


class Pool:
    """At most `workers` processes. Use as a context; whatever runs at its end is ended."""

    def __init__(self, work: Callable[[Task], Outcome], workers: int, seconds: float) -> None:
        """Hold what to do, on how many points at a time, and how long each may take."""
        self._work, self._workers, self._seconds = work, workers, seconds
        self._children: list[_Child] = []

    def __enter__(self) -> Self:
        """Begin; processes start with their first task."""
        return self

    def __exit__(self, *_: object) -> None:
        """End every process, at once."""
        for child in list(self._children):
            self._end(child)

    @property
    def free(self) -> int:
        """How many more tasks can be given now."""
        return self._workers - self.busy

    @property
    def busy(self) -> int:
        """How many tasks are being worked on."""
        return sum(child.task is not None for child in self._children)

    def give(self, task: Task) -> None:
        """Start a task; only while one is `free`."""
        idle = [child for child in self._children if child.task is None]
        child = next((one for one in idle if not (task.alone and one.turns)), None)
        if child is None:
            for one in idle[: len(self._children) - self._workers + 1]:
                self._end(one)
            child = self._forked()
        child.task, child.until = task, time.monotonic() + self._seconds
        with contextlib.suppress(OSError):  # a child that is gone is found by `wait`
            _send(child.line, task)

    def wait(self, also: Sequence[Any] = (), seconds: float = 1.0) -> list[tuple[Task, Outcome]]:
        """Wait until a task is done, something of `also` can be read, or seconds went by."""
        lines = {child.line: child for child in self._children if child.task}
        soonest = min((child.until for child in lines.values()), default=float("inf"))
        patience = max(0.0, min(seconds, soonest - time.monotonic()))
        readable, _, _ = select.select([*lines, *also], [], [], patience)
        done = [self._heard(lines[line]) for line in readable if line in lines]
        found = [one for one in done if one is not None]
        for child in list(self._children):
            if child.task is not None and time.monotonic() > child.until:
                found.append((child.task, _error(f"no answer within {self._seconds:g} s; ended")))
                self._end(child)
        return found

    def _heard(self, child: _Child) -> tuple[Task, Outcome] | None:
        assert child.task is not None
        with contextlib.suppress(ConnectionError):
            if block := child.line.recv(1 << 20):
                child.received += block
                return self._complete(child)
        # It closed its line, so it is ending by itself; its status tells how.
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        task, said = child.task, _last(child.log)
        return task, _error(_how_it_ended(self._end(child)) + said)

    def _complete(self, child: _Child) -> tuple[Task, Outcome] | None:
        size = struct.calcsize("Q")
        if len(child.received) < size:
            return None
        (length,) = struct.unpack_from("Q", child.received)
        if len(child.received) < size + length:
            return None
        outcome: Outcome = pickle.loads(child.received[size:])  # noqa: S301  # our own child's
        task = child.task
        assert task is not None
        child.task, child.received = None, bytearray()
        child.turns += 1
        if task.alone or child.turns >= TURNS:
            self._end(child)
        return task, outcome

    def _forked(self) -> _Child:
        here, there = socket.socketpair()
        log = tempfile.TemporaryFile()  # noqa: SIM115  # closed with the child
        pid = os.fork()
        if pid == 0:
            here.close()
            for child in self._children:
                child.line.close()  # or nobody would notice that the parent is gone
            _serve(there, log, self._work)
        there.close()
        with contextlib.suppress(OSError):
            os.setpgid(pid, pid)  # the child does so too: whoever is first
        child = _Child(pid, here, log)
        self._children.append(child)
        return child

    def _end(self, child: _Child) -> int:
        """End a process with all that it started, and give its status."""
        self._children.remove(child)
        child.line.close()
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(child.pid, signal.SIGKILL)
        _, status = os.waitpid(child.pid, 0)
        child.log.close()
        return os.waitstatus_to_exitcode(status)


def _serve(line: socket.socket, log: IO[bytes], work: Callable[[Task], Outcome]) -> NoReturn:
    """Be a child: answer tasks until the parent closes the line."""
    status = 1
    try:
        os.setpgid(0, 0)  # Ctrl-C is the parent's
        _end_with_parent()
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        for stream in (1, 2):
            os.dup2(log.fileno(), stream)
        null = os.open(os.devnull, os.O_RDONLY)
        os.dup2(null, 0)
        while (task := _receive(line)) is not None:
            log.truncate(0)
            log.seek(0)
            _send(line, _outcome(work, task))
        status = 0
    finally:
        os._exit(status)


def _end_with_parent() -> None:
    """Be killed when the parent is, in the middle of a point too; where the system can do it."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


def _outcome(work: Callable[[Task], Outcome], task: Task) -> Outcome:
    try:
        return work(task)
    except Exception as error:  # noqa: BLE001  # whatever it is, it is this point's alone
        if isinstance(error, OSError) and error.errno in FULL:
            return Outcome(error=os.strerror(error.errno), full=True)
        traceback.print_exc()
        told = " ".join(f"{type(error).__name__}: {error}".split())
        return _error(told[:TOLD])


def _send(line: socket.socket, value: object) -> None:
    block = pickle.dumps(value)
    line.sendall(struct.pack("Q", len(block)) + block)


def _receive(line: socket.socket) -> Any:
    head = _exactly(line, struct.calcsize("Q"))
    block = None if head is None else _exactly(line, struct.unpack("Q", head)[0])
    return None if block is None else pickle.loads(block)  # noqa: S301  # our own parent's


def _exactly(line: socket.socket, size: int) -> bytes | None:
    found = b""
    while len(found) < size:
        block = line.recv(size - len(found))
        if not block:
            return None
        found += block
    return found


def _error(told: str) -> Outcome:
    return Outcome(error=told)


def _how_it_ended(status: int) -> str:
    if status < 0:
        return f"its process was ended by {signal.Signals(-status).name}"
    return f"its process ended with status {status}"


def _last(log: IO[bytes]) -> str:
    """Give what a process said last, as the rest of a sentence."""
    size = os.fstat(log.fileno()).st_size
    text = os.pread(log.fileno(), 4096, max(0, size - 4096)).decode("utf-8", "replace")
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return f"; it said: {lines[-1][:TOLD]}" if lines else ""
