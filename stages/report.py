"""Judge every variant against its limits and tell it as a table and a page: `report`.

    python -m stages.report

Reads build/validate/<variant>.json, writes build/report/. It judges and never fails on a verdict:
`gate` does, so that every measurement stays recorded.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stages import page, summary
from stages.checks import judge
from stages.errors import LitemillError
from stages.files import keep_only, read_json, replacing, write_json, write_text
from stages.run import parameters, run, section
from stages.schema.report import Report

if TYPE_CHECKING:
    from collections.abc import Mapping

VALIDATE = Path("build/validate")
OUT = Path("build/report")
KIB = 1024
BASELINE = "float32"
Limits = dict[str, dict[str, float | None]]


def report(
    measured: list[dict[str, Any]], limits: Mapping[str, Mapping[str, float | None]], title: str
) -> dict[str, Any]:
    """Judge variants.

    Args:
        measured: what validate wrote for each, in the order of the table.
        limits: by variant and check; null is off.
        title: the heading.

    Returns:
        What build/report/report.json holds: `passed`, and for every variant its row of the table,
        its outputs' fidelity and the outcome of every check.
    """
    names = [one["variant"] for one in measured]
    baseline = BASELINE if BASELINE in names else "largest"
    sizes = {one["variant"]: one["bytes"] for one in measured}
    full = sizes.get(baseline, max(sizes.values()))
    rows = [_row(one, judge(one, limits.get(one["variant"], {})), full) for one in measured]
    metrics = [one["metric"] for one in measured if one.get("metric")]
    return {
        "title": title,
        "passed": all(row["passed"] for row in rows),
        "baseline": baseline,
        "samples": max((one.get("samples") or 0) for one in measured),
        "metric": {key: metrics[0][key] for key in ("name", "goal")} if metrics else None,
        "variants": rows,
    }


def write(told: dict[str, Any], out: Path) -> None:
    """Write a report in all its forms into a fresh directory at `out`; no times, no paths."""
    with replacing(out) as fresh:
        (fresh / "plots").mkdir(parents=True)
        write_json(fresh / "report.json", told)
        for row in _rows(told):
            # A file a variant: `dvc metrics show` makes a row of each.
            write_json(fresh / "metrics" / f"{row['variant']}.json", _metrics(row, told))
        write_text(fresh / "report.csv", summary.rows_csv(told))
        write_text(fresh / "report.md", summary.markdown(told))
        write_text(fresh / "index.html", page.html(told))
        write_text(fresh / "plots" / "size.csv", _points(told))


def _row(one: dict[str, Any], outcomes: Mapping[str, Any], full: int) -> dict[str, Any]:
    metric = one.get("metric") or {}
    outputs = list((one.get("outputs") or {}).values())
    exact = bool(outputs) and all(o["max_abs_error"] == 0 for o in outputs)
    agreement = (one.get("top1_agreement") or {}).values()
    return {
        "variant": one["variant"],
        "passed": all(outcome.passed for outcome in outcomes.values()),
        "error": one.get("error"),
        "sha256": one["sha256"],
        "bytes": one["bytes"],
        "size_kb": round(one["bytes"] / KIB, 3),
        "share": round(one["bytes"] / full, 4) if full else None,
        "metric": metric.get("variant"),
        "source_metric": metric.get("source"),
        "drop": metric.get("drop"),
        "agreement": min(agreement, default=None),
        "exact": exact,
        "snr_db": min((o["snr_db"] for o in outputs if o["snr_db"] is not None), default=None),
        "max_abs_error": max(
            (o["max_abs_error"] for o in outputs if o["max_abs_error"] is not None), default=None
        ),
        "interval": metric.get("interval"),
        "confidence": metric.get("confidence"),
        "worst_class": _worst_class(one),
        "flips": _flips(one),
        "advice": one.get("advice") or [],
        "outputs": one.get("outputs") or {},
        "checks": {name: dataclasses.asdict(outcome) for name, outcome in outcomes.items()},
    }


def _worst_class(one: dict[str, Any]) -> dict[str, Any] | None:
    """Give the class that loses most; None where none loses anything."""
    losing = [row for row in one.get("per_class") or [] if row["drop"] and row["drop"] > 0]
    return max(losing, key=lambda row: float(row["drop"]), default=None)


def _flips(one: dict[str, Any]) -> dict[str, int] | None:
    """Count the answers that change with the kernels, all outputs together; None without classes.

    Sets of kernels that do not run are left out.
    """
    found = {
        name: sum(kernels["flips"].values())
        for name, kernels in (one.get("kernels") or {}).items()
        if kernels["flips"] and name != "default"
    }
    return found or None


def _rows(told: dict[str, Any]) -> list[dict[str, Any]]:
    return list(told["variants"])


def _metrics(row: dict[str, Any], told: dict[str, Any]) -> dict[str, Any]:
    """Give the few numbers that `dvc metrics show` prints; what is absent is left out."""
    name = told["metric"]["name"] if told["metric"] else "metric"
    numbers = {
        name: row["metric"],
        **{key: row[key] for key in ("size_kb", "drop", "agreement", "snr_db", "max_abs_error")},
        "passed": row["passed"],
    }
    return {key: value for key, value in numbers.items() if value is not None}


def _points(told: dict[str, Any]) -> str:
    """Give size against quality: the metric, or cosine similarity to the source without one."""
    name = told["metric"]["name"] if told["metric"] else "cosine_similarity"
    points = [[r["variant"], r["size_kb"], _quality(r), name, r["passed"]] for r in _rows(told)]
    header = ("variant", "size_kb", "quality", "quality_is", "passed")
    return summary.lines_csv(header, [point for point in points if point[2] is not None])


def _quality(row: dict[str, Any]) -> float | None:
    cosines = [output["cosine_similarity"] for output in row["outputs"].values()]
    worst = min((cosine for cosine in cosines if cosine is not None), default=None)
    return row["metric"] if row["metric"] is not None else worst


def _measured(variant: str, directory: Path) -> dict[str, Any]:
    path = directory / f"{variant}.json"
    found: dict[str, Any] = read_json(path)
    if not isinstance(found, dict) or found.get("variant") != variant:
        raise LitemillError(path, "not a measurement of this variant", "rebuild it: `dvc repro`")
    return found


def main() -> None:
    """Report the variants of build/params.yaml."""
    asked = parameters(Report, "report")
    limits: Limits = section("limits")
    keep_only(VALIDATE, {f"{variant}.json" for variant in asked.variants})
    measured = [_measured(variant, VALIDATE) for variant in asked.variants]
    told = report(measured, limits, asked.title)
    write(told, OUT)
    summary.terminal(told)


if __name__ == "__main__":
    run(main)
