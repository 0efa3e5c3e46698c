"""Processes that compute points, forked from one that has imported TensorFlow.

A child computes point after point, so that what TensorFlow sets up once is paid once; after `TURNS`
of them another takes its place, so that memory stays bounded. A child that crashes or takes too
long costs the point that it was at. The parent must run nothing of TensorFlow: its threads would
not survive the fork.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import tempfile
import time
from dataclasses import dataclass, replace
from multiprocessing import Pipe, connection
from typing import IO, TYPE_CHECKING, Any, Self

from litemill.core.errors import last_line
from litemill.sweep.failure import exit_reason
from litemill.sweep.pool_child import serve
from litemill.sweep.task import Outcome, Task

if TYPE_CHECKING:
    from collections.abc import Sequence
    from multiprocessing.connection import Connection

    from litemill.sweep.pool_child import Work

TURNS = 32  # points that a child computes
TOLD = 200  # letters of what a crashing process said last


@dataclass
class _Child:
    """A process, seen from its parent."""

    pid: int
    line: Connection
    log: IO[bytes]  # what it prints
    turns: int = 0
    task: Task | None = None
    made: Outcome | None = None  # the task's file, once there is one
    until: float = 0.0  # when the task has taken too long


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
            child.line.send(task)

    def wait(self, also: Sequence[Any] = (), seconds: float = 1.0) -> list[tuple[Task, Outcome]]:
        """Wait until a task is done, something of `also` can be read, or seconds went by."""
        lines = {child.line: child for child in self._children if child.task}
        soonest = min((child.until for child in lines.values()), default=float("inf"))
        patience = max(0.0, min(seconds, soonest - time.monotonic()))
        readable = connection.wait([*lines, *also], patience)
        done = [self._heard(lines[line]) for line in lines if line in readable]
        found = [one for one in done if one is not None]
        for child in list(self._children):
            if child.task is not None and time.monotonic() > child.until:
                late = Outcome(error=f"no answer within {self._seconds:g} s; ended")
                found.append((child.task, _of(child.made, late)))
                self._end(child)
        return found

    def _heard(self, child: _Child) -> tuple[Task, Outcome] | None:
        """Take what a child says: of a file that it made, or of its task, which is done then."""
        task, made = child.task, child.made
        assert task is not None
        try:
            is_last, outcome = child.line.recv()
        except (EOFError, ConnectionError):
            # It closed its line, so it is ending by itself; its status tells how.
            os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
            said = _last(child.log)
            status = self._end(child)
            crashed = status != -signal.SIGKILL  # which is the system's, for want of memory
            return task, _of(made, Outcome(error=exit_reason(status) + said, crashed=crashed))
        if not is_last:
            child.made = outcome
            return None
        child.task = child.made = None
        child.turns += 1
        if task.alone or child.turns >= TURNS:
            self._end(child)
        return task, _of(made, outcome)

    def _forked(self) -> _Child:
        here, there = Pipe()
        log = tempfile.TemporaryFile()  # noqa: SIM115  # closed with the child
        pid = os.fork()
        if pid == 0:
            here.close()
            for child in self._children:
                child.line.close()  # or nobody would notice that the parent is gone
            tempfile.tempdir = os.environ["TMPDIR"] = self._folder
            serve(there, log, self._work)
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


def _of(made: Outcome | None, outcome: Outcome) -> Outcome:
    """Return the outcome of a point whose file is there, or not: a later end keeps the file."""
    if made is None:
        return outcome
    return replace(outcome, file=made.file, content=made.content, lasting=False)


def _last(log: IO[bytes]) -> str:
    """Return what a process said last, as the rest of a sentence."""
    size = os.fstat(log.fileno()).st_size
    text = os.pread(log.fileno(), 4096, max(0, size - 4096)).decode("utf-8", "replace")
    said = last_line(text)
    return f"; it said: {said[:TOLD]}" if said else ""
