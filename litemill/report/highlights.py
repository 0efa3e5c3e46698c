"""What stands out of a report: the closest limits, the largest losses, the smallest file."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from litemill.evaluation.checks import check_names
from litemill.report.sentences import interval_text, loss_text
from litemill.report.verdict import short_number

Row = dict[str, Any]


@dataclass(frozen=True)
class Highlight:
    """A fact about the release, such as *Closest limit: passes by 7 samples (int8: snr_db)*.

    Attributes:
        title: what it is about.
        answer: the number or name.
        note: where it is, or how certain.
    """

    title: str
    answer: str
    note: str


def highlights(report: dict[str, Any]) -> list[Highlight]:
    """Return what stands out, in the order of the page's tiles."""
    rows = report["variants"]
    candidates = [
        _smallest_file(report),
        _largest_loss(report),
        _worst_class(rows),
        _closest_limit(rows),
        _kernel_disagreement(rows),
    ]
    return [highlight for highlight in candidates if highlight]


def closest_check(row: Row) -> str | None:
    """Name the check that decides about a variant: that with least left of what its limit allows.

    A check that failed has less than nothing left, and one without a number least of all. None
    where nothing failed and no check has a limit.
    """
    left = {
        name: -math.inf if outcome["margin_share"] is None else outcome["margin_share"]
        for name, outcome in row["checks"].items()
        if not outcome["passed"] or _is_chosen(name, outcome)
    }
    # Of several that failed without a number, or that have as much left, the first by name.
    return min(
        left, key=lambda name: (row["checks"][name]["passed"], left[name], name), default=None
    )


def closest_limit(row: Row) -> tuple[str, str] | None:
    """Return the check that decides about a variant, and its margin in words."""
    if (name := closest_check(row)) is None:
        return None
    outcome = row["checks"][name]
    if outcome["passed"]:
        return name, f"passes by {margin_text(outcome)}"
    return name, "failed" if outcome["margin"] is None else f"fails by {margin_text(outcome)}"


def common_limit(rows: list[Row], check: str) -> float | None:
    """Return the limit of every variant that runs; None where they are not the same."""
    limits = {row["checks"].get(check, {}).get("limit") for row in rows if not row["error"]}
    return limits.pop() if len(limits) == 1 else None


def kernel_disagreement_text(run: Row) -> str:
    """Write how many predictions differ: `2 of 360`, of answers where a sample has several."""
    several = run["answers"] != run["samples"]
    return f"{run['flips']:,} of {run['answers']:,}{' answers' if several else ''}"


def confidence_text(rows: list[Row]) -> str:
    """Return the level of the confidence intervals: `95%`; empty where there are none."""
    return next((f"{row['confidence'] * 100:g}%" for row in rows if row.get("confidence")), "")


def margin_text(outcome: Row) -> str:
    """Write a distance to the limit: in samples, where the check counts them."""
    if (count := outcome.get("margin_samples")) is not None:
        return f"{abs(count):,} {outcome['counted']}{'' if abs(count) == 1 else 's'}"
    return short_number(abs(outcome["margin"]))


def _is_chosen(name: str, outcome: Row) -> bool:
    """Return whether somebody chose a check's limit: that of `finite` is 0 for everybody."""
    return name in check_names() and outcome.get("margin_share") is not None


def _smallest_file(report: dict[str, Any]) -> Highlight | None:
    passed = [row for row in report["variants"] if row["passed"]]
    if not passed:
        return None
    row = min(passed, key=lambda row: row["bytes"])
    size = f"{row['size_kb']:.1f} KiB, {row['share'] or 0:.0%} of {report['baseline']}"
    return Highlight("Smallest that passes", row["variant"], size)


def _largest_loss(report: dict[str, Any]) -> Highlight | None:
    rows = [row for row in report["variants"] if row["drop"] is not None]
    if not rows:
        return None
    row = max(rows, key=lambda row: row["drop"])
    if row["drop"] <= 0:
        return Highlight("Largest loss", "none", "no variant is worse than the source model")
    note = ", ".join(part for part in (row["variant"], interval_text(row, report)) if part)
    return Highlight("Largest loss", loss_text(row, report), note)


def _worst_class(rows: list[Row]) -> Highlight | None:
    classes = [(row["worst_class"], row["variant"]) for row in rows if row["worst_class"]]
    if not classes:
        return None
    worst, variant = max(classes, key=lambda item: item[0]["drop"])
    note = f"{variant}: {worst['source']:.3g} to {worst['variant']:.3g}, {worst['samples']} samples"
    return Highlight("Class that lost most", str(worst["class"]), note)


def _closest_limit(rows: list[Row]) -> Highlight | None:
    """Return the closest limit of all variants: that of the table which has least left."""
    closest = [(row, name) for row in rows if (name := closest_check(row))]
    if not closest:
        return None
    row, name = min(closest, key=lambda item: _left(*item))
    _, margin = closest_limit(row) or ("", "")
    share = row["checks"][name]["margin_share"]
    left = f", {share:.0%} of what it allows is left" if share is not None and share >= 0 else ""
    return Highlight("Closest limit", margin, f"{row['variant']}: {name}{left}")


def _left(row: Row, name: str) -> tuple[bool, float]:
    share = row["checks"][name]["margin_share"]
    return row["checks"][name]["passed"], -math.inf if share is None else share


def _kernel_disagreement(rows: list[Row]) -> Highlight | None:
    runs = [
        (run, f"{row['variant']}, {name} kernels")
        for row in rows
        for name, run in row.get("kernels", {}).items()
        if run["flips"] is not None and name != "default"
    ]
    if not runs:
        return None
    run, place = max(runs, key=lambda item: item[0]["flips"] / (item[0]["answers"] or 1))
    note = place if run["flips"] else "all kernels give the same predictions"
    return Highlight("Kernel-dependent predictions", kernel_disagreement_text(run), note)
