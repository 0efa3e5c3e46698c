"""The verdicts of a report in words: one sentence of all, one line for every failed check."""

from __future__ import annotations

from typing import Any


def headline(report: dict[str, Any]) -> str:
    """Say in one sentence how many variants pass."""
    total = len(report["variants"])
    failed = sum(not row["passed"] for row in report["variants"])
    checks = len(failures(report))
    if failed:
        return f"{failed} of {_count(total, 'variant')} failed, by {_count(checks, 'check')}."
    return f"All {total} variants passed." if total > 1 else "The one variant passed."


def failures(report: dict[str, Any]) -> list[str]:
    """Give a line for every failed check: `int8.snr_db: found 12 dB; expected at least 20`."""
    return [
        f"{row['variant']}.{name}: {outcome['told']}"
        for row in report["variants"]
        for name, outcome in row["checks"].items()
        if not outcome["passed"]
    ]


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
