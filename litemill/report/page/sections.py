"""The sections of the page, in its order: what each shows. How is in its template."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from litemill.report.chart import Limit, Point, front, scatter
from litemill.report.columns import columns
from litemill.report.figures import interval
from litemill.report.highlights import common_limit, confidence_text, kernel_disagreement_text
from litemill.report.page.links import variant_links
from litemill.report.page.shipped import shipped_interface
from litemill.report.page.speed import machine_speed
from litemill.report.page.targets import target_legend
from litemill.report.page.variant import variant_details
from litemill.report.page.worst import Evidence, answer_text, worst_samples
from litemill.report.sentences import loss_sentence
from litemill.report.summary import release_changes_text
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
        folded: the summary of a section that has nothing new to say, and is folded.
    """

    name: str
    title: str
    data: dict[str, Any] = field(default_factory=dict)
    folded: str = ""


def page_sections(
    report: Report, measurements: Mapping[str, Row], evidence: Evidence, *, released: bool
) -> list[Section]:
    """Return the sections that have something to show; those of a release link into it."""
    candidates = [
        _failed(report),
        _variants(report),
        _size(report),
        _confidence(report),
        _kernels(report),
        _samples(measurements, evidence),
        _each(report, measurements, released=released),
        _shipped(measurements, evidence),
        _speed(report, released=released),
        _since(report),
        Section("reproduce", "Reproduce this report"),
    ]
    return [section for section in candidates if section]


def _failed(report: Report) -> Section | None:
    checks = failed_checks(report)
    losses = {row["variant"]: loss_sentence(row, report) for row in report["variants"]}
    data = {"checks": checks, "losses": losses}
    return Section("failed", "Failed checks", data) if checks else None


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
    data = {"numbers": numbers, "titles": titles, "texts": texts}
    return Section("variants", "Variants", data | {"legend": target_legend(report["variants"])})


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
    data |= {"metric": metric_name(report)}
    says = any(end for row in rows for end in row["interval"]["drop"])
    folded = "" if says else "Every variant scores each sample as the source model does."
    return Section("confidence", "Confidence intervals", data, folded)


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
    runs = [run for row in report["variants"] for run in row["kernels"].values()]
    says = any(run["error"] or run["flips"] for run in runs)
    same = "predictions" if disagreements else "results"
    folded = "" if says else f"Every set of kernels gives the same {same}."
    data = {"names": names, "disagreements": disagreements}
    return Section("kernels", "Kernels", data, folded if disagreements else "")


def _samples(measurements: Mapping[str, Row], evidence: Evidence) -> Section | None:
    """Show the samples whose answer changed; where none did, fold those with the largest errors."""
    if not (worst := worst_samples(measurements, evidence)):
        return None
    data = worst | {"text": answer_text}
    if worst["changed"]:
        return Section("samples", "Samples whose prediction changed", data)
    classes = any(row["source"] and isinstance(row["source"], str) for row in worst["rows"])
    folded = "No prediction changed. The samples with the largest errors" if classes else ""
    return Section("samples", "Samples with the largest errors", data, folded)


def _shipped(measurements: Mapping[str, Row], evidence: Evidence) -> Section | None:
    shipped = shipped_interface(measurements, evidence.data)
    return Section("shipped", "Inputs, outputs and labels as shipped", shipped) if shipped else None


def _speed(report: Report, *, released: bool) -> Section:
    data = {"machines": machine_speed(report), "released": released}
    folded = "" if data["machines"] else "No speed was measured."
    return Section("speed", "Speed", data, folded)


def _each(report: Report, measurements: Mapping[str, Row], *, released: bool) -> Section:
    details = [
        variant_details(row, measurements.get(row["variant"]) or {}, number)
        | {
            "links": variant_links(row["variant"], released=released),
            "sentence": loss_sentence(row, report),
        }
        for number, row in enumerate(report["variants"])
    ]
    return Section("each", "Each variant", {"variants": details})


def _since(report: Report) -> Section | None:
    if not report["since"]:
        return None
    title, data = f"Since {report['since']['release']}", {"metric": metric_name(report)}
    folded = "" if release_changes_text(report) else "Every variant has the same bytes and numbers."
    return Section("since", title, data, folded)
