"""How far a sweep is: a bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any, Self, TextIO

if TYPE_CHECKING:
    from litemill.sweep.executor import PointResult

EVERY = 10.0  # seconds between two lines


class Progress:
    """Counts points. Use as a context.

    On a terminal: a bar with how many are done, failed, the rate and the time left. It is drawn
    when a point is done, by this thread: the process is forked, and other threads would not
    come along.
    """

    def __init__(self, stream: TextIO = sys.stderr) -> None:
        """Hold where to write."""
        self._stream = stream
        self._total = self._done = self._failed = self._fresh = 0
        self._first = self._told = time.monotonic()
        self._bar: Any = None
        self._task: Any = None

    def __enter__(self) -> Self:
        """Begin."""
        self._first = self._told = time.monotonic()
        if self._stream.isatty():
            self._bar = _bar(self._stream)
            self._bar.start()
            self._task = self._bar.add_task("", total=None, text="looking for what is known")
        return self

    def __exit__(self, *_: object) -> None:
        """End, and leave the terminal as it was."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def expect(self, total: int) -> None:
        """Say how many points there are that can be made."""
        self._total = total
        self._draw()

    def tell(self, found: PointResult, fresh: bool) -> None:  # noqa: FBT001  # called as a callback
        """Count a point; `fresh` is one that was computed just now. Refused ones take no time."""
        if found.status == "refused":
            return
        self._done += 1
        self._failed += found.status == "failed"
        self._fresh += fresh
        if fresh and self._fresh == 1:
            self._first = time.monotonic()
        if self._bar is not None:
            # Known points come by the thousand in a moment.
            if fresh or self._done % 10 == 0 or self._done == self._total:
                self._draw()
        elif time.monotonic() - self._told >= EVERY:
            self._told = time.monotonic()
            self._stream.write(f"sweep: {self._done} of {self._total} points{self._words()}\n")
            self._stream.flush()

    def _draw(self) -> None:
        if self._bar is not None:
            text = self._words().strip(", ")
            if not self._fresh and self._done < self._total:
                text = "starting"  # which takes seconds, for TensorFlow
            self._bar.update(self._task, total=self._total, completed=self._done, text=text)
            self._bar.refresh()

    def _words(self) -> str:
        """Describe failures, the rate of computed points, and the time that is left."""
        problem = f", {self._failed} failed" if self._failed else ""
        seconds = time.monotonic() - self._first
        # Since the first one, before which TensorFlow is imported.
        if self._fresh > 1 and seconds > 0:
            rate = (self._fresh - 1) / seconds
            left = max(0, self._total - self._done) / rate
            problem += f", {rate:.1f} a second, {_duration(left)} left"
        return problem


def _duration(seconds: float) -> str:
    whole = round(seconds)
    hours, rest = divmod(whole, 3600)
    return f"{hours}:{rest // 60:02}:{rest % 60:02}" if hours else f"{rest // 60}:{rest % 60:02}"


def _bar(stream: TextIO) -> Any:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
    from rich.progress import Progress as Bar

    return Bar(
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[text]}"),
        console=Console(file=stream),
        auto_refresh=False,
        transient=True,
        redirect_stdout=False,
        redirect_stderr=False,
    )
