"""What machines measured: latency, throughput, start-up, memory and time by operator."""

from __future__ import annotations

from typing import Any

from stages.markup import Head, bar, cell, link, more, note, number, row_head, section, table, value

Row = dict[str, Any]
HOW = "`litemill benchmark` measures on the machine that it runs on, and writes measured/."
DESCRIBED = ("processor", "architecture", "cores", "memory_mib", "governor", "system", "python",
             "litert")  # fmt: skip


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
    parts = [f"<h3>{name}</h3>", note(_described(machine))]
    parts.append(f"<p>{link(f'../../measured/{name}.json', f'measured/{name}.json')}</p>")
    if stale:
        told = "measured as other bytes than they are now, and not shown: "
        parts.append(f'<p><span class="mark stale">stale</span> {told}{", ".join(stale)}</p>')
    if current:
        parts += [_latencies(name, current), *_operators(name, current)]
    return parts


def _latencies(name: str, results: list[tuple[str, Row]]) -> str:
    slowest = max(run["latency_ms"]["p50"] for _, one in results for run in one["threads"])
    heads = [Head("Variant"), *map(number, ("Threads", "p50 ms", "p90 ms", "p99 ms", "min ms",
             "samples/s", "start-up ms", "peak MiB"))]  # fmt: skip
    rows = [
        [
            row_head(variant, sticky=True),
            value(run["threads"], "d"),
            value(run["latency_ms"]["p50"], extra=bar(run["latency_ms"]["p50"] / slowest)),
            *(value(run["latency_ms"][key]) for key in ("p90", "p99", "min")),
            value(run["per_second"], ",.0f"),
            value(run["startup_ms"], ".3g"),
            value(None if run["peak_kib"] is None else run["peak_kib"] / 1024, ".1f"),
        ]
        for variant, one in results
        for run in one["threads"]
    ]
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
    words = [
        f"{key.replace('_mib', ' (MiB)')} {machine[key]}" for key in DESCRIBED if machine.get(key)
    ]
    return ", ".join(words) + "."
