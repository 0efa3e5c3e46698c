"""Size against quality as SVG, without a plotting library: the same bytes everywhere."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

from stages.axes import Frame

if TYPE_CHECKING:
    from stages.axes import Scale

FRAME = Frame(width=420, height=300, left=58, right=14, top=16, bottom=44)
GAP = 15  # between the lines of two labels
LETTER = 7.4  # width of one at the size the style sheet gives


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


def front(points: list[Point], *, less: bool = False) -> list[Point]:
    """Give the Pareto front: points that no other is both smaller and at least as good as.

    Args:
        points: in any order.
        less: whether less of the quality is better.

    Returns:
        From the smallest to the largest; each is better than the one before.
    """
    sign = -1 if less else 1
    best: list[Point] = []
    for point in sorted(points, key=lambda one: (one.size, -sign * one.quality, one.name)):
        if not best or sign * point.quality > sign * best[-1].quality:
            best.append(point)
    return best


def scatter(
    points: list[Point],
    quality: str,
    source: float | None,
    limits: list[Limit] | None = None,
    *,
    less: bool = False,
) -> str:
    """Draw variants by size and quality, with the front of those that nothing beats.

    Args:
        points: at least one.
        quality: what the vertical axis shows.
        source: the source model's quality, drawn as a line; None is no line.
        limits: drawn as lines.
        less: whether less of the quality is better.

    Returns:
        One `<svg>` element; its colours are the classes of the page's style sheet.
    """
    drawn = limits or []
    values = [point.quality for point in points] + ([] if source is None else [source])
    values += [limit.at for limit in drawn if not limit.of_size]
    sizes = [point.size for point in points] + [one.at for one in drawn if one.of_size]
    pad = (max(values) - min(values)) * 0.15 or abs(values[0]) * 0.05 or 1.0
    across = FRAME.across(0, max(max(sizes) * 1.05, 0.1))
    up = FRAME.up(min(values) - pad, max(values) + pad)
    told = [f"{p.name}: {p.size:.1f} KiB, {p.quality:.4g}" for p in points]
    told += [f"limit {limit.name}: {limit.at:.4g}" for limit in drawn]
    return "\n".join(
        [
            f'<svg viewBox="{FRAME.box}" role="img" aria-labelledby="chart-t chart-d">',
            f'<title id="chart-t">Size against {escape(quality)}</title>',
            f'<desc id="chart-d">{escape("; ".join(told))}</desc>',
            *FRAME.axes(across, up, below="size, KiB", above=quality),
            *_source(up, source),
            *(_limit(limit, across, up) for limit in drawn),
            *_front(front([p for p in points if p.passed], less=less), across, up),
            *_marks(points, across, up),
            "</svg>",
        ]
    )


def _limit(limit: Limit, across: Scale, up: Scale) -> str:
    if limit.of_size:
        x = across(limit.at)
        line = f'x1="{x}" x2="{x}" y1="{FRAME.top}" y2="{FRAME.floor}"'
        place = f'x="{x - 4:.1f}" y="{FRAME.top + 12}" text-anchor="end"'
    else:
        y = up(limit.at)
        line = f'x1="{FRAME.left}" x2="{FRAME.end}" y1="{y}" y2="{y}"'
        place = f'x="{FRAME.end}" y="{y + 14:.1f}" text-anchor="end"'
    name = f'<text class="limit-name" {place}>{escape(limit.name)}</text>'
    return f'<line class="limit" {line}/>{name}'


def _front(points: list[Point], across: Scale, up: Scale) -> list[str]:
    """Draw the front as steps: what is to be had up to each size."""
    if len(points) < 2:  # noqa: PLR2004
        return []
    path = f"M{across(points[0].size)} {up(points[0].quality)}"
    path += "".join(f"H{across(p.size)}V{up(p.quality)}" for p in points[1:])
    return [f'<path class="front" d="{path}"/>']


def _source(up: Scale, source: float | None) -> list[str]:
    if source is None:
        return []
    y, end = up(source), FRAME.end
    return [f'<line class="source" x1="{FRAME.left}" x2="{end}" y1="{y}" y2="{y}"/>']


def _marks(points: list[Point], across: Scale, up: Scale) -> list[str]:
    """Draw points with their names beside them, moved apart where they would overlap."""
    marks, names = [], []
    taken = [(across(p.size) - 7, across(p.size) + 7, up(p.quality)) for p in points]
    for point in sorted(points, key=lambda point: (-point.quality, point.name)):
        x, y = across(point.size), up(point.quality)
        wide = len(point.name) * LETTER
        left = x - 10 - wide if x + 10 + wide > FRAME.width else x + 10
        line = _free(left, left + wide, y, taken)
        taken.append((left, left + wide, line))
        near = left - 2 if left > x else left + wide
        lead = f'<line class="lead" x1="{x}" y1="{y}" x2="{near:.1f}" y2="{line:.1f}"/>'
        marks += [lead, _mark(x, y, passed=point.passed)]
        names.append(
            f'<text class="name" x="{left:.1f}" y="{line + 4:.1f}">{escape(point.name)}</text>'
        )
    return marks + names


def _free(left: float, right: float, y: float, taken: list[tuple[float, float, float]]) -> float:
    """Find the line nearest to `y` on which no other name stands."""
    for step in range(2 * len(taken) + 1):
        line = y + GAP * (step + 1) // 2 * (1 if step % 2 else -1)
        clear = all(abs(line - at) >= GAP - 1 or right < a or left > b for a, b, at in taken)
        if clear and FRAME.top < line < FRAME.floor:
            return line
    return y


def _mark(x: float, y: float, *, passed: bool) -> str:
    """Draw a disc that passed or a cross that failed: shape says it too, not only colour."""
    if passed:
        return f'<circle class="pass" cx="{x}" cy="{y}" r="5"/>'
    return f'<path class="fail" d="M{x - 5:.1f} {y - 5:.1f}l10 10M{x + 5:.1f} {y - 5:.1f}l-10 10"/>'
