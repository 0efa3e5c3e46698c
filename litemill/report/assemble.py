"""Compare every variant with its limits and write the report as a table, a page and files.

Reads build/validate/<variant>.json, measured/ and released.json, writes build/report/. It never
fails on a verdict: `gate` does, so that every measurement stays recorded.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from litemill.config.parameters import parameters, section
from litemill.config.schema.report import Report
from litemill.core.errors import LitemillError
from litemill.core.files import atomic_replace, keep_only, read_json, write_json, write_text
from litemill.evaluation import latency_results
from litemill.evaluation.checks import run_checks
from litemill.report import page, plots, release_diff, summary
from litemill.report.verdict import metric_name

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from litemill.evaluation.outcome import Outcome

KIB = 1024
BASELINE = "float32"
Limits = dict[str, dict[str, Any]]
Measured = dict[str, Any]


def run(*, measurements: Path, benchmarks: Path, released: Path, out: Path) -> None:
    """Report on the variants of build/params.json.

    Args:
        measurements: the directory of what the stage validate wrote.
        benchmarks: the directory of what `litemill benchmark` measured.
        released: what the last release was, as `litemill release --remember` writes it.
        out: the directory to write to.
    """
    options = parameters(Report, "report")
    limits: Limits = section("limits")
    keep_only(measurements, {f"{variant}.json" for variant in options.variants})
    measured = [_read_measurement(variant, measurements) for variant in options.variants]
    report = assemble_report(
        measured,
        limits,
        options.title,
        machines=latency_results.read_latencies(benchmarks),
        released=release_diff.read_released(released),
    )
    write_report(report, out, measured)
    summary.print_report(report)


def assemble_report(
    measured: list[Measured],
    limits: Mapping[str, Mapping[str, Any]],
    title: str,
    *,
    machines: latency_results.Machines | None = None,
    released: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Check variants against their limits.

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
    sizes = {variant["variant"]: variant["bytes"] for variant in measured}
    baseline = BASELINE if BASELINE in sizes else "largest"
    full = sizes.get(baseline, max(sizes.values()))
    rows = [
        _row(variant, limits.get(variant["variant"], {}), full, machines or {})
        for variant in measured
    ]
    metrics = [variant["metric"] for variant in measured if variant.get("metric")]
    metric = {key: metrics[0][key] for key in ("name", "goal")} if metrics else None
    return {
        "title": title,
        "passed": all(row["passed"] for row in rows),
        "baseline": baseline,
        "samples": max((variant.get("samples") or 0) for variant in measured),
        "metric": metric,
        "machines": {name: result["machine"] for name, result in (machines or {}).items()},
        "since": release_diff.release_changes(rows, released, metric) if released else None,
        "variants": rows,
    }


def write_report(report: dict[str, Any], out: Path, measured: list[Measured] | None = None) -> None:
    """Write a report in all its formats into a fresh directory at `out`; no times, no paths.

    Args:
        report: the report.
        out: the directory.
        measured: what validate wrote for each variant, for details on the page and plots.
    """
    measurements = {variant["variant"]: variant for variant in measured or []}
    with atomic_replace(out) as fresh:
        fresh.mkdir(parents=True)
        write_json(fresh / "report.json", report)
        for row in report["variants"]:
            # `dvc metrics show` prints a row for each file.
            write_json(fresh / "metrics" / f"{row['variant']}.json", _dvc_metrics(row, report))
        write_text(fresh / "report.csv", summary.report_csv(report))
        write_text(fresh / "report.md", summary.report_markdown(report))
        write_text(fresh / "index.html", page.page_html(report, measurements))
        plots.write_plots(fresh / "plots", report, measurements)


def _row(
    measured: Measured,
    limits: Mapping[str, Any],
    full: int,
    machines: latency_results.Machines,
) -> dict[str, Any]:
    latency = latency_results.latencies_of(machines, measured["variant"], measured["sha256"])
    outcomes = run_checks({**measured, "latency": latency}, limits)
    kernels = {name: _kernels(run) for name, run in (measured.get("kernels") or {}).items()}
    return {
        "variant": measured["variant"],
        "error": measured.get("error"),
        "sha256": measured["sha256"],
        "bytes": measured["bytes"],
        "size_kb": round(measured["bytes"] / KIB, 3),
        "share": round(measured["bytes"] / full, 4) if full else None,
        **_metric(measured.get("metric") or {}),
        **_fidelity(measured),
        "worst_class": _worst_class(measured),
        "flips": _disagreements(kernels),
        "advice": measured.get("advice") or [],
        "kernels": kernels,
        "latency": latency,
        **_verdict(outcomes),
    }


def _verdict(outcomes: Mapping[str, Outcome]) -> dict[str, Any]:
    return {
        "passed": all(outcome.passed for outcome in outcomes.values()),
        "checks": {name: dataclasses.asdict(outcome) for name, outcome in outcomes.items()},
    }


def _metric(metric: dict[str, Any]) -> dict[str, Any]:
    return {
        "metric": metric.get("variant"),
        "source_metric": metric.get("source"),
        "drop": metric.get("drop"),
        "interval": _finite_interval(metric),
        "confidence": metric.get("confidence"),
    }


def _finite_interval(metric: dict[str, Any]) -> dict[str, list[float]] | None:
    """Return the intervals; None where an end is null, as of a metric that is NaN or infinite."""
    intervals: dict[str, list[float]] = metric.get("interval") or {}
    ends = [end for interval in intervals.values() for end in interval]
    return intervals if ends and None not in ends else None


def _fidelity(measured: Measured) -> dict[str, Any]:
    """Return the fidelity of each output, and of the worst."""
    outputs = measured.get("outputs") or {}
    ratios, errors = (
        [output[key] for output in outputs.values() if output[key] is not None]
        for key in ("snr_db", "max_abs_error")
    )
    return {
        "outputs": outputs,
        "exact": bool(outputs) and all(o["max_abs_error"] == 0 for o in outputs.values()),
        "snr_db": min(ratios, default=None),
        "max_abs_error": max(errors, default=None),
        "agreement": min((measured.get("top1_agreement") or {}).values(), default=None),
    }


def _worst_class(measured: Measured) -> dict[str, Any] | None:
    """Return the class that lost most; None where none lost anything."""
    losing = [row for row in measured.get("per_class") or [] if row["drop"] and row["drop"] > 0]
    return max(losing, key=lambda row: float(row["drop"]), default=None)


def _disagreements(kernels: dict[str, dict[str, Any]]) -> dict[str, int] | None:
    """Return how many predictions change, by set of kernels that runs; None without classes."""
    counts = {
        name: run["flips"]
        for name, run in kernels.items()
        if run["flips"] is not None and name != "default"
    }
    return counts or None


def _kernels(run: dict[str, Any]) -> dict[str, Any]:
    """Summarize what a set of kernels answered.

    `flips` of all `answers` differ from those of the default kernels, all outputs together. A
    sample has an answer for each output, and for each position of an output
    [samples, ..., classes].
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


def _dvc_metrics(row: dict[str, Any], report: dict[str, Any]) -> dict[str, Any]:
    """Return the few numbers that `dvc metrics show` prints, without those that are absent."""
    numbers = {
        metric_name(report): row["metric"],
        **{key: row[key] for key in ("size_kb", "drop", "agreement", "snr_db", "max_abs_error")},
        "passed": row["passed"],
    }
    return {key: value for key, value in numbers.items() if value is not None}


def _read_measurement(variant: str, directory: Path) -> Measured:
    path = directory / f"{variant}.json"
    measured: Measured = read_json(path)
    if not isinstance(measured, dict) or measured.get("variant") != variant:
        raise LitemillError(path, "not a measurement of this variant", "rebuild it: `dvc repro`")
    return measured
