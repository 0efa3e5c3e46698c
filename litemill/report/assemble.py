"""Judge every variant against its limits and tell it as a table and a page: `report`.

    python -m stages report

Reads build/validate/<variant>.json, measured/ and released.json, writes build/report/. It judges
and never fails on a verdict: `gate` does, so that every measurement stays recorded.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any

from litemill.config.parameters import parameters, section
from litemill.config.schema.report import Report
from litemill.core.errors import LitemillError
from litemill.core.files import atomic_replace, keep_only, read_json, write_json, write_text
from litemill.evaluation import latency_results
from litemill.evaluation.checks import run_checks
from litemill.report import page, plots, release_diff, summary

if TYPE_CHECKING:
    from collections.abc import Mapping

VALIDATE = Path("build/validate")
OUT = Path("build/report")
KIB = 1024
BASELINE = "float32"
MEASURED = Path("measured")
RELEASED = Path("released.json")
Limits = dict[str, dict[str, Any]]


def assemble_report(
    measured: list[dict[str, Any]],
    limits: Mapping[str, Mapping[str, Any]],
    title: str,
    *,
    machines: latency_results.Machines | None = None,
    released: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Judge variants.

    Args:
        measured: what validate wrote for each, in the order of the table.
        limits: by variant and check; null is off.
        title: the heading.
        machines: results of benchmarks, by machine.
        released: what the last release was, as `litemill release --remember` writes it.

    Returns:
        What build/report/report.json holds: `passed`, and for every variant its row of the table,
        its outputs' fidelity and the outcome of every check.
    """
    names = [one["variant"] for one in measured]
    baseline = BASELINE if BASELINE in names else "largest"
    sizes = {one["variant"]: one["bytes"] for one in measured}
    full = sizes.get(baseline, max(sizes.values()))
    measured = [
        {
            **one,
            "latency": latency_results.latencies_of(machines or {}, one["variant"], one["sha256"]),
        }
        for one in measured
    ]
    rows = [_row(one, run_checks(one, limits.get(one["variant"], {})), full) for one in measured]
    metrics = [one["metric"] for one in measured if one.get("metric")]
    metric = {key: metrics[0][key] for key in ("name", "goal")} if metrics else None
    return {
        "title": title,
        "passed": all(row["passed"] for row in rows),
        "baseline": baseline,
        "samples": max((one.get("samples") or 0) for one in measured),
        "metric": metric,
        "machines": {name: one["machine"] for name, one in (machines or {}).items()},
        "since": release_diff.release_changes(rows, released, metric) if released else None,
        "variants": rows,
    }


def write_report(
    told: dict[str, Any], out: Path, measured: list[dict[str, Any]] | None = None
) -> None:
    """Write a report in all its forms into a fresh directory at `out`; no times, no paths.

    Args:
        told: the report.
        out: where to.
        measured: what validate wrote for each variant; the page and the plots tell of it in depth.
    """
    depth = {one["variant"]: one for one in measured or []}
    with atomic_replace(out) as fresh:
        fresh.mkdir(parents=True)
        write_json(fresh / "report.json", told)
        rows: list[dict[str, Any]] = told["variants"]
        for row in rows:
            # A file a variant: `dvc metrics show` makes a row of each.
            write_json(fresh / "metrics" / f"{row['variant']}.json", _metrics(row, told))
        write_text(fresh / "report.csv", summary.rows_csv(told))
        write_text(fresh / "report.md", summary.markdown(told))
        write_text(fresh / "index.html", page.page_html(told, depth))
        plots.write_plots(fresh / "plots", told, depth)


def _row(one: dict[str, Any], outcomes: Mapping[str, Any], full: int) -> dict[str, Any]:
    metric = one.get("metric") or {}
    outputs = list((one.get("outputs") or {}).values())
    exact = bool(outputs) and all(o["max_abs_error"] == 0 for o in outputs)
    agreement = (one.get("top1_agreement") or {}).values()
    kernels = {name: _kernels(run) for name, run in (one.get("kernels") or {}).items()}
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
        "interval": _interval(metric),
        "confidence": metric.get("confidence"),
        "worst_class": _worst_class(one),
        "flips": _flips(kernels),
        "advice": one.get("advice") or [],
        "kernels": kernels,
        "latency": one["latency"],
        "outputs": one.get("outputs") or {},
        "checks": {name: dataclasses.asdict(outcome) for name, outcome in outcomes.items()},
    }


def _worst_class(one: dict[str, Any]) -> dict[str, Any] | None:
    """Give the class that loses most; None where none loses anything."""
    losing = [row for row in one.get("per_class") or [] if row["drop"] and row["drop"] > 0]
    return max(losing, key=lambda row: float(row["drop"]), default=None)


def _interval(metric: dict[str, Any]) -> dict[str, list[float]] | None:
    """Give the intervals; None where an end is none, as of a metric that is NaN or infinite."""
    found: dict[str, list[float]] = metric.get("interval") or {}
    return found if found and None not in [end for ends in found.values() for end in ends] else None


def _flips(kernels: dict[str, dict[str, Any]]) -> dict[str, int] | None:
    """Give the answers that change by set of kernels; None without classes.

    Sets of kernels that do not run are left out.
    """
    found = {
        name: run["flips"]
        for name, run in kernels.items()
        if run["flips"] is not None and name != "default"
    }
    return found or None


def _kernels(run: dict[str, Any]) -> dict[str, Any]:
    """Give what one set of kernels answered, in one line of the matrix.

    `flips` of all `answers` are not those of the default kernels, all outputs together. A sample
    has an answer for each output, and for each position of an output [samples, ..., classes].
    """
    agreement = (run.get("top1_agreement") or {}).values()
    flips, counts = run.get("flips"), run.get("agreement_samples")
    return {
        "error": run["error"],
        "samples": run.get("samples"),
        "metric": (run.get("metric") or {}).get("variant"),
        "agreement": min(agreement, default=None),
        "flips": sum(flips.values()) if flips else None,
        "answers": sum(counts[name]["of"] for name in flips) if flips and counts else None,
    }


def _metrics(row: dict[str, Any], told: dict[str, Any]) -> dict[str, Any]:
    """Give the few numbers that `dvc metrics show` prints; what is absent is left out."""
    name = told["metric"]["name"] if told["metric"] else "metric"
    numbers = {
        name: row["metric"],
        **{key: row[key] for key in ("size_kb", "drop", "agreement", "snr_db", "max_abs_error")},
        "passed": row["passed"],
    }
    return {key: value for key, value in numbers.items() if value is not None}


def _measured(variant: str, directory: Path) -> dict[str, Any]:
    path = directory / f"{variant}.json"
    found: dict[str, Any] = read_json(path)
    if not isinstance(found, dict) or found.get("variant") != variant:
        raise LitemillError(path, "not a measurement of this variant", "rebuild it: `dvc repro`")
    return found


def run(*, measurements: Path, benchmarks: Path, released: Path, out: Path) -> None:
    """Report the variants of build/params.json.

    Args:
        measurements: the directory of what the stage validate wrote.
        benchmarks: the directory of what `litemill benchmark` measured.
        released: what the last release was, as `litemill release --remember` writes it.
        out: the directory to write to.
    """
    asked = parameters(Report, "report")
    limits: Limits = section("limits")
    keep_only(measurements, {f"{variant}.json" for variant in asked.variants})
    measured = [_measured(variant, measurements) for variant in asked.variants]
    told = assemble_report(
        measured,
        limits,
        asked.title,
        machines=latency_results.read_latencies(benchmarks),
        released=release_diff.read_released(released),
    )
    write_report(told, out, measured)
    summary.terminal(told)
