"""The top of the page: verdict, what stands out, the table of variants, size against quality."""

from __future__ import annotations

from html import escape
from typing import Any

from litemill.report.chart import Limit, Point, front, scatter
from litemill.report.highlights import closest_limit, common_limit, highlights
from litemill.report.markup import (
    Head,
    bar,
    cell,
    mark,
    measure,
    more,
    note,
    number,
    row_head,
    section,
    table,
    value,
)
from litemill.report.speed_section import time_unit
from litemill.report.summary import basis_text, snr
from litemill.report.verdict import headline

Row = dict[str, Any]
KIB = 1024


def verdict(report: dict[str, Any]) -> str:
    """Give the verdict, what stands out, and on what it all rests."""
    style, word = ("pass", "Passed") if report["passed"] else ("fail", "Failed")
    tiles = "".join(
        f'<div><dt>{escape(title)}</dt><dd><span class="big">{escape(big)}</span>'
        f'<span class="note">{escape(small)}</span></dd></div>\n'
        for title, big, small in highlights(report)
    )
    return (
        f'<div class="verdict {style}"><strong>{word}</strong>'
        f"<p>{escape(headline(report))}</p></div>\n"
        f"{note(basis_text(report))}\n"
        f'<dl class="tiles">\n{tiles}</dl>'
    )


def failed(report: dict[str, Any]) -> list[str]:
    """Give every failed check with what it found; nothing where none failed."""
    lines = [
        f"<li><strong>{escape(row['variant'])}.{escape(name)}</strong>"
        f'<span class="note">{escape(outcome["told"])}{_margin(outcome)}'
        "</span></li>"
        for row in report["variants"]
        for name, outcome in row["checks"].items()
        if not outcome["passed"]
    ]
    if not lines:
        return []
    return [section("failed", "Failed checks", '<ul class="failed">', *lines, "</ul>")]


def _margin(outcome: Row) -> str:
    return "" if outcome["margin"] is None else f" (margin {outcome['margin']:.3g})"


def variants(report: dict[str, Any]) -> str:
    """Give the table of variants, the verdict beside the name: a phone shows these two first."""
    metric = (report["metric"] or {"name": "metric"})["name"]
    machines = _machines(report)
    unit, scale = time_unit(_slowest(report, name) for name in machines)
    heads = [
        Head("Variant"),
        Head("Verdict"),
        number(f"KiB, of {report['baseline']}"),
        number(metric),
        number("drop"),
        number("agreement"),
        number("SNR dB"),
        *(number(f"p50 {unit}, {name}") for name in machines),
        Head("Closest limit"),
    ]
    largest = max((abs(row["drop"] or 0) for row in report["variants"]), default=0)
    rows = [_cells(row, report, largest, machines, scale) for row in report["variants"]]
    return section("variants", "Variants", table("All variants", heads, rows, sortable=True))


def _cells(
    row: Row, report: dict[str, Any], largest: float, machines: list[str], scale: float
) -> list[str]:
    worse = "worse" if (row["drop"] or 0) > 0 else ""
    drops = bar(abs(row["drop"] or 0) / largest, worse) if largest and row["drop"] else ""
    least = closest_limit(row)
    slowest = {name: _slowest(report, name) for name in machines}
    return [
        row_head(row["variant"], sticky=True, href=f"#variant-{row['variant']}"),
        f'<td data-sort="{int(row["passed"])}">{mark(passed=row["passed"])}</td>',
        value(row["size_kb"], ".1f", extra=bar(row["share"] or 0) + _soft(_share(row))),
        value(row["metric"], ".4f" if _unit(row) else ".4g", extra=_between(row)),
        value(row["drop"], ".4f" if _unit(row) and row["drop"] else ".3g", extra=drops),
        value(row["agreement"], ".2%"),
        cell(snr(row), sort="" if row["snr_db"] is None else row["snr_db"], right=True),
        *(_latency(row["latency"].get(name), slowest[name], scale) for name in machines),
        f'<td class="any">{escape(least[0])}{_soft(least[1])}</td>' if least else cell(""),
    ]


def _share(row: Row) -> str:
    return "" if row["share"] is None else f"{row['share']:.0%}"


def _unit(row: Row) -> bool:
    """Tell whether a metric is a share, whose digits then stand below each other."""
    return all(0 <= abs(row[key]) <= 1 for key in ("metric", "source_metric") if row[key])


def _between(row: Row) -> str:
    if not row["interval"]:
        return ""
    low, high = row["interval"]["variant"]
    return _soft(f"{low:.3g} to {high:.3g}")


def _soft(text: str) -> str:
    return f'<span class="note">{escape(text)}</span>' if text else ""


def _machines(report: dict[str, Any]) -> list[str]:
    """Give the machines that measured these very bytes of a variant at least."""
    return [
        name
        for name in report["machines"]
        if any(row["latency"].get(name, {}).get("current") for row in report["variants"])
    ]


def _slowest(report: dict[str, Any], machine: str) -> float:
    results = [row["latency"].get(machine) for row in report["variants"]]
    times = [one["threads"][0]["latency_ms"]["p50"] for one in results if one and one["current"]]
    return max(times, default=1.0)


def _latency(result: dict[str, Any] | None, slowest: float, scale: float) -> str:
    if not result:
        return value(None)
    if not result["current"]:
        return '<td class="number" data-sort=""><span class="mark stale">stale</span></td>'
    p50 = result["threads"][0]["latency_ms"]["p50"]
    return measure(p50 * scale, extra=bar(p50 / slowest))


def chart(report: dict[str, Any]) -> list[str]:
    """Give size against the task's metric; without one there is nothing to draw."""
    rows = [row for row in report["variants"] if row["metric"] is not None]
    if not rows:
        return []
    name, less = report["metric"]["name"], report["metric"]["goal"] == "minimize"
    points = [Point(r["variant"], r["size_kb"], r["metric"], r["passed"]) for r in rows]
    source = rows[0]["source_metric"]
    limits = _limits(report["variants"], source, less=less)
    drawn = scatter(points, name, source, limits, less=less)
    title, words = f"Size against {name}", _legend(source, drawn=bool(limits))
    shown = more("As a table", _points(title, points, name, less=less))
    beside = f"<figcaption>{escape(words)}{shown}</figcaption>"
    return [section("size", title, f'<figure class="beside">{drawn}{beside}</figure>')]


def _legend(source: float | None, *, drawn: bool) -> str:
    words = "Discs passed, crosses failed. The steps join the variants that nothing beats in both."
    words += "" if source is None else f" Dashes: the source model, {source:.4g}."
    return words + (" Dotted: limits, as far as every variant has the same." if drawn else "")


def _points(title: str, points: list[Point], name: str, *, less: bool) -> str:
    """Give the chart as a table."""
    best = {one.name for one in front([one for one in points if one.passed], less=less)}
    heads = [Head("Variant"), number("KiB"), number(name), Head("On the front")]
    cells = [[row_head(one.name), value(one.size, ".1f"), value(one.quality),
              cell("yes" if one.name in best else "no")] for one in points]  # fmt: skip
    return table(title, heads, cells)


def _limits(rows: list[Row], source: float | None, *, less: bool) -> list[Limit]:
    """Give the limits that can be drawn: one number for all variants, in the chart's units."""
    found = []
    scales = {"metric_min": (0.0, 1.0)}
    if source is not None:  # what a drop is counted from
        worse = 1.0 if less else -1.0
        scales["metric_drop"] = source, worse
        scales["metric_drop_relative"] = source, worse * abs(source)
    for name, (start, step) in scales.items():
        if (limit := common_limit(rows, name)) is not None:
            found.append(Limit(name, start + step * limit))
    if (limit := common_limit(rows, "size_bytes")) is not None:
        found.append(Limit("size_bytes", limit / KIB, of_size=True))
    return found
