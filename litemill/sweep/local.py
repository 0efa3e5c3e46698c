"""The local engine: points on the cores of this machine."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Self

from litemill.sweep.job import compute_point
from litemill.sweep.pool import Pool, import_libraries

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from litemill.config.schema.variant import Variant
    from litemill.sweep.task import Outcome, Task


class Local:
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
        self._build, self._ready = build, False
        count = workers or len(os.sched_getaffinity(0))
        self._pool = Pool(
            lambda task, tell: compute_point(task, build, known, tell), count, seconds
        )

    def __enter__(self) -> Self:
        """Begin."""
        self._pool.__enter__()
        return self

    def __exit__(self, *what: object) -> None:
        """End what still runs."""
        self._pool.__exit__(*what)

    def run(self, tasks: Iterable[Task]) -> Iterator[tuple[Task, Outcome]]:
        """Compute tasks, and give each outcome as soon as it is there."""
        waiting = iter(tasks)
        following = next(waiting, None)
        if following is not None and not self._ready:
            import_libraries(self._build)
            self._ready = True
        while following is not None or self._pool.busy:
            while following is not None and self._pool.free:
                self._pool.give(following)
                following = next(waiting, None)
            yield from self._pool.wait()
