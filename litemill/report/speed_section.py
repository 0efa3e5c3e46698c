"""What machines measured: latency, throughput, start-up, memory and time by operator."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

from litemill.report.markup import (
    Head,
    bar,
    cell,
    link,
    measure,
    more,
    note,
    number,
    row_head,
    section,
    table,
    value,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

Row = dict[str, Any]
HOW = "Run litemill benchmark, here or on a device with the release, and commit measured/."


def measured(report: dict[str, Any]) -> str:
    """Give a section on speed; it says how to measure where nobody did."""
    parts = [
        part
        for name, machine in report["machines"].items()
        for part in _machine(name, machine, report["variants"])
    ]
    empty = [note(f"Nothing was measured yet. {HOW}")]
    return section("speed", "Speed", *(parts or empty))


def _machine(name: str, machine: dict[str, Any], rows: list[Row]) -> list[str]:
    results = [(row["variant"], row["latency"][name]) for row in rows if name in row["latency"]]
    current = [(variant, one) for variant, one in results if one["current"]]
    stale = [variant for variant, one in results if not one["current"]]
    parts = [f"<h3>{escape(name)}</h3>", note(_described(machine))]
    parts.append(f"<p>{link(f'../../measured/{name}.json', f'measured/{name}.json')}</p>")
    if stale:
        told = "measured as other bytes than they are now, and not shown: "
        parts.append(
            f'<p><span class="mark stale">stale</span> {told}{escape(", ".join(stale))}</p>'
        )
    if current:
        parts += [_latencies(name, current), *_operators(name, current)]
    return parts


def time_unit(latencies: Iterable[float]) -> tuple[str, float]:
    """Give the unit in which latencies of milliseconds read best, and what to multiply them by."""
    return ("ms", 1.0) if max(latencies, default=0.0) >= 1 else ("µs", 1000.0)


def _latencies(name: str, results: list[tuple[str, Row]]) -> str:
    slowest = max(run["latency_ms"]["p50"] for _, one in results for run in one["threads"])
    unit, scale = time_unit([slowest])
    titles = [f"{key} {unit}" for key in ("p50", "p90", "p99", "min")]
    heads = [Head("Variant"), *map(number, ("Threads", *titles, "samples/s", "start-up ms",
             "peak MiB"))]  # fmt: skip
    rows = []
    for variant, one in results:
        for run in one["threads"]:
            times = {key: run["latency_ms"][key] * scale for key in ("p50", "p90", "p99", "min")}
            peak = None if run["peak_kib"] is None else run["peak_kib"] / 1024
            rows.append([
                row_head(variant, sticky=True),
                value(run["threads"], "d"),
                measure(times["p50"], extra=bar(run["latency_ms"]["p50"] / slowest)),
                *map(measure, (times["p90"], times["p99"], times["min"])),
                *map(measure, (run["per_second"], run["startup_ms"], peak)),
            ])  # fmt: skip
    return table(f"One call, on {name}", heads, rows, sortable=True)


def _operators(name: str, results: list[tuple[str, Row]]) -> list[str]:
    """Give the time by kind of operator, most first, for each variant that was profiled."""
    folded = []
    for variant, one in results:
        shares: dict[tuple[str, str], list[float]] = {}
        for operator in one["operators"]:
            shares.setdefault((operator["name"], operator["by"]), []).append(operator["share"])
        rows = [
            [row_head(kind), cell(by), value(len(every), "d"),
             value(sum(every), ".1%"), f"<td>{bar(sum(every), 'left')}</td>"]
            for (kind, by), every in sorted(shares.items(), key=lambda item: -sum(item[1]))
        ]  # fmt: skip
        heads = [Head("Operator"), Head("Run by"), number("Count"), number("Share"), Head("Time")]
        caption = f"Time by operator of {variant} on {name}"
        if rows:
            shown = f'<div class="bars">{table(caption, heads, rows)}</div>'
            folded.append(more(f"Time by operator: {variant}", shown))
        elif one["unprofiled"]:
            folded.append(note(f"{variant} was not profiled: {one['unprofiled']}"))
    return folded


def _described(machine: dict[str, Any]) -> str:
    """Say what a machine is, as far as its file tells."""
    words = {
        "processor": "{}",
        "architecture": "{}",
        "cores": "{} cores",
        "memory_mib": "{:,} MiB of memory",
        "governor": "governor {}",
        "system": "{}",
        "python": "Python {}",
        "litert": "LiteRT {}",
    }
    told = (form.format(machine[key]) for key, form in words.items() if machine.get(key))
    return ", ".join(told) + "."
