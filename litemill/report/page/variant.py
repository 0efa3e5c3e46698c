"""What the page shows of one variant: checks, outputs, classes, layers, operators."""

from __future__ import annotations

import math
from typing import Any

from litemill.report.columns import snr_text
from litemill.report.figures import histogram, histogram_bins, outside_count
from litemill.report.highlights import closest_limit

Row = dict[str, Any]
LARGEST_MATRIX = 20  # classes of which a matrix can be read
LISTED_CHANGES = 12  # cells of a confusion matrix that changed most


def variant_details(row: Row, measured: Row, number: int) -> Row:
    """Return what the template variant.html.j2 shows.

    Args:
        row: of the report.
        measured: what validate wrote; empty shows what the report itself holds.
        number: of the variant; names on the page are made of it.
    """
    return {
        "row": row,
        "closest_limit": " ".join(closest_limit(row) or ()),
        "outputs": [
            _output(row, name, (measured.get("histograms") or {}).get(name), f"{number}-{index}")
            for index, name in enumerate(row["outputs"])
        ],
        "classes": _classes(measured),
        "confusion": _confusion(measured.get("confusion")),
        "advice": measured.get("advice") or [],
        "layers": _layers(measured.get("layers") or []),
        "operators": sorted(
            measured.get("operators") or [], key=lambda one: (-one["count"], one["name"])
        ),
        "min_runtime_version": measured.get("min_runtime_version"),
    }


def _output(row: Row, name: str, errors: Row | None, identity: str) -> Row:
    measures = row["outputs"][name]
    exact = measures["max_abs_error"] == 0
    title = f"{row['variant']}, output {name}"
    return {
        "name": name,
        "measures": measures,
        "snr": snr_text({**measures, "exact": exact}),
        "histogram": histogram(title, errors, f"errors-{identity}") if errors else "",
        "bins": histogram_bins(errors) if errors else [],
        "outside": outside_count(errors) if errors else 0,
    }


def _classes(measured: Row) -> list[Row]:
    """Return the metric by class and by each kind of slice, the largest drops first."""
    groups = {"class": measured.get("per_class"), **(measured.get("per_slice") or {})}
    return [
        {
            "kind": kind,
            "rows": sorted(rows, key=lambda row: -(row["drop"] or 0)),
            "worst": max(row["drop"] or 0 for row in rows),
            "largest": max(abs(row["drop"] or 0) for row in rows),
        }
        for kind, rows in groups.items()
        if rows
    ]


def _confusion(confusion: Row | None) -> Row | None:
    """Return the cells that changed most, and the matrix where it can be read."""
    if not confusion:
        return None
    labels = [str(label) for label in confusion["labels"]]
    counts = list(zip(labels, confusion["source"], confusion["variant"], strict=True))
    changes = [
        (actual, predicted, before, after)
        for actual, befores, afters in counts
        for predicted, before, after in zip(labels, befores, afters, strict=True)
        if before != after
    ]
    changes.sort(key=lambda change: -abs(change[3] - change[2]))
    return {
        "labels": labels,
        "changes": changes[:LISTED_CHANGES],
        "further": max(0, len(changes) - LISTED_CHANGES),
        "matrix": counts if len(labels) <= LARGEST_MATRIX else [],
    }


def _layers(layers: list[Row]) -> list[Row]:
    """Add to each layer a title, and its noise as a share of the noisiest layer's."""
    noises = [_noise(layer) for layer in layers]
    largest = max(noises, default=0.0) or 1.0
    return [
        {**layer, "title": _tensor_title(layer["name"]), "noise": noise / largest}
        for layer, noise in zip(layers, noises, strict=True)
    ]


def _tensor_title(name: str) -> str:
    """Return the first name of a tensor that stands for several fused ones."""
    first, *others = name.split(";")
    return f"{first} (and {len(others)} fused)" if others else first


def _noise(layer: Row) -> float:
    """Return noise as a share of the signal: in decibels the best layer had the longest bar."""
    return 0.0 if layer["snr_db"] is None else min(math.pow(10, -layer["snr_db"] / 20), 10.0)
