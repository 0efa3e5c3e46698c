"""The axes of a chart as SVG: from data to pixels, ticks, and a grid."""

from __future__ import annotations

import math
from dataclasses import dataclass
from html import escape

TICKS = 5  # at most, on an axis


@dataclass(frozen=True)
class Scale:
    """From data to pixels, linear."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        """Convert a value to pixels."""
        share = (value - self.low) / (self.high - self.low)
        return round(self.start + share * (self.end - self.start), 1)

    def ticks(self) -> list[float]:
        """Return multiples of 1, 2 or 5 times a power of ten in range: at most `TICKS`."""
        span = self.high - self.low
        unit = 10.0 ** math.floor(math.log10(span / (TICKS - 1)))
        steps = (unit * factor for factor in (1, 2, 5, 10, 20))
        step = next(step for step in steps if span / step <= TICKS)
        first, last = math.ceil(self.low / step), math.floor(self.high / step)
        return [count * step for count in range(first, last + 1)]


@dataclass(frozen=True)
class Frame:
    """The size of a chart in pixels, and its margins around the data."""

    width: int
    height: int
    left: int
    right: int
    top: int
    bottom: int

    @property
    def box(self) -> str:
        """The `viewBox` of the SVG."""
        return f"0 0 {self.width} {self.height}"

    @property
    def end(self) -> int:
        """The right edge of the data."""
        return self.width - self.right

    @property
    def floor(self) -> int:
        """The lower edge of the data."""
        return self.height - self.bottom

    def across(self, low: float, high: float) -> Scale:
        """Return the horizontal scale."""
        return Scale(low, high, self.left, self.end)

    def up(self, low: float, high: float) -> Scale:
        """Return the vertical scale."""
        return Scale(low, high, self.floor, self.top)

    def axes(self, across: Scale, up: Scale, *, below: str, above: str) -> list[str]:
        """Draw ticks and grid, with the titles of both axes: `below` and `above` the data."""
        return [
            *(
                f'<line class="grid" x1="{self.left}" x2="{self.end}" y1="{up(t)}" y2="{up(t)}"/>'
                f'<text x="{self.left - 6}" y="{up(t) + 4:.1f}" text-anchor="end">{t:.6g}</text>'
                for t in up.ticks()
            ),
            *(
                f'<text x="{across(t)}" y="{self.floor + 17}" text-anchor="middle">{t:.6g}</text>'
                for t in across.ticks()
            ),
            f'<text x="{self.end}" y="{self.height - 8}" text-anchor="end">{escape(below)}</text>',
            f'<text x="{self.left}" y="11">{escape(above)}</text>',
        ]
