"""The verdicts of a report in words: one sentence of all, one line for every failed check."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator


def headline(report: dict[str, Any]) -> str:
    """Say in one sentence how many variants pass."""
    total = len(report["variants"])
    failed = sum(not row["passed"] for row in report["variants"])
    checks = len(failed_checks(report))
    if failed:
        return f"{failed} of {_count(total, 'variant')} failed, by {_count(checks, 'check')}."
    return f"All {total} variants passed." if total > 1 else "The one variant passed."


def failed_checks(report: dict[str, Any]) -> list[str]:
    """Give a line for every failed check: `int8.snr_db: found 12 dB; expected at least 20`."""
    return [
        f"{row['variant']}.{name}: {outcome['told']}"
        for row in report["variants"]
        for name, outcome in row["checks"].items()
        if not outcome["passed"]
    ]


def table_notes(report: dict[str, Any]) -> list[str]:
    """Give what a table does not show: how sure the drop is, the worst class, kernels, advice."""
    return [
        f"{row['variant']}: {told}" for row in report["variants"] for told in _notes(report, row)
    ]


def _notes(report: dict[str, Any], row: dict[str, Any]) -> Iterator[str]:
    metric = (report["metric"] or {"name": "metric"})["name"]
    if row["interval"] and any(row["interval"]["drop"]):
        low, high = row["interval"]["drop"]
        yield f"{metric} drops by {low:.3g} to {high:.3g} ({row['confidence']:.0%} interval)"
    if worst := row["worst_class"]:
        of = _count(worst["samples"], "sample")
        yield f"class {worst['class']} loses most: {worst['drop']:.3g} of {metric}, on {of}"
    for kernels, flips in (row["flips"] or {}).items():
        if flips:
            yield f"{_count(flips, 'answer')} change with the kernels {kernels!r}"
    yield from row["advice"]


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
