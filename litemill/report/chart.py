"""Size against quality as SVG; without a plotting library, its bytes are the same everywhere."""

from __future__ import annotations

from dataclasses import dataclass, replace
from html import escape
from itertools import pairwise
from typing import TYPE_CHECKING

from litemill.report.axes import Frame
from litemill.report.label_layout import GAP, RULE, Interval, free_line
from litemill.report.pareto import Candidate, pareto_front

if TYPE_CHECKING:
    from litemill.report.axes import Scale

FRAME = Frame(width=420, height=300, left=58, right=14, top=16, bottom=44)
LETTER_WIDTH = 7.4  # pixels, at the font size of page.css
LONGEST = 28  # letters of a name in the chart; the table beside it has all of them
# Pixels of height for each name: a name and the gap that it may leave, at the worst.
NAME_HEIGHT, OTHER_HEIGHT = 2 * GAP, 60


@dataclass(frozen=True)
class Point:
    """A variant in the chart: size in KiB, quality in the metric's own unit."""

    name: str
    size: float
    quality: float
    passed: bool


@dataclass(frozen=True)
class Limit:
    """A limit in the chart: on the size in KiB, or on the quality in its own unit."""

    name: str
    at: float
    of_size: bool = False


@dataclass(frozen=True)
class _Plot:
    """What is drawn, and the scales.

    Attributes:
        points: the variants.
        best: those on the front.
        source: the source model's quality.
        limits: the limits.
        across: from sizes to pixels.
        up: from qualities to pixels.
        frame: the size, which grows with the number of names.
    """

    points: list[Point]
    best: list[Point]
    source: float | None
    limits: list[Limit]
    across: Scale
    up: Scale
    frame: Frame

    def at(self, point: Point) -> tuple[float, float]:
        """Convert a point to pixels."""
        return self.across(point.size), self.up(point.quality)


def front(points: list[Point], *, lower: bool = False) -> list[Point]:
    """Return the variants that passed and that no other beats in size and quality.

    Args:
        points: in any order.
        lower: whether a lower quality is better.

    Returns:
        From the smallest to the largest; each is better than the one before.
    """
    sign = 1 if lower else -1
    passed = {
        point.name: point for point in sorted(points, key=lambda point: point.name) if point.passed
    }
    costs = (Candidate(name, (point.size, sign * point.quality)) for name, point in passed.items())
    return [passed[name] for name in pareto_front(costs)]


def scatter(
    points: list[Point],
    quality: str,
    source: float | None,
    limits: list[Limit] | None = None,
    *,
    lower: bool = False,
) -> str:
    """Draw variants by size and quality, with the front of those that nothing beats.

    Args:
        points: at least one.
        quality: what the vertical axis shows.
        source: the source model's quality, drawn as a line; None is no line.
        limits: drawn as lines.
        lower: whether a lower quality is better.

    Returns:
        One `<svg>` element; page.css has the colours of its classes.
    """
    best = front(points, lower=lower)
    plot = _plot(points, best, source, limits or [])
    words = [f"{p.name}: {p.size:.1f} KiB, {p.quality:.4g}" for p in points]
    words += [f"limit {limit.name}: {limit.at:.4g}" for limit in plot.limits]
    return "\n".join(
        [
            f'<svg viewBox="{plot.frame.box}" role="img" aria-labelledby="chart-t chart-d">',
            f'<title id="chart-t">Size against {escape(quality)}</title>',
            f'<desc id="chart-d">{escape("; ".join(words))}</desc>',
            *plot.frame.axes(plot.across, plot.up, below="size, KiB", above=quality),
            *_source(plot),
            *(_limit(limit, plot) for limit in plot.limits),
            *_front(plot),
            *_marks(plot),
            "</svg>",
        ]
    )


def _plot(
    points: list[Point], best: list[Point], source: float | None, limits: list[Limit]
) -> _Plot:
    """Choose scales that cover everything."""
    values = [point.quality for point in points] + ([] if source is None else [source])
    values += [limit.at for limit in limits if not limit.of_size]
    sizes = [point.size for point in points] + [limit.at for limit in limits if limit.of_size]
    pad = (max(values) - min(values)) * 0.15 or abs(values[0]) * 0.05 or 1.0
    height = max(FRAME.height, OTHER_HEIGHT + NAME_HEIGHT * len(points))
    frame = replace(FRAME, height=height)
    across = frame.across(0, max(max(sizes) * 1.05, 0.1))
    up = frame.up(min(values) - pad, max(values) + pad)
    return _Plot(points, best, source, limits, across, up, frame)


def _limit(limit: Limit, plot: _Plot) -> str:
    if limit.of_size:
        x = plot.across(limit.at)
        line = f'x1="{x}" x2="{x}" y1="{plot.frame.top}" y2="{plot.frame.floor}"'
    else:
        y = plot.up(limit.at)
        line = f'x1="{FRAME.left}" x2="{FRAME.end}" y1="{y}" y2="{y}"'
    label = _limit_label(limit, plot)
    place = f'x="{label.right:.1f}" y="{label.y + 4:.1f}" text-anchor="end"'
    name = f'<text class="limit-name" {place}>{escape(limit.name)}</text>'
    return f'<line class="limit" {line}/>{name}'


def _limit_label(limit: Limit, plot: _Plot) -> Interval:
    """Place a limit's name: left of its line at the top, or below it at the right."""
    right = plot.across(limit.at) - 4 if limit.of_size else FRAME.end
    y = FRAME.top + 8 if limit.of_size else plot.up(limit.at) + 10
    return Interval(right - len(limit.name) * LETTER_WIDTH, right, y)


def _front(plot: _Plot) -> list[str]:
    """Draw the front as steps: the best quality up to each size."""
    if len(plot.best) < 2:  # noqa: PLR2004
        return []
    (x, y), *places = map(plot.at, plot.best)
    path = f"M{x} {y}" + "".join(f"H{x}V{y}" for x, y in places)
    return [f'<path class="front" d="{path}"/>']


def _source(plot: _Plot) -> list[str]:
    if plot.source is None:
        return []
    y, end = plot.up(plot.source), FRAME.end
    return [f'<line class="source" x1="{FRAME.left}" x2="{end}" y1="{y}" y2="{y}"/>']


def _marks(plot: _Plot) -> list[str]:
    """Draw points with their names beside them, moved where they would overlap."""
    marks, names = [], []
    marked, lines = _marked(plot), _lines(plot)
    placed: list[Interval] = []
    for point in sorted(plot.points, key=lambda point: (-point.quality, point.name)):
        x, y = plot.at(point)
        text = _shortened(point.name)
        wide = len(text) * LETTER_WIDTH
        left = x - 10 - wide if x + 10 + wide > FRAME.width else x + 10
        left = max(left, FRAME.left + 2)
        # Of all that is in the way, a line through a name hides least, and another name most.
        places = (placed + marked + lines, placed + marked, placed)
        line = free_line(places, plot.frame, Interval(left, left + wide, y))
        placed.append(Interval(left, left + wide, line))
        near = left - 2 if left > x else min(left + wide, x)
        lead = f'<line class="lead" x1="{x}" y1="{y}" x2="{near:.1f}" y2="{line:.1f}"/>'
        marks += [lead, _mark(x, y, passed=point.passed)]
        names.append(f'<text class="name" x="{left:.1f}" y="{line + 4:.1f}">{escape(text)}</text>')
    return marks + names


def _shortened(name: str) -> str:
    return name if len(name) <= LONGEST else f"{name[: LONGEST - 1]}…"


def _marked(plot: _Plot) -> list[Interval]:
    """Return the marks and the names of limits, which names must not cover."""
    return [
        *(Interval(x - 7, x + 7, y) for x, y in map(plot.at, plot.points)),
        *(_limit_label(limit, plot) for limit in plot.limits),
    ]


def _lines(plot: _Plot) -> list[Interval]:
    """Return the level lines, which names should not cross."""
    steps = [plot.at(point) for point in plot.best]
    levels = [limit.at for limit in plot.limits if not limit.of_size]
    levels += [] if plot.source is None else [plot.source]
    return [
        *(Interval(FRAME.left, FRAME.end, plot.up(level), RULE) for level in levels),
        *(Interval(x, end, y, RULE) for (x, y), (end, _) in pairwise(steps)),
    ]


def _mark(x: float, y: float, *, passed: bool) -> str:
    """Draw a disc for a pass, a cross for a failure: the shape says it too, not only the colour."""
    if passed:
        return f'<circle class="pass" cx="{x}" cy="{y}" r="5"/>'
    return f'<path class="fail" d="M{x - 5:.1f} {y - 5:.1f}l10 10M{x + 5:.1f} {y - 5:.1f}l-10 10"/>'
