"""A sweep as a picture: size against what it costs, in one page that needs no network."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

from stages.axes import Frame
from stages.files import write_text
from stages.sweeping.shown import options

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

FRAME = Frame(width=720, height=420, left=70, right=20, top=24, bottom=48)
STYLE = """\
:root { color-scheme: light dark; --ink: #1b1b1b; --soft: #5d5d5d; --line: #dcdcdc; --paper: #fff;
  --dot: #8a8a8a; --best: #0b63c4; }
@media (prefers-color-scheme: dark) { :root { --ink: #ececec; --soft: #a9a9a9; --line: #3d3d3d;
  --paper: #161616; --dot: #7d7d7d; --best: #6db3ff; } }
body { margin: 2rem auto; max-width: 60rem; padding: 0 1rem; background: var(--paper);
  color: var(--ink); font: 16px/1.5 system-ui, sans-serif; }
svg { width: 100%; height: auto; } svg text { fill: var(--soft); font: 13px system-ui, sans-serif; }
.grid { stroke: var(--line); } .dot { fill: var(--dot); fill-opacity: .6; }
.best { fill: var(--best); } .front { fill: none; stroke: var(--best); stroke-width: 1.5; }
.scroll { overflow-x: auto; } table { border-collapse: collapse; white-space: nowrap; }
th, td { padding: .25rem .75rem; border-bottom: 1px solid var(--line); text-align: left; }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; }
code { font: 13px ui-monospace, monospace; }
"""


def write(path: Path, told: Mapping[str, Any]) -> None:
    """Write the page of a result, as sweep.json has it."""
    write_text(path, page(told))


def page(told: Mapping[str, Any]) -> str:
    """Give the page: the picture, and the front as a table."""
    title = f"Sweep of {told['asked']['base']['name']}"
    counts = ", ".join(f"{number} {status}" for status, number in told["counts"].items())
    return "\n".join(
        [
            '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{escape(title)}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<main>",
            f"<h1>{escape(title)}</h1>\n<p>{escape(counts)}</p>",
            *_picture(told),
            *_table(told),
            "</main>\n</body>\n</html>\n",
        ]
    )


def _padded(values: Sequence[float]) -> tuple[float, float]:
    low, high = min(values), max(values)
    pad = (high - low) * 0.08 or abs(high) * 0.05 or 1.0
    return low - pad, high + pad


def _picture(told: Mapping[str, Any]) -> Iterator[str]:
    column = told["quality"]
    drawn = [r for r in told["points"] if r["status"] == "done" and r[column] is not None]
    if not drawn:
        yield "<p>No point has a file and a measurement.</p>"
        return
    label = f"drop of {told['metric']['name']}" if column == "drop" else "mean absolute error"
    across = FRAME.across(*_padded([row["bytes"] / 1024 for row in drawn]))
    up = FRAME.up(*_padded([row[column] for row in drawn]))
    yield f'<svg viewBox="{FRAME.box}" role="img" aria-labelledby="t d">'
    yield f'<title id="t">Size against {escape(label)}</title>'
    yield f'<desc id="d">{len(drawn)} points; the front is the table below.</desc>'
    yield from FRAME.axes(across, up, below="size, KiB", above=f"{label}, less is better")
    places = {row["point"]: (across(row["bytes"] / 1024), up(row[column])) for row in drawn}
    best = [name for name in told["front"] if name in places]
    line = " ".join(f"{x},{y}" for x, y in map(places.get, best))  # type: ignore[misc]
    yield f'<polyline class="front" points="{line}"/>'
    for kind, rows in (
        ("dot", [r for r in drawn if not r["front"]]),
        ("best", [r for r in drawn if r["front"]]),
    ):
        for row in rows:
            x, y = places[row["point"]]
            name = escape(
                f"{row['point']}: {row['bytes']} bytes, {row[column]:.4g}; {options(row)}"
            )
            radius = 4 if kind == "dot" else 6
            circle = f'<circle class="{kind}" cx="{x}" cy="{y}" r="{radius}">'
            yield f"{circle}<title>{name}</title></circle>"
    yield "</svg>"


def _table(told: Mapping[str, Any]) -> Iterator[str]:
    by_name = {row["point"]: row for row in told["points"]}
    numbers = ["bytes", *(["metric"] if told["metric"]["name"] else []), told["quality"], "snr_db"]
    heads = "".join(f'<th class="number" scope="col">{escape(name)}</th>' for name in numbers)
    yield '<h2>Pareto front</h2>\n<div class="scroll" tabindex="0"><table><thead><tr>'
    yield f'<th scope="col">point</th>{heads}<th scope="col">options</th></tr></thead><tbody>'
    for row in (by_name[name] for name in told["front"]):
        cells = "".join(f'<td class="number">{_number(row[name])}</td>' for name in numbers)
        yield f"<tr><td><code>{row['point']}</code></td>{cells}"
        yield f"<td><code>{escape(options(row))}</code></td></tr>"
    yield "</tbody></table></div>"


def _number(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:.4g}" if isinstance(value, float) else f"{value:,}"
