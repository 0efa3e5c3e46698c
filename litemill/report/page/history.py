"""The page over several releases: how sizes, metric and drop of each variant went."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

from litemill.report.sentences import metric_words
from litemill.report.templating import render

if TYPE_CHECKING:
    from collections.abc import Sequence

Row = dict[str, Any]
PAGE = "litemill.report.page"
WIDTH, HEIGHT, PAD = 140, 28, 5  # of a line, in pixels
KIB = 1024


def history_html(releases: Sequence[Row], report: Row | None = None) -> str:
    """Render the page.

    Args:
        releases: what released.json held, with "commit" and "date"; the oldest first.
        report: build/report/report.json, shown as the last column; None where nothing is built.
    """
    columns = [_column(release) for release in releases]
    if report:
        columns.append(_build_column(report))
    variants = list(dict.fromkeys(name for column in columns for name in column["variants"]))
    metrics = list(dict.fromkeys(column["metric"] for column in columns if column["metric"]))
    tables = [
        _table("Size, KiB", variants, columns, key="kib", spec=",.1f"),
        *(_metric_table(metric, variants, columns) for metric in metrics),
        _table("Agreement with the source model", variants, columns, key="agreement", spec=".2%"),
    ]
    return render(
        PAGE,
        "history.html.j2",
        name=releases[-1].get("name") or "Releases",
        columns=columns,
        tables=[table for table in tables if table["rows"]],
    )


def _column(release: Row) -> Row:
    variants = {
        name: {**numbers, "kib": numbers["bytes"] / KIB}
        for name, numbers in release["variants"].items()
    }
    metric = metric_words({"metric": release["metric"]}) if release.get("metric") else ""
    column = {key: release.get(key) for key in ("version", "date", "commit")}
    return column | {"metric": metric, "variants": variants, **_summary(variants)}


def _build_column(report: Row) -> Row:
    variants = {row["variant"]: {**row, "kib": row["bytes"] / KIB} for row in report["variants"]}
    metric = metric_words(report) if report["metric"] else ""
    column = {"version": "this build", "date": None, "commit": None, "metric": metric}
    return column | {"variants": variants, **_summary(variants)}


def _summary(variants: dict[str, Row]) -> Row:
    smallest = min(variants, key=lambda name: variants[name]["bytes"])
    drops = {n: row["drop"] for n, row in variants.items() if row.get("drop") is not None}
    worst = max(drops, key=lambda name: drops[name], default=None)
    return {
        "smallest": smallest,
        "smallest_kib": variants[smallest]["kib"],
        "worst": worst,
        "largest_drop": drops.get(worst) if worst else None,
    }


def _metric_table(metric: str, variants: list[str], columns: list[Row]) -> Row:
    measured = [
        column if column["metric"] == metric else {**column, "variants": {}} for column in columns
    ]
    return _table(metric[:1].upper() + metric[1:], variants, measured, key="metric", spec=".4g")


def _table(title: str, variants: list[str], columns: list[Row], *, key: str, spec: str) -> Row:
    """Return a row for each variant that has the number in any release."""
    rows = []
    for variant in variants:
        values = [column["variants"].get(variant, {}).get(key) for column in columns]
        if any(value is not None for value in values):
            rows.append(
                {"variant": variant, "values": values, "line": _line(f"{title}: {variant}", values)}
            )
    return {"title": title, "rows": rows, "spec": spec}


def _line(title: str, values: list[float | None]) -> str:
    """Draw a number over the releases; a release without it has no dot."""
    known = [(index, value) for index, value in enumerate(values) if value is not None]
    numbers = [value for _, value in known]
    low, span = min(numbers), (max(numbers) - min(numbers)) or 1.0
    step = (WIDTH - 2 * PAD) / max(len(values) - 1, 1)
    flat = max(numbers) == low
    points = [
        (
            PAD + index * step,
            HEIGHT / 2 if flat else HEIGHT - PAD - (value - low) / span * (HEIGHT - 2 * PAD),
        )
        for index, value in known
    ]
    dots = "".join(f'<circle class="pass" cx="{x:.1f}" cy="{y:.1f}" r="2.5"/>' for x, y in points)
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    words = f"{escape(title)}, from {numbers[0]:.4g} to {numbers[-1]:.4g}"
    return (
        f'<svg class="signal" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{words}">'
        f'<polyline points="{path}"/>{dots}</svg>'
    )
