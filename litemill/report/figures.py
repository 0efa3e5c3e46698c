"""Small figures as SVG: the errors of an output, the interval of a drop."""

from __future__ import annotations

import math
from html import escape
from typing import Any

WIDTH = 420
HEIGHT, FLOOR = 130, 112  # of a histogram, and the line on which its bars stand
STRIP = 26  # height of an interval
BINS = 8  # of a histogram in words


def histogram(name: str, errors: dict[str, Any], identity: str) -> str:
    """Draw signed errors; heights are square roots of counts, so that rare errors show.

    Args:
        name: what the errors are of.
        errors: "edges" of equal bins, their "counts", and how many are "below" and "above".
        identity: unique on the page.
    """
    edges, counts = errors["edges"], errors["counts"]
    highest, width = math.sqrt(max([*counts, 1])), WIDTH / len(counts)
    heights = [math.sqrt(count) / highest * (FLOOR - 8) for count in counts]
    bars = "".join(
        f'<rect class="fill" x="{i * width:.1f}" y="{FLOOR - max(height, 1):.1f}"'
        f' width="{width * 0.9:.1f}" height="{max(height, 1):.1f}"/>'
        for i, height in enumerate(heights)
        if height
    )
    zero = round(-edges[0] / (edges[-1] - edges[0]) * WIDTH, 1)
    axis = f'<line class="axis" x1="0" x2="{WIDTH}" y1="{FLOOR}" y2="{FLOOR}"/>'
    middle = f'<line class="axis" x1="{zero}" x2="{zero}" y1="4" y2="{FLOOR + 4}"/>'
    labels = (
        f'<text x="0" y="{HEIGHT - 2}">{edges[0]:.3g}</text>'
        f'<text x="{zero}" y="{HEIGHT - 2}" text-anchor="middle">0</text>'
        f'<text x="{WIDTH}" y="{HEIGHT - 2}" text-anchor="end">{edges[-1]:.3g}</text>'
    )
    outside = outside_count(errors)
    words = f"{sum(counts)} errors between {edges[0]:.3g} and {edges[-1]:.3g}"
    words += f"; {outside} further out" if outside else ""
    titles = f'aria-labelledby="{identity}-t {identity}-d"'
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" {titles}>'
        f'<title id="{identity}-t">Errors of {escape(name)}</title>'
        f'<desc id="{identity}-d">{escape(words)}</desc>{axis}{bars}{middle}{labels}</svg>'
    )


def histogram_bins(errors: dict[str, Any]) -> list[tuple[float, float, int]]:
    """Return a histogram in few bins, for a table: (from, to, count)."""
    edges, counts = errors["edges"], errors["counts"]
    step = max(1, len(counts) // BINS)
    return [
        (edges[i], edges[min(i + step, len(counts))], sum(counts[i : i + step]))
        for i in range(0, len(counts), step)
    ]


def outside_count(errors: dict[str, Any]) -> int:
    """Return how many errors are outside the bins of a histogram."""
    return (errors.get("below") or 0) + (errors.get("above") or 0)


def interval(
    name: str, low: float, high: float, at: float, span: tuple[float, float, float | None]
) -> str:
    """Draw an interval on a scale that several intervals share.

    Args:
        name: what it is of.
        low: its lower end.
        high: its upper end.
        at: the value itself.
        span: lowest and highest value of the scale, and a limit to draw, or None.
    """
    first, last, limit = span
    x_low, x_high, x, zero = (_position(v, first, last) for v in (low, high, at, 0.0))
    half = STRIP / 2
    lines = f'<line class="axis" x1="{zero}" x2="{zero}" y1="0" y2="{STRIP}"/>'
    if limit is not None:
        edge = _position(limit, first, last)
        lines += f'<line class="limit" x1="{edge}" x2="{edge}" y1="0" y2="{STRIP}"/>'
    return (
        f'<svg viewBox="0 0 {WIDTH} {STRIP}" role="img"'
        f' aria-label="{escape(name)}: {at:.4g}, from {low:.4g} to {high:.4g}">{lines}'
        f'<line class="whisker" x1="{x_low}" x2="{x_high}" y1="{half}" y2="{half}"/>'
        f'<circle class="pass" cx="{x}" cy="{half}" r="5"/></svg>'
    )


def _position(value: float, first: float, last: float) -> float:
    share = (value - first) / (last - first) if last > first else 0.5
    return round(8 + min(max(share, 0.0), 1.0) * (WIDTH - 16), 1)
