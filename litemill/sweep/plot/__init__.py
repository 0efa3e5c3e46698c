"""A sweep as a picture: size against loss, in a page that needs no network."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from litemill.core.files import write_text
from litemill.report.axes import Frame
from litemill.report.pareto import Candidate, pareto_front
from litemill.report.templating import render
from litemill.sweep.summary import counts, point_options, remarks

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    Row = Mapping[str, Any]

FRAME = Frame(width=720, height=420, left=70, right=20, top=24, bottom=48)


def write_plot(path: Path, sweep: Mapping[str, Any]) -> None:
    """Write the page of a result, as sweep.json has it."""
    write_text(path, page_html(sweep))


def page_html(sweep: Mapping[str, Any]) -> str:
    """Render the picture, and the Pareto front as a table."""
    by_name = {row["point"]: row for row in sweep["points"]}
    rows = [by_name[name] for name in sweep["front"]]
    return render(
        __name__,
        "plot.html.j2",
        sweep=sweep,
        lines=[counts(sweep), *remarks(sweep)],
        chart=_chart(sweep),
        numbers=_number_columns(sweep, rows),
        front=[(row, point_options(row)) for row in rows],
    )


def _chart(sweep: Mapping[str, Any]) -> dict[str, Any] | None:
    """Place a dot for each point, those on the front above the others, and the edge of them all."""
    column = sweep["quality"]
    drawn = [r for r in sweep["points"] if r["status"] == "done" and r[column] is not None]
    if not drawn:
        return None
    label = f"drop of {sweep['metric']['name']}" if column == "drop" else "mean absolute error"
    across = FRAME.across(*_padded([row["bytes"] / 1024 for row in drawn]))
    up = FRAME.up(*_padded([row[column] for row in drawn]))
    dots = {
        row["point"]: {
            "x": across(row["bytes"] / 1024),
            "y": up(row[column]),
            "best": bool(row["front"]),
            "text": f"{row['point']}: {row['bytes']} bytes, {row[column]:.4g};"
            f" {point_options(row)}",
        }
        for row in sorted(drawn, key=lambda row: bool(row["front"]))
    }
    # A point may be on the front for its latency alone; the picture has no axis for that.
    edge = pareto_front(Candidate(row["point"], (row["bytes"], row[column])) for row in drawn)
    return {
        "frame": FRAME,
        "label": label,
        "axes": "\n".join(
            FRAME.axes(across, up, below="size, KiB", above=f"{label}, lower is better")
        ),
        "dots": list(dots.values()),
        "front": [(dots[name]["x"], dots[name]["y"]) for name in edge],
    }


def _padded(values: Sequence[float]) -> tuple[float, float]:
    low, high = min(values), max(values)
    pad = (high - low) * 0.08 or abs(high) * 0.05 or 1.0
    return low - pad, high + pad


def _number_columns(sweep: Mapping[str, Any], rows: Sequence[Row]) -> list[str]:
    metric = ["metric"] if sweep["metric"]["name"] else []
    timed = any(row["latency_ms"] is not None for row in rows)
    latency = ["latency_ms"] if timed else []
    return ["bytes", *metric, sweep["quality"], "snr_db", *latency]
