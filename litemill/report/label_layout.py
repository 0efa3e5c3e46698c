"""Place the names in a chart so that they overlap nothing."""

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
    """A stretch of a line, in pixels, with the `room` that it needs above and below."""

    left: float
    right: float
    y: float
    room: float = GAP

    def blocks(self, name: Interval, line: float) -> bool:
        """Return whether a name on that line would overlap it."""
        beside = name.left > self.right or name.right < self.left
        return not beside and abs(line - self.y) < self.room


def free_line(occupied: Sequence[Sequence[Interval]], frame: Frame, name: Interval) -> float:
    """Find the line for a name that is nearest to its own, above rather than below.

    Args:
        occupied: what it must not overlap; where no line is free of all, what it must not overlap
            at least, and so on.
        frame: what it must be within.
        name: its own place.

    Returns:
        Its own line where there is no free one.
    """
    lines = [name.y + sign * step for step in range(frame.height) for sign in (-1, 1)]
    inside = [line for line in lines if frame.top < line < frame.floor]
    for intervals in occupied:
        for line in inside:
            if not any(interval.blocks(name, line) for interval in intervals):
                return line
    return name.y
