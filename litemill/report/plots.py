"""Data of `dvc plots show`, which the DVC extension for VS Code shows, too."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from litemill.core.files import write_text
from litemill.report.summary import lines_csv

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

MOST = 20_000  # samples in a confusion matrix; DVC's template wants a line for each


def write_plots(folder: Path, told: dict[str, Any], depth: Mapping[str, dict[str, Any]]) -> None:
    """Write size.csv and, where there are classes, confusion/<variant>.csv.

    Args:
        folder: where to; it may be there.
        told: the report.
        depth: what validate wrote, by variant.
    """
    folder.mkdir(exist_ok=True)
    write_text(folder / "size.csv", _points(told))
    (folder / "confusion").mkdir()
    for variant, one in depth.items():
        if (found := one.get("confusion")) and sum(map(sum, found["variant"])) <= MOST:
            write_text(folder / "confusion" / f"{variant}.csv", _confusion(found))


def _points(told: dict[str, Any]) -> str:
    """Give size against quality: the metric, or cosine similarity to the source without one."""
    name = told["metric"]["name"] if told["metric"] else "cosine_similarity"
    points = [
        [row["variant"], row["size_kb"], _quality(row), name, row["passed"]]
        for row in told["variants"]
    ]
    header = ("variant", "size_kb", "quality", "quality_is", "passed")
    return lines_csv(header, [point for point in points if point[2] is not None])


def _quality(row: dict[str, Any]) -> float | None:
    cosines = [output["cosine_similarity"] for output in row["outputs"].values()]
    worst = min((cosine for cosine in cosines if cosine is not None), default=None)
    return row["metric"] if row["metric"] is not None else worst


def _confusion(found: dict[str, Any]) -> str:
    labels = found["labels"]
    rows = [
        [actual, predicted]
        for actual, counts in zip(labels, found["variant"], strict=True)
        for predicted, count in zip(labels, counts, strict=True)
        for _ in range(count)
    ]
    return lines_csv(("actual", "predicted"), rows)
