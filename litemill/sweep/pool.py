"""Processes that compute points, forked from one that has imported TensorFlow.

A child computes point after point, so that what TensorFlow sets up once is paid once; after `TURNS`
of them another takes its place, so that memory stays bounded. A child that crashes or takes too
long costs the point that it was at. The parent must run nothing of TensorFlow: its threads would
not survive the fork.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import importlib
import os
import select
import shutil
import signal
import socket
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import IO, TYPE_CHECKING, Any, NoReturn, Self

from litemill.config.parameters import parameters
from litemill.config.schema.numerics import Numerics
from litemill.runtime import environment, tensorflow_import
from litemill.runtime.capture_output import capture_output
from litemill.sweep.failure import exit_reason, failure_of
from litemill.sweep.pickle_stream import receive, send, take_value
from litemill.sweep.task import Outcome, Task

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

TURNS = 32  # points that a child computes
LIBRARIES = (
    "tensorflow",
    "keras",
    "tensorflow.lite.python.lite",
    "ai_edge_litert.interpreter",
    "litemill.sweep.job",
)
TOLD = 200  # letters of what a crashing process said last
Tell = Callable[[Outcome], None]
Work = Callable[[Task, Tell], Outcome]


def import_libraries(build: Path) -> None:
    """Import all that children need, once, under the settings of the configuration."""
    os.environ.update(
        environment.tensorflow_environment(
            parameters(Numerics, "numerics", path=build / "params.json")
        )
    )
    with capture_output(), tensorflow_import.fast_imports():
        for library in LIBRARIES:
            importlib.import_module(library)
    gc.collect()
    gc.freeze()  # a child that collects garbage would copy every page


@dataclass
class _Child:
    """A process, seen from its parent."""

    pid: int
    line: socket.socket
    log: IO[bytes]  # what it prints
    turns: int = 0
    task: Task | None = None
    made: Outcome | None = None  # the task's file, once there is one
    until: float = 0.0  # when the task has taken too long
    received: bytearray = field(default_factory=bytearray)


class Pool:
    """At most `workers` processes. Use as a context; whatever runs at its end is ended."""

    def __init__(self, work: Work, workers: int, seconds: float) -> None:
        """Hold what to do, on how many points at a time, and how long each may take.

        Args:
            work: computes a task. What it is given tells of a file before it is measured: that is
                then known, whatever becomes of the process.
            workers: at a time.
            seconds: for each.
        """
        self._work, self._workers, self._seconds = work, workers, seconds
        self._children: list[_Child] = []
        self._folder = ""

    def __enter__(self) -> Self:
        """Begin; processes start with their first task."""
        self._folder = tempfile.mkdtemp(prefix="litemill-")
        return self

    def __exit__(self, *_: object) -> None:
        """End every process, at once, and remove their temporary files."""
        for child in list(self._children):
            self._end(child)
        shutil.rmtree(self._folder, ignore_errors=True)

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
        child.task, child.made, child.until = task, None, time.monotonic() + self._seconds
        with contextlib.suppress(OSError):  # a child that is gone is found by `wait`
            send(child.line, task)

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
                late = Outcome(error=f"no answer within {self._seconds:g} s; ended")
                found.append((child.task, _of(child.made, late)))
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
        status = self._end(child)
        crashed = status != -signal.SIGKILL  # which is the system's, for want of memory
        return task, _of(child.made, Outcome(error=exit_reason(status) + said, crashed=crashed))

    def _complete(self, child: _Child) -> tuple[Task, Outcome] | None:
        """Take what was received, once it is whole; give the task's outcome when that is there."""
        while (message := take_value(child.received)) is not None:
            last, outcome = message
            if last:
                return self._done(child, outcome)
            child.made = outcome
        return None

    def _done(self, child: _Child, outcome: Outcome) -> tuple[Task, Outcome]:
        task, made = child.task, child.made
        assert task is not None
        child.task = child.made = None
        child.turns += 1
        if task.alone or child.turns >= TURNS:
            self._end(child)
        return task, _of(made, outcome)

    def _forked(self) -> _Child:
        here, there = socket.socketpair()
        log = tempfile.TemporaryFile()  # noqa: SIM115  # closed with the child
        pid = os.fork()
        if pid == 0:
            here.close()
            for child in self._children:
                child.line.close()  # or nobody would notice that the parent is gone
            tempfile.tempdir = os.environ["TMPDIR"] = self._folder
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


def _serve(line: socket.socket, log: IO[bytes], work: Work) -> NoReturn:
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
        while (task := receive(line)) is not None:
            log.truncate(0)
            log.seek(0)
            send(line, (True, _outcome(work, task, lambda made: send(line, (False, made)))))
        status = 0
    finally:
        os._exit(status)


def _end_with_parent() -> None:
    """Be killed when the parent is, in the middle of a point too; where the system can do it."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


def _outcome(work: Work, task: Task, tell: Tell) -> Outcome:
    try:
        return work(task, tell)
    except Exception as error:  # noqa: BLE001  # whatever it is, it is this point's alone
        traceback.print_exc()
        return failure_of(error, f"{task.point}: ")


def _of(made: Outcome | None, outcome: Outcome) -> Outcome:
    """Return the outcome of a point whose file is there, or not: a later end keeps the file."""
    if made is None:
        return outcome
    return replace(outcome, file=made.file, content=made.content, lasting=False)


def _last(log: IO[bytes]) -> str:
    """Return what a process said last, as the rest of a sentence."""
    size = os.fstat(log.fileno()).st_size
    text = os.pread(log.fileno(), 4096, max(0, size - 4096)).decode("utf-8", "replace")
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return f"; it said: {lines[-1][:TOLD]}" if lines else ""
