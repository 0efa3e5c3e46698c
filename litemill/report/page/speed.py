"""What machines measured: latency, throughput, start-up, memory and time by operator."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from litemill.report.columns import time_unit

if TYPE_CHECKING:
    from collections.abc import Iterator

Row = dict[str, Any]
DESCRIPTION = {
    "processor": "{}",
    "architecture": "{}",
    "cores": "{} cores",
    "memory_mib": "{:,} MiB of memory",
    "governor": "governor {}",
    "system": "{}",
    "python": "Python {}",
    "litert": "LiteRT {}",
}


def machine_speed(report: dict[str, Any]) -> list[Row]:
    """Return what the section on speed shows of each machine.

    Args:
        report: the report.

    Returns:
        For each machine `name`, `description`, `stale`: variants that it measured as other bytes
        than they are now, `runs` of the others, the `slowest` median, `heads` of the table, the
        `scale` of its times, and `profiles` by operator.
    """
    return [
        _machine(name, machine, report["variants"]) for name, machine in report["machines"].items()
    ]


def _machine(name: str, machine: Row, rows: list[Row]) -> Row:
    measured = [(row["variant"], row["latency"][name]) for row in rows if name in row["latency"]]
    results = [(variant, result) for variant, result in measured if result["current"]]
    runs = [{"variant": name, "run": run} for name, result in results for run in result["threads"]]
    medians = [line["run"]["latency_ms"]["p50"] for line in runs]
    unit, scale = time_unit(medians)
    times = [f"{key} {unit}" for key in ("p50", "p90", "p99", "min")]
    return {
        "name": name,
        "description": ", ".join(_describe(machine)),
        "stale": [variant for variant, result in measured if not result["current"]],
        "runs": runs,
        "slowest": max(medians, default=0.0) or 1.0,
        "heads": ["Threads", *times, "samples/s", "start-up ms", "peak MiB"],
        "scale": scale,
        "profiles": [
            {"variant": name, "kinds": _kinds(result["operators"]), "reason": result["unprofiled"]}
            for name, result in results
        ],
    }


def _describe(machine: Row) -> Iterator[str]:
    return (form.format(machine[key]) for key, form in DESCRIPTION.items() if machine.get(key))


def _kinds(operators: list[Row]) -> list[Row]:
    """Sum up the time by kind of operator and by what runs it, most first."""
    shares: dict[tuple[str, str], list[float]] = {}
    for operator in operators:
        shares.setdefault((operator["name"], operator["by"]), []).append(operator["share"])
    kinds = [
        {"name": name, "by": by, "number": len(parts), "share": sum(parts)}
        for (name, by), parts in shares.items()
    ]
    return sorted(kinds, key=lambda kind: -kind["share"])
