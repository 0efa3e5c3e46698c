"""The columns of the table of variants: what page, terminal, Markdown, CSV and documents show.

To add one, add it here; docs/report.md lists them, and its test prints the missing line.
"""

from __future__ import annotations

from functools import partial
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from litemill.core.number_format import significant_format
from litemill.report.column import Bar, Column
from litemill.report.highlights import closest_limit, confidence_text
from litemill.report.verdict import metric_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

Row = dict[str, Any]


def columns(report: dict[str, Any]) -> list[Column]:
    """Return the columns of a report, left to right."""
    metric, rows = metric_name(report), report["variants"]
    largest_drop = max((abs(row["drop"] or 0) for row in rows), default=0)
    return [
        Column(
            "variant", "variant", "name", _field("variant"), _field("variant"), 9, number=False
        ),
        _csv("bytes", "size of the file in bytes"),
        Column(
            "size_kb", "KiB", "size of the file", _field("size_kb"), _format("size_kb", ".1f"), 8,
            bar=lambda row: Bar(row["share"] or 0),
        ),
        Column(
            "share", f"of {report['baseline']}",
            "size as a share of float32's, or of the largest variant's",
            _field("share"), _format("share", ".0%"), 3, below="size_kb",
        ),
        Column(
            "source_metric", f"source {metric}", "the task's metric of the source model",
            _field("source_metric"), _metric("source_metric"), 1,
        ),
        Column(
            "metric", metric, "the task's metric of the variant",
            _field("metric"), _metric("metric"), 7,
        ),
        *_interval(confidence_text(rows)),
        Column(
            "drop", "drop", "by how much the metric is worse than the source model's",
            _field("drop"), _metric("drop"), 5, bar=partial(_drop_bar, largest=largest_drop),
        ),
        Column(
            "agreement", "agreement", "share of predictions that are the source model's",
            _field("agreement"), _format("agreement", ".2%"), 2,
        ),
        Column(
            "snr_db", "SNR dB", "signal to noise of the outputs, against the source model's",
            _field("snr_db"), snr_text, 4,
        ),
        *_target(rows),
        _csv("exact", "whether every output equals the source model's"),
        _csv("max_abs_error", "largest error of an output, in its own unit"),
        *_latencies(report),
        Column(
            "closest_limit", "closest limit", "the check with least left of what its limit allows",
            _closest_limit, _closest_limit, 6, number=False,
        ),
        Column(
            "passed", "verdict", "whether every check passed",
            _field("passed"), lambda row: "pass" if row["passed"] else "FAIL", 8, number=False,
        ),
        _csv("error", "why the file does not run"),
    ]  # fmt: skip


def snr_text(row: Row) -> str:
    """Write how far noise is below the outputs, in decibels; `exact` is no noise at all."""
    return "exact" if row["exact"] else _format("snr_db", ".1f")(row)


def time_unit(latencies: Iterable[float]) -> tuple[str, float]:
    """Return the unit that suits latencies in milliseconds, and what to multiply them by."""
    return ("ms", 1.0) if max(latencies, default=0.0) >= 1 else ("µs", 1000.0)


def _field(key: str) -> Callable[[Row], Any]:
    return itemgetter(key)


def _csv(key: str, about: str) -> Column:
    return Column(key, "", about, _field(key))


def _format(key: str, spec: str) -> Callable[[Row], str]:
    return lambda row: "" if row[key] is None else format(row[key], spec)


def _metric(key: str) -> Callable[[Row], str]:
    """Write a metric; one that is a share to four decimals, which then stand below each other."""

    def text(row: Row) -> str:
        if (value := row[key]) is None:
            return ""
        is_share = all(abs(row[name] or 0) <= 1 for name in ("metric", "source_metric"))
        return f"{value:.4f}" if is_share and round(value, 4) else f"{value:.4g}"

    return text


def _target(rows: Iterable[Row]) -> list[Column]:
    """Return what was measured in the targets' own interpreters, where a variant has such one."""
    if not any(row["target"] for row in rows):
        return []
    return [
        Column("target", "target", "where the variant runs", _target_name, _target_name, 3,
               number=False),
        Column(
            "arena_bytes", "arena", "bytes of the smallest arena of TensorFlow Lite Micro, on a"
            " machine of 64 bits", partial(_of_target, key="arena_bytes"),
            partial(_target_text, key="arena_bytes", spec=",d"), 3,
        ),
        Column(
            "target_operators", "operators", "kernels to link for TensorFlow Lite Micro",
            partial(_of_target, key="operators"),
            partial(_target_text, key="operators", spec="d"), 1,
        ),
        Column(
            "target_agreement", "on target", "agreement in the target's own interpreter",
            partial(_of_target, key="agreement"),
            partial(_target_text, key="agreement", spec=".2%"), 3,
        ),
        Column(
            "target_metric", "", "the task's metric in the target's own interpreter",
            partial(_of_target, key="metric"),
        ),
        *(_npu() if any(row["compile"] for row in rows) else ()),
    ]  # fmt: skip


def _npu() -> list[Column]:
    """Return what the compiler says, where a variant runs on an NPU."""
    return [
        Column(
            "npu_share", "on NPU", "share of operators that run on the NPU",
            partial(_of_compile, key="npu_share"),
            partial(_compile_text, key="npu_share", spec=".0%"), 3,
        ),
        Column(
            "npu_sram_bytes", "NPU SRAM", "bytes of SRAM, by the compiler's estimate",
            partial(_of_compile, key="sram_bytes"),
            partial(_compile_text, key="sram_bytes", spec=",d"), 1,
        ),
        Column(
            "npu_ms", "NPU ms (estimate)", "milliseconds of an inference, by Vela's estimate",
            partial(_of_compile, key="ms"),
            partial(_compile_text, key="ms", spec=".3g"), 2,
        ),
    ]  # fmt: skip


def _of_compile(row: Row, key: str) -> Any:
    return (row["compile"] or {}).get(key)


def _compile_text(row: Row, key: str, spec: str) -> str:
    value = _of_compile(row, key)
    return format(value, spec) if value is not None else "" if row["compile"] else "-"


def _target_name(row: Row) -> str:
    return row["target"]["name"] if row["target"] else "cpu"


def _of_target(row: Row, key: str) -> Any:
    return row["target"][key] if row["target"] else None


def _target_text(row: Row, key: str, spec: str) -> str:
    value = _of_target(row, key)
    return format(value, spec) if value is not None else "" if row["target"] else "-"


def _interval(confidence: str) -> list[Column]:
    if not confidence:
        return []
    return [
        Column(
            "interval", confidence, "confidence interval of the variant's metric",
            partial(_end, end=0), _interval_text, 2, in_csv=False, below="metric",
        ),
        Column("metric_low", "", "lower end of that interval", partial(_end, end=0)),
        Column("metric_high", "", "upper end of that interval", partial(_end, end=1)),
    ]  # fmt: skip


def _end(row: Row, end: int) -> float | None:
    return row["interval"]["variant"][end] if row["interval"] else None


def _interval_text(row: Row) -> str:
    if not row["interval"]:
        return ""
    low, high = row["interval"]["variant"]
    return f"{low:.3g} to {high:.3g}"


def _drop_bar(row: Row, largest: float) -> Bar | None:
    return Bar(abs(row["drop"]) / largest, worse=row["drop"] > 0) if row["drop"] else None


def _closest_limit(row: Row) -> str:
    return " ".join(closest_limit(row) or ())


def _latencies(report: dict[str, Any]) -> list[Column]:
    """Return a column for each machine that measured the files as they are now."""
    rows = report["variants"]
    medians = {
        machine: [p50 for row in rows if (p50 := _median(row, machine)) is not None]
        for machine in report.get("machines") or {}
        if any(machine in row["latency"] for row in rows)
    }
    unit, scale = time_unit(time for times in medians.values() for time in times)
    return [
        Column(
            f"{machine}_p50_ms", f"{machine} p50 {unit}", "median latency, by machine of measured/",
            partial(_median, machine=machine),
            partial(_latency_text, machine=machine, scale=scale), 2,
            bar=partial(_latency_bar, machine=machine, slowest=max(times, default=0.0)),
        )
        for machine, times in medians.items()
    ]  # fmt: skip


def _median(row: Row, machine: str) -> float | None:
    result = row["latency"].get(machine)
    return result["threads"][0]["latency_ms"]["p50"] if result and result["current"] else None


def _latency_text(row: Row, machine: str, scale: float) -> str:
    if (p50 := _median(row, machine)) is None:
        return "stale" if machine in row["latency"] else ""
    return format(p50 * scale, significant_format(p50 * scale))


def _latency_bar(row: Row, machine: str, slowest: float) -> Bar | None:
    p50 = _median(row, machine)
    return None if p50 is None or not slowest else Bar(p50 / slowest)
