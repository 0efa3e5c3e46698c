"""Data of `dvc plots show`, which the DVC extension for VS Code shows, too."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from litemill.core.files import write_text
from litemill.report.summary import format_csv

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

MAX_SAMPLES = 20_000  # in a confusion matrix: DVC's template needs a line for each


def write_plots(
    folder: Path, report: dict[str, Any], measurements: Mapping[str, dict[str, Any]]
) -> None:
    """Write size.csv and, where there are classes, confusion/<variant>.csv.

    Args:
        folder: where to write; it may exist.
        report: the report.
        measurements: what validate wrote, by variant.
    """
    folder.mkdir(exist_ok=True)
    write_text(folder / "size.csv", _points(report))
    (folder / "confusion").mkdir()
    for variant, measured in measurements.items():
        if (confusion := measured.get("confusion")) and sum(
            map(sum, confusion["variant"])
        ) <= MAX_SAMPLES:
            write_text(folder / "confusion" / f"{variant}.csv", _confusion(confusion))


def _points(report: dict[str, Any]) -> str:
    """Return size and quality: the metric, or without one the similarity to the source model."""
    name = report["metric"]["name"] if report["metric"] else "cosine_similarity"
    points = [
        [row["variant"], row["size_kb"], _quality(row), name, row["passed"]]
        for row in report["variants"]
    ]
    header = ["variant", "size_kb", "quality", "quality_is", "passed"]
    return format_csv(header, [point for point in points if point[2] is not None])


def _quality(row: dict[str, Any]) -> float | None:
    cosines = [output["cosine_similarity"] for output in row["outputs"].values()]
    worst = min((cosine for cosine in cosines if cosine is not None), default=None)
    return row["metric"] if row["metric"] is not None else worst


def _confusion(confusion: dict[str, Any]) -> str:
    labels = confusion["labels"]
    rows = [
        [actual, predicted]
        for actual, counts in zip(labels, confusion["variant"], strict=True)
        for predicted, count in zip(labels, counts, strict=True)
        for _ in range(count)
    ]
    return format_csv(["actual", "predicted"], rows)
