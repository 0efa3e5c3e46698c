"""One point computed: converted, read back, measured, by the code of the stages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from litemill.sweep.conversion import convert_point
from litemill.sweep.measuring import measure_point
from litemill.sweep.task import Outcome, Task

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from litemill.config.schema.variant import Variant


def compute_point(
    task: Task,
    build: Path,
    known: Callable[[str, Variant], bool],
    tell: Callable[[Outcome], None] = lambda made: None,  # noqa: ARG005
) -> Outcome:
    """Convert, read back and measure; of a file that was made before, measure alone.

    Args:
        task: the point.
        build: folder with the artifacts of prepare, train and export, and params.yaml.
        known: whether the file of that SHA-256 was measured already.
        tell: is given a file that was made, with its content, before it is measured: this process
            may not survive that.
    """
    made, content = Outcome(task.file), task.content
    if content is None:
        made = convert_point(task.point, task.variant, build)
        content = made.content
    if made.file is None or content is None or known(made.file["sha256"], task.variant):
        return made
    tell(made)
    return Outcome(made.file, measured=measure_point(content, task, build))
