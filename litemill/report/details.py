"""Each variant in depth: checks, outputs, errors, classes, layers, operators."""

from __future__ import annotations

import math
from html import escape
from typing import TYPE_CHECKING, Any

from litemill.report.confusion_table import confusion_changes
from litemill.report.figures import histogram, quarters
from litemill.report.highlights import closest_limit
from litemill.report.markup import (
    NOTHING,
    Head,
    bar,
    cell,
    link,
    mark,
    more,
    note,
    number,
    row_head,
    table,
    value,
)
from litemill.report.summary import snr

if TYPE_CHECKING:
    from collections.abc import Iterator

Row = dict[str, Any]
SHOWN = 10  # rows that stand open; further ones are folded away


def details(row: Row, measured: dict[str, Any] | None) -> str:
    """Give the section of a variant; closed, unless it failed.

    Args:
        row: of the report.
        measured: what validate wrote; None tells what the report itself knows.
    """
    name, depth = row["variant"], measured or {}
    parts = [_files(row), '<div class="columns">', f"<div>{_checks(row)}</div>"]
    parts += [f"<div>{part}</div>" for part in (*_outputs(row, depth), *_classes(name, depth))]
    parts += ["</div>", *_layers(name, depth), *_operators(name, depth)]
    least = closest_limit(row)
    told = f"{least[0]} {least[1]}" if least else ""
    head = f"<h3>{escape(name)}</h3>{mark(passed=row['passed'])}"
    for text in (f"{row['size_kb']:.1f} KiB", told):
        head += f'<span class="soft">{escape(text)}</span>'
    start = f'<details class="variant" id="variant-{escape(name)}"'
    start += ">" if row["passed"] else " open>"
    body = "\n".join(parts)
    return f"{start}\n<summary>{head}</summary>\n<div>\n{body}\n</div>\n</details>"


def _files(row: Row) -> str:
    name = row["variant"]
    links = [
        link(f"../convert/{name}/model.tflite", "model.tflite"),
        link(f"../convert/{name}/record.json", "conversion"),
        link(f"../validate/{name}.json", "all measurements"),
    ]
    return (
        f"<p>{' · '.join(links)}</p>\n"
        f'<p class="soft">{row["bytes"]:,} bytes, SHA-256 <code>{escape(row["sha256"])}</code></p>'
    )


def _checks(row: Row) -> str:
    rows = [
        [
            row_head(name, note=outcome["told"]),
            f"<td>{mark(passed=outcome['passed'], absent=outcome['absent'])}</td>",
            value(outcome["margin"], ".3g"),
        ]
        for name, outcome in row["checks"].items()
    ]
    heads = [Head("Check"), Head("Result"), number("Margin")]
    return "<h4>Checks</h4>" + table(f"Checks of {row['variant']}", heads, rows)


def _outputs(row: Row, depth: Row) -> Iterator[str]:
    name = row["variant"]
    for index, (output, found) in enumerate(row["outputs"].items()):
        exact = {**found, "exact": found["max_abs_error"] == 0, "error": None}
        rows = [
            [row_head("SNR, dB"), cell(snr(exact), right=True)],
            [row_head("Largest error"), value(found["max_abs_error"])],
            [row_head("Mean error"), value(found["mean_abs_error"])],
            [row_head("Cosine similarity"), value(found["cosine_similarity"], ".6g")],
            [row_head("NaN or infinite"), value(found["non_finite"], "d")],
            [row_head("Source's range"), cell(_span(found.get("reference_range")), right=True)],
        ]
        heads = [Head("Measure"), number("Value")]
        shown = table(f"Output {output} of {name} against the source model", heads, rows)
        errors = (depth.get("histograms") or {}).get(output)
        figure = _histogram(f"{name}, output {output}", errors, f"h-{name}-{index}")
        yield f"<h4>Output {escape(output)}</h4>{shown}{figure}"


def _span(ends: list[float] | None) -> str:
    """Say from where to where values go; None is that none of them is finite."""
    return NOTHING if ends is None else f"{ends[0]:.4g} to {ends[1]:.4g}"


def _histogram(name: str, errors: Row | None, identity: str) -> str:
    if not errors:
        return ""
    rows = [
        [row_head(f"{low:.3g} to {high:.3g}"), value(count, ",d")]
        for low, high, count in quarters(errors)
    ]
    outside = (errors.get("below") or 0) + (errors.get("above") or 0)
    legend = "Errors, variant minus source. Heights are square roots of counts, so that few show."
    legend += f" {outside:,} lie further out." if outside else ""
    counts = table(f"Errors of {name}", [Head("Error"), number("Values")], rows)
    return (
        f"<figure>{histogram(name, errors, identity)}<figcaption>{escape(legend)}</figcaption>"
        f"</figure>{more('Counts', counts)}"
    )


def _classes(name: str, depth: Row) -> Iterator[str]:
    """Give classes and slices, the worst first, and whose answers became others."""
    parts = {"class": depth.get("per_class"), **(depth.get("per_slice") or {})}
    for kind, found in parts.items():
        if found:
            ranked = sorted(found, key=lambda one: -(one["drop"] or 0))
            shown = _folded(f"Metric by {kind}, {name}", [_class(one, ranked) for one in ranked])
            shown = f'<div class="bars">{shown}</div>'
            if (ranked[0]["drop"] or 0) <= 0:
                shown = note(f"No {kind} lost anything.") + more("All of them", shown)
            yield f"<h4>By {escape(kind)}</h4>{shown}"
    if depth.get("confusion"):
        yield f"<h4>Confusion</h4>{confusion_changes(name, depth['confusion'])}"


def _class(one: Row, every: list[Row]) -> list[str]:
    drop = one["drop"] or 0
    most = max(abs(other["drop"] or 0) for other in every)
    shape = bar(abs(drop) / most, "left worse" if drop > 0 else "left") if most and drop else ""
    return [
        row_head(str(one.get("class", one.get("value")))),
        value(one["samples"], "d"),
        value(one["source"], ".4g"),
        value(one["variant"], ".4g"),
        value(one["drop"], ".3g"),
        f"<td>{shape}</td>",
    ]


def _folded(caption: str, rows: list[list[str]], heads: list[Head] | None = None) -> str:
    heads = heads or [Head("Name"), *map(number, ("Samples", "Source", "Variant", "Drop")),
                      Head("Worse by")]  # fmt: skip
    shown = table(caption, heads, rows[:SHOWN])
    if len(rows) <= SHOWN:
        return shown
    rest = table(f"{caption}, the others", heads, rows[SHOWN:])
    return shown + more(f"{len(rows) - SHOWN} more", rest)


def _layers(name: str, depth: Row) -> list[str]:
    """Give where quantization hurts, the worst first, and what to do about it."""
    if not (layers := depth.get("layers")):
        return []
    most = max((_noise(one) for one in layers), default=1.0) or 1.0
    rows = [
        [
            row_head(_layer(one["name"]), note=one["operator"]),
            value(one["snr_db"], ".1f"),
            value(one["mean_abs_error"], ".3g"),
            value(one["max_abs_error"], ".3g"),
            cell(_span(one["range"]), right=True),
            f"<td>{bar(_noise(one) / most, 'left worse')}</td>",
        ]
        for one in layers
    ]
    heads = [Head("Layer"), *map(number, ("SNR dB", "Mean error", "Max error", "Range")),
             Head("Noise to signal")]  # fmt: skip
    advice = "".join(f"<li>{escape(one)}</li>" for one in depth.get("advice") or [])
    shown = _folded(f"Error of each layer of {name}", rows, heads)
    return [
        "<h4>Where quantization hurts</h4>",
        f"<ul>{advice}</ul>" if advice else "",
        f'<div class="bars">{shown}</div>',
    ]


def _layer(name: str) -> str:
    """Give the first name of a tensor that stands for several fused ones."""
    first, *others = name.split(";")
    return f"{first} (and {len(others)} fused)" if others else first


def _noise(layer: Row) -> float:
    """Give noise as a share of the signal: a bar in decibels would be longest where all is well."""
    return 0.0 if layer["snr_db"] is None else min(math.pow(10, -layer["snr_db"] / 20), 10.0)


def _operators(name: str, depth: Row) -> list[str]:
    if not (operators := depth.get("operators")):
        return []
    rows = [
        [row_head(one["name"]), value(one["count"], "d"), cell(one["types"])]
        for one in sorted(operators, key=lambda one: (-one["count"], one["name"]))
    ]
    heads = [Head("Operator"), number("Count"), Head("Types, constants in parentheses")]
    least = depth.get("min_runtime_version")
    told = note(f"Runs on TensorFlow Lite {least} and later.") if least else ""
    return [more("Operators", told, table(f"Operators of {name}", heads, rows))]
