"""How far long work is: a bar with the time left on a terminal, a line now and then elsewhere.

Written to the standard error that the process had before its output was captured: DVC hands its
own terminal to the stages, and so `dvc repro` shows it.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from typing import TYPE_CHECKING, Any, Self

from litemill.runtime.capture_output import original_stderr

if TYPE_CHECKING:
    from typing import TextIO

OFF = "LITEMILL_PROGRESS"  # the variable that is 0 where one command shows many pieces of work
EVERY = 30.0  # seconds between two lines of a log
FIRST = 1.0  # seconds before a bar appears: most work is done by then
REDRAWN = 0.1  # seconds between two looks of a bar


class Progress:
    """Counts units of work, from any thread. Use as a context.

    It is drawn by the thread that counts: a process that forks must have no thread for it.
    """

    def __init__(self, name: str, total: int, unit: str = "samples") -> None:
        """Begin to count; nothing is shown yet.

        Args:
            name: what is being done, such as `validate int8`.
            total: how many units there are.
            unit: what they are.
        """
        self._name, self._total, self._unit = name, total, unit
        self._done = 0
        self._lock = threading.Lock()
        self._started = self._shown = time.monotonic()
        self._bar: Any = None

    def __enter__(self) -> Self:
        """Find out where to write."""
        self._stream: TextIO = os.fdopen(os.dup(original_stderr()), "w", buffering=1)
        self._terminal = self._stream.isatty()
        self._silent = os.environ.get(OFF) == "0"
        return self

    def __exit__(self, *_: object) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None
        with contextlib.suppress(OSError):
            self._stream.close()

    def advance(self, count: int = 1) -> None:
        """Count some units as done; show it where it is time."""
        with self._lock:
            self._done += count
            now = time.monotonic()
            if self._silent or now - self._shown < self._interval():
                return
            self._shown = now
            with contextlib.suppress(OSError):  # whoever listened may be gone
                self._draw() if self._terminal else self._tell()

    def _interval(self) -> float:
        if not self._terminal:
            return EVERY
        return FIRST if self._bar is None else REDRAWN

    def _tell(self) -> None:
        self._stream.write(f"{self._name}: {self._done} of {self._total} {self._unit}")
        self._stream.write(f", {duration(self._left())} left\n")

    def _left(self) -> float:
        elapsed = time.monotonic() - self._started
        return max(0.0, elapsed / max(1, self._done) * (self._total - self._done))

    def _draw(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
        from rich.progress import Progress as Bar

        if self._bar is None:
            self._bar = Bar(
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TextColumn(f"{self._unit}, {{task.fields[left]}} left"),
                console=Console(file=self._stream),
                auto_refresh=False,
                transient=True,
                redirect_stdout=False,
                redirect_stderr=False,
            )
            self._task = self._bar.add_task(self._name, total=self._total, left="")
            self._bar.start()
        self._bar.update(self._task, completed=self._done, left=duration(self._left()))
        self._bar.refresh()


def duration(seconds: float) -> str:
    """Write seconds as 1:05 or 2:01:05."""
    whole = round(seconds)
    hours, rest = divmod(whole, 3600)
    return f"{hours}:{rest // 60:02}:{rest % 60:02}" if hours else f"{rest // 60}:{rest % 60:02}"
