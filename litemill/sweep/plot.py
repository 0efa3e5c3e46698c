"""A sweep as a picture: size against what it costs, in one page that needs no network."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

from litemill.core.files import write_text
from litemill.report.axes import Frame
from litemill.sweep.front import Candidate, front
from litemill.sweep.summary import counts, point_options, remarks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    Row = Mapping[str, Any]

FRAME = Frame(width=720, height=420, left=70, right=20, top=24, bottom=48)
LEGEND = (
    "Large dots are the Pareto front; the line joins those that no other beats in size and loss."
)
STYLE = """\
:root { color-scheme: light dark; --ink: #1b1b1b; --soft: #5d5d5d; --line: #dcdcdc; --paper: #fff;
  --dot: #8a8a8a; --best: #0b63c4; }
@media (prefers-color-scheme: dark) { :root { --ink: #ececec; --soft: #a9a9a9; --line: #3d3d3d;
  --paper: #161616; --dot: #7d7d7d; --best: #6db3ff; } }
body { margin: 2rem auto; max-width: 60rem; padding: 0 1rem; background: var(--paper);
  color: var(--ink); font: 16px/1.5 system-ui, sans-serif; }
figure { margin: 0; } figcaption { color: var(--soft); }
svg { display: block; width: 100%; min-width: 36rem; height: auto; }
svg text { fill: var(--soft); font: 13px system-ui, sans-serif; }
.grid { stroke: var(--line); } .dot { fill: var(--dot); fill-opacity: .6; }
.best { fill: var(--best); } .front { fill: none; stroke: var(--best); stroke-width: 1.5; }
.scroll { overflow-x: auto; } table { border-collapse: collapse; white-space: nowrap; }
th, td { padding: .25rem .75rem; border-bottom: 1px solid var(--line); text-align: left; }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; }
td { vertical-align: top; } td.options { min-width: 20rem; white-space: normal; }
code { font: 13px ui-monospace, monospace; }
"""


def write_plot(path: Path, told: Mapping[str, Any]) -> None:
    """Write the page of a result, as sweep.json has it."""
    write_text(path, page(told))


def page(told: Mapping[str, Any]) -> str:
    """Give the page: the picture, and the front as a table."""
    title = f"Sweep of {told['asked']['base']['name']}"
    return "\n".join(
        [
            '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{escape(title)}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<main>",
            f"<h1>{escape(title)}</h1>",
            *(f"<p>{escape(line)}</p>" for line in (counts(told), *remarks(told))),
            *_picture(told),
            *_table(told),
            "</main>\n</body>\n</html>\n",
        ]
    )


def _picture(told: Mapping[str, Any]) -> Iterator[str]:
    column = told["quality"]
    drawn = [r for r in told["points"] if r["status"] == "done" and r[column] is not None]
    if not drawn:
        yield "<p>No point has a file and a measurement.</p>"
        return
    label = f"drop of {told['metric']['name']}" if column == "drop" else "mean absolute error"
    across = FRAME.across(*_padded([row["bytes"] / 1024 for row in drawn]))
    up = FRAME.up(*_padded([row[column] for row in drawn]))
    yield '<figure><div class="scroll" tabindex="0" role="region" aria-label="Picture">'
    yield f'<svg viewBox="{FRAME.box}" role="img" aria-labelledby="t d">'
    yield f'<title id="t">Size against {escape(label)}</title>'
    yield f'<desc id="d">{len(drawn)} points; the front is the table below.</desc>'
    yield from FRAME.axes(across, up, below="size, KiB", above=f"{label}, less is better")
    yield from _marks(drawn, column, lambda row: (across(row["bytes"] / 1024), up(row[column])))
    yield "</svg></div>"
    yield f"<figcaption>{LEGEND}</figcaption></figure>"


def _padded(values: Sequence[float]) -> tuple[float, float]:
    low, high = min(values), max(values)
    pad = (high - low) * 0.08 or abs(high) * 0.05 or 1.0
    return low - pad, high + pad


def _marks(
    drawn: Sequence[Row], column: str, place: Callable[[Row], tuple[float, float]]
) -> Iterator[str]:
    """Draw a line along the edge and a dot for each point, those on the front above the others."""
    by_name = {row["point"]: row for row in drawn}
    # A point may be on the front for its latency alone; the picture has no axis for that.
    edge = front([Candidate(row["point"], (row["bytes"], row[column])) for row in drawn])
    line = " ".join(f"{x},{y}" for x, y in (place(by_name[name]) for name in edge))
    yield f'<polyline class="front" points="{line}"/>'
    for row in sorted(drawn, key=lambda row: bool(row["front"])):
        kind, radius = ("best", 6) if row["front"] else ("dot", 4)
        x, y = place(row)
        name = f"{row['point']}: {row['bytes']} bytes, {row[column]:.4g}; {point_options(row)}"
        yield f'<circle class="{kind}" cx="{x}" cy="{y}" r="{radius}">'
        yield f"<title>{escape(name)}</title></circle>"


def _table(told: Mapping[str, Any]) -> Iterator[str]:
    by_name = {row["point"]: row for row in told["points"]}
    rows = [by_name[name] for name in told["front"]]
    numbers = ["bytes", *(["metric"] if told["metric"]["name"] else []), told["quality"], "snr_db"]
    numbers += ["latency_ms"] if any(row["latency_ms"] is not None for row in rows) else []
    heads = "".join(f'<th class="number" scope="col">{escape(name)}</th>' for name in numbers)
    yield "<h2>Pareto front</h2>"
    yield '<div class="scroll" tabindex="0" role="region" aria-label="Pareto front">'
    yield f'<table><thead><tr><th scope="col">point</th>{heads}<th scope="col">options</th></tr>'
    yield "</thead><tbody>"
    for row in rows:
        cells = "".join(f'<td class="number">{_number(row[name])}</td>' for name in numbers)
        yield f"<tr><td><code>{row['point']}</code></td>{cells}"
        yield f'<td class="options"><code>{escape(point_options(row))}</code></td></tr>'
    yield "</tbody></table></div>"


def _number(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:.4g}" if isinstance(value, float) else f"{value:,}"
