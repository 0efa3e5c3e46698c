"""Where the names in a chart go, so that they run into nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from litemill.report.axes import Frame

GAP = 14  # pixels at least between the middles of two lines of text, or of a line and a mark
RULE = 8  # the same, between a line of text and a line that is drawn


@dataclass(frozen=True)
class Interval:
    """A stretch of a line, in pixels, that keeps others away: `room` above it and below."""

    left: float
    right: float
    y: float
    room: float = GAP

    def blocks(self, name: Interval, line: float) -> bool:
        """Tell whether a name would run into it, were it on that line."""
        beside = name.left > self.right or name.right < self.left
        return not beside and abs(line - self.y) < self.room


def free_line(taken: Sequence[Interval], frame: Frame, name: Interval) -> float:
    """Find the line for a name that is nearest to its own, above rather than below.

    Args:
        taken: what it may not run into.
        frame: what it has to be within.
        name: where it would be.

    Returns:
        Its own line where there is no free one.
    """
    for line in (name.y + sign * step for step in range(frame.height) for sign in (-1, 1)):
        inside = frame.top < line < frame.floor
        if inside and not any(one.blocks(name, line) for one in taken):
            return line
    return name.y
