"""The sections of the page, in its order: what each shows. How is in its template."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from litemill.report.chart import Limit, Point, front, scatter
from litemill.report.columns import columns
from litemill.report.figures import interval
from litemill.report.highlights import common_limit, confidence_text, kernel_disagreement_text
from litemill.report.page.speed import machine_speed
from litemill.report.page.variant import variant_details
from litemill.report.verdict import failed_checks, metric_name

if TYPE_CHECKING:
    from collections.abc import Mapping

Report = dict[str, Any]
Row = dict[str, Any]
KIB = 1024


@dataclass(frozen=True)
class Section:
    """A section of the page.

    Attributes:
        name: of its template, and of the link to it.
        title: its heading.
        data: what its template shows.
    """

    name: str
    title: str
    data: dict[str, Any] = field(default_factory=dict)


def page_sections(report: Report, measurements: Mapping[str, Row]) -> list[Section]:
    """Return the sections that have something to show."""
    candidates = [
        _failed(report),
        _variants(report),
        _size(report),
        _confidence(report),
        _kernels(report),
        _each(report, measurements),
        Section("speed", "Speed", {"machines": machine_speed(report)}),
        _since(report),
        Section("reproduce", "Reproduce this report"),
    ]
    return [section for section in candidates if section]


def _failed(report: Report) -> Section | None:
    checks = failed_checks(report)
    return Section("failed", "Failed checks", {"checks": checks}) if checks else None


def _variants(report: Report) -> Section:
    """Show numbers first, each with the columns that stand below it."""
    shown = [
        column
        for column in columns(report)
        if column.title and column.key not in ("variant", "passed")
    ]
    numbers = [
        (column, [note for note in shown if note.below == column.key])
        for column in shown
        if column.number and not column.below
    ]
    titles = [", ".join([column.title, *(n.title for n in notes)]) for column, notes in numbers]
    texts = [column for column in shown if not column.number]
    return Section("variants", "Variants", {"numbers": numbers, "titles": titles, "texts": texts})


def _size(report: Report) -> Section | None:
    """Draw size against the task's metric; without a metric there is nothing to draw."""
    rows = [row for row in report["variants"] if row["metric"] is not None]
    if not rows:
        return None
    metric, lower = metric_name(report), report["metric"]["goal"] == "minimize"
    points = [Point(r["variant"], r["size_kb"], r["metric"], r["passed"]) for r in rows]
    source = rows[0]["source_metric"]
    limits = _drawn_limits(report["variants"], source, lower=lower)
    data = {
        "chart": scatter(points, metric, source, limits, lower=lower),
        "metric": metric,
        "source": source,
        "limits": limits,
        "points": points,
        "front": front(points, lower=lower),
    }
    return Section("size", f"Size against {metric}", data)


def _drawn_limits(rows: list[Row], source: float | None, *, lower: bool) -> list[Limit]:
    """Return the limits that are one number for all variants, in the chart's units."""
    scales = {"metric_min": (0.0, 1.0)}
    if source is not None:  # what a drop is counted from
        worse = 1.0 if lower else -1.0
        scales["metric_drop"] = source, worse
        scales["metric_drop_relative"] = source, worse * abs(source)
    limits = [
        Limit(name, start + step * limit)
        for name, (start, step) in scales.items()
        if (limit := common_limit(rows, name)) is not None
    ]
    size = common_limit(rows, "size_bytes")
    return limits + ([] if size is None else [Limit("size_bytes", size / KIB, of_size=True)])


def _confidence(report: Report) -> Section | None:
    """Draw the confidence intervals of the drops to one scale, with the limit."""
    rows = [row for row in report["variants"] if row["interval"]]
    if not rows:
        return None
    limit = common_limit(report["variants"], "metric_drop")
    ends = [end for row in rows for end in row["interval"]["drop"]]
    ends += [0.0, 0.0 if limit is None else limit]
    span = min(ends), max(ends), limit
    drawn = {row["variant"]: _draw_drop(row, span) for row in rows}
    data = {"rows": rows, "drawn": drawn, "limit": limit, "confidence": confidence_text(rows)}
    return Section("confidence", "Confidence intervals", data | {"metric": metric_name(report)})


def _draw_drop(row: Row, span: tuple[float, float, float | None]) -> str:
    low, high = row["interval"]["drop"]
    return interval(f"Drop of {row['variant']}", low, high, row["drop"], span)


def _kernels(report: Report) -> Section | None:
    """Compare what the sets of kernels predict; checks hold for the worst."""
    names = list(dict.fromkeys(name for row in report["variants"] for name in row["kernels"]))
    if len(names) < 2:  # noqa: PLR2004
        return None
    disagreements = {
        (row["variant"], name): kernel_disagreement_text(run)
        for row in report["variants"]
        for name, run in row["kernels"].items()
        if run["flips"] is not None and name != "default"
    }
    return Section("kernels", "Kernels", {"names": names, "disagreements": disagreements})


def _each(report: Report, measurements: Mapping[str, Row]) -> Section:
    details = [
        variant_details(row, measurements.get(row["variant"]) or {}, number)
        for number, row in enumerate(report["variants"])
    ]
    return Section("each", "Each variant", {"variants": details})


def _since(report: Report) -> Section | None:
    if not report["since"]:
        return None
    return Section("since", f"Since {report['since']['release']}", {"metric": metric_name(report)})
