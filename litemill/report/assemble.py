"""Compare every variant with its limits and write the report as a table, a page and files.

Reads build/validate/<variant>.json, build/prepare/, measured/ and released.json, writes
build/report/. It never fails on a verdict: `gate` does, so that every measurement stays recorded.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from litemill.config.parameters import parameters, section
from litemill.config.release_name import COMMIT_PLACE
from litemill.config.schema.report import Report
from litemill.core.errors import LitemillError
from litemill.core.files import atomic_replace, keep_only, read_json, write_json, write_text
from litemill.evaluation import latency_results
from litemill.report import layer_overlay, page, plots, release_diff, summary
from litemill.report.page.worst import Evidence
from litemill.report.rows import report_row
from litemill.report.verdict import metric_name
from litemill.targets.compile_record import read_record

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


BASELINE = "float32"
Limits = dict[str, dict[str, Any]]
Measured = dict[str, Any]


def run(  # noqa: PLR0913 (what the stage reads and writes)
    *,
    prepared: Path,
    measurements: Path,
    compiled: Path,
    benchmarks: Path,
    released: Path,
    out: Path,
) -> None:
    """Report on the variants of build/params.json.

    Args:
        prepared: the directory of what the stage prepare wrote, of which the page shows samples.
        measurements: the directory of what the stage validate wrote.
        compiled: the directory of what the stage compile wrote.
        benchmarks: the directory of what `litemill benchmark` measured.
        released: what the last release was, as `litemill release --remember` writes it.
        out: the directory to write to.
    """
    options = parameters(Report, "report")
    limits: Limits = section("limits")
    keep_only(measurements, {f"{variant}.json" for variant in options.variants})
    measured = [
        {**_read_measurement(variant, measurements), "compile": read_record(compiled, variant)}
        for variant in options.variants
    ]
    report = assemble_report(
        measured,
        limits,
        options.title,
        version=options.version,
        description=options.description,
        machines=latency_results.read_latencies(benchmarks),
        released=release_diff.read_released(released),
    )
    from litemill.data.samples import read_split  # with numpy, which `litemill show` needs not

    evidence = Evidence(read_split(prepared / "evaluation"), read_json(prepared / "data.json"))
    write_report(report, out, measured, evidence)
    summary.print_report(report)


def assemble_report(  # noqa: PLR0913 (what a report says)
    measured: list[Measured],
    limits: Mapping[str, Mapping[str, Any]],
    title: str,
    *,
    version: str = "",
    description: str = "",
    machines: latency_results.Machines | None = None,
    released: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Check variants against their limits.

    Args:
        measured: what validate wrote for each, in the order of the table.
        limits: by variant and check; null is off.
        title: the name of the release.
        version: of the release.
        description: of the model.
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
        report_row(variant, limits.get(variant["variant"], {}), full, machines or {})
        for variant in measured
    ]
    metrics = [variant["metric"] for variant in measured if variant.get("metric")]
    metric = {key: metrics[0][key] for key in ("name", "goal")} if metrics else None
    return {
        "title": title,
        "version": version,
        "description": description,
        "passed": all(row["passed"] for row in rows),
        "baseline": baseline,
        "samples": max((variant.get("samples") or 0) for variant in measured),
        "metric": metric,
        "machines": {name: result["machine"] for name, result in (machines or {}).items()},
        "since": release_diff.release_changes(rows, released, metric) if released else None,
        "variants": rows,
    }


def write_report(
    report: dict[str, Any],
    out: Path,
    measured: list[Measured] | None = None,
    evidence: Evidence | None = None,
) -> None:
    """Write a report in all its formats into a fresh directory at `out`; no times, no paths.

    release.html is the page as a release has it: its links lead into the release, and `litemill
    release` writes the commit into it.

    Args:
        report: the report.
        out: the directory.
        measured: what validate wrote for each variant, for details on the page and plots.
        evidence: samples, labels and preprocessing, for the page.
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
        write_text(fresh / "index.html", page.page_html(report, measurements, evidence))
        released = page.page_html(report, measurements, evidence, commit=COMMIT_PLACE)
        write_text(fresh / "release.html", released)
        plots.write_plots(fresh / "plots", report, measurements)
        layer_overlay.write_overlays(fresh / "explore", measurements)


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
