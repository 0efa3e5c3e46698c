"""The local engine: points on the cores of this machine."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from litemill.sweep.pool import Pool
from litemill.sweep.pool_child import import_libraries

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from litemill.config.schema.variant import Variant
    from litemill.sweep.pool_child import Tell
    from litemill.sweep.task import Outcome, Task


class Local(Pool):
    """Computes tasks; TensorFlow is imported when there is a first one. Use as a context."""

    def __init__(
        self,
        build: Path,
        known: Callable[[str, Variant], bool],
        *,
        workers: int | None,
        seconds: float,
    ) -> None:
        """Hold the artifacts, which files were measured, and the bounds."""
        self._build, self._known, self._ready = build, known, False
        super().__init__(self._compute, workers or len(os.sched_getaffinity(0)), seconds)

    def run(self, tasks: Iterable[Task]) -> Iterator[tuple[Task, Outcome]]:
        """Compute tasks, and give each outcome as soon as it is there."""
        waiting = iter(tasks)
        following = next(waiting, None)
        if following is not None and not self._ready:
            import_libraries(self._build)
            self._ready = True
        while following is not None or self.busy:
            while following is not None and self.free:
                self.give(following)
                following = next(waiting, None)
            yield from self.wait()

    def _compute(self, task: Task, tell: Tell) -> Outcome:
        from litemill.sweep.job import compute_point

        return compute_point(task, self._build, self._known, tell)
