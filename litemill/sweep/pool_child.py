"""What the processes of a pool share, and what each does: one task after the other."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import importlib
import os
import signal
import sys
import traceback
from collections.abc import Callable
from typing import IO, TYPE_CHECKING, NoReturn

from litemill.config.parameters import parameters
from litemill.config.schema.numerics import Numerics
from litemill.runtime import environment, tensorflow_import
from litemill.runtime.capture_output import capture_output
from litemill.sweep.failure import failure_of
from litemill.sweep.task import Outcome, Task

if TYPE_CHECKING:
    from multiprocessing.connection import Connection
    from pathlib import Path

LIBRARIES = (
    "tensorflow",
    "keras",
    "tensorflow.lite.python.lite",
    "ai_edge_litert.interpreter",
    "litemill.sweep.job",
)
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


def serve(line: Connection, log: IO[bytes], work: Work) -> NoReturn:
    """Be a child: answer tasks until the parent closes the line.

    What is sent is a pair: whether the task is done, and its outcome.
    """
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
        with contextlib.suppress(EOFError):
            while True:
                task = line.recv()
                log.truncate(0)
                log.seek(0)
                line.send((True, _outcome(work, task, lambda made: line.send((False, made)))))
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
