"""The confusion matrix of a variant, and how it differs from that of the source model."""

from __future__ import annotations

from html import escape
from typing import Any

from litemill.report.markup import Head, more, note, number, row_head, table, value

LARGEST = 20  # classes of which a matrix can be read
LISTED = 12  # changes that are listed


def confusion_changes(name: str, found: dict[str, Any]) -> str:
    """Give the answers that became more or fewer, and the matrix where it can be read.

    Args:
        name: of the variant.
        found: "labels", and counts [actual][answered] of "source" and "variant".
    """
    labels = [str(label) for label in found["labels"]]
    changes = _changes(labels, found)
    if not changes:
        shown = note("Every cell is as the source model's: no answer moved between classes.")
    else:
        rows = [
            [row_head(actual), f"<td>{escape(answer)}</td>", value(before, "d"), value(after, "d")]
            for actual, answer, before, after in changes[:LISTED]
        ]
        heads = [Head("Actual"), Head("Answered"), number("Source"), number("Variant")]
        shown = table(f"Answers of {name} that became more or fewer", heads, rows)
        if len(changes) > LISTED:
            shown += note(f"And {len(changes) - LISTED} more cells.")
    if len(labels) > LARGEST:
        return shown
    return shown + more("Matrix", _matrix(name, labels, found))


def _changes(labels: list[str], found: dict[str, Any]) -> list[tuple[str, str, int, int]]:
    cells = [
        (actual, answer, before, after)
        for actual, befores, afters in zip(labels, found["source"], found["variant"], strict=True)
        for answer, before, after in zip(labels, befores, afters, strict=True)
        if before != after
    ]
    return sorted(cells, key=lambda cell: -abs(cell[3] - cell[2]))


def _matrix(name: str, labels: list[str], found: dict[str, Any]) -> str:
    rows = [
        [row_head(label), *(_cell(at == i, befores[i], count) for i, count in enumerate(counts))]
        for at, (label, befores, counts) in enumerate(
            zip(labels, found["source"], found["variant"], strict=True)
        )
    ]
    heads = [Head("Actual"), *(number(label) for label in labels)]
    caption = f"Answers of {name} by actual class; marked where the source model's count differs"
    return f'<div class="heat">{table(caption, heads, rows, seen=True)}</div>'


def _cell(right: bool, before: int, count: int) -> str:  # noqa: FBT001
    kind = "changed" if before != count else "right" if right else ""
    told = f' title="source {before}"' if before != count else ""
    return f'<td class="{kind}"{told}>{count or ""}</td>'
