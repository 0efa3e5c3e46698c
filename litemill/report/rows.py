"""The row of a variant in the report: its numbers, and the outcome of every check."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from litemill.evaluation import latency_results
from litemill.evaluation.checks import run_checks

if TYPE_CHECKING:
    from collections.abc import Mapping

    from litemill.evaluation.outcome import Outcome

KIB = 1024
# Checks that other calibration samples, or layers in float, may mend.
IMPROVABLE = {
    "snr_db", "lost_channels", "channel_snr_db", "cosine_similarity", "max_abs_error",
    "mean_abs_error", "top1_agreement", "metric_drop", "metric_drop_relative", "per_class_drop",
    "metric_min",
}  # fmt: skip
Measured = dict[str, Any]


def report_row(
    measured: Measured,
    limits: Mapping[str, Any],
    full: int,
    machines: latency_results.Machines,
) -> dict[str, Any]:
    """Check a variant and return its row.

    Args:
        measured: what validate wrote for it.
        limits: by check; null is off.
        full: size in bytes of the variant that sizes are compared with.
        machines: results of benchmarks, by machine.
    """
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
        "improvable": _is_improvable(measured, outcomes),
        "kernels": kernels,
        "latency": latency,
        "target": _target(measured.get("target"), kernels),
        "compile": measured.get("compile"),
        **_verdict(outcomes),
    }


def _is_improvable(measured: Measured, outcomes: Mapping[str, Outcome]) -> bool:
    """Return whether it misses limits by the error of layers whose activations are quantized."""
    missed = {name for name, outcome in outcomes.items() if not outcome.passed}
    layers = measured.get("layers") or []
    return bool(missed & IMPROVABLE) and any(layer.get("holds") for layer in layers)


def _target(target: dict[str, Any] | None, kernels: dict[str, Any]) -> dict[str, Any] | None:
    """Summarize what was measured in the interpreter of a target; None where that is LiteRT."""
    if not target:
        return None
    run = kernels[target["kernels"]]
    return {
        "name": target["name"],
        "kind": target["kind"],
        "kernels": target["kernels"],
        "operators": len(target["operators"]),
        "arena": target["arena"],
        "arena_bytes": (target["arena"] or {}).get("smallest"),
        **{key: run[key] for key in ("metric", "agreement", "samples", "flips", "error")},
    }


def _verdict(outcomes: Mapping[str, Outcome]) -> dict[str, Any]:
    return {
        "passed": all(outcome.passed for outcome in outcomes.values()),
        "checks": {name: outcome.as_json() for name, outcome in outcomes.items()},
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
