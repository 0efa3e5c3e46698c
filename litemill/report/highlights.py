"""What stands out of a report: the closest limits, the largest losses, the smallest file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from litemill.evaluation.checks import check_names
from litemill.report.verdict import short_number

Row = dict[str, Any]


@dataclass(frozen=True)
class Highlight:
    """A fact about the release, such as *Smallest margin: 7 samples (int8.top1_agreement)*.

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
        _largest_drop(report),
        _worst_class(rows),
        _smallest_margin(rows),
        _kernel_disagreement(rows),
    ]
    return [highlight for highlight in candidates if highlight]


def closest_limit(row: Row) -> tuple[str, str] | None:
    """Return the check that decides about a variant, and its margin in words.

    That is one that failed, or the one that passes by the fewest samples; where none counts
    samples, by the smallest share of its limit. None where no check has a limit.
    """
    failed = [item for item in row["checks"].items() if not item[1]["passed"]]
    if failed:
        name, outcome = failed[0]
        return f"{name} failed", "" if outcome["margin"] is None else f"by {_margin(outcome)}"
    limited = _limited_checks(row)
    if not limited:
        return None
    name = min(limited, key=lambda name: (*_closeness(limited[name]), name))
    return name, f"passes by {_margin(limited[name])}"


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


def _limited_checks(row: Row) -> dict[str, Row]:
    """Return the checks whose limit somebody chose: the limit of `finite` is 0 for everybody."""
    return {
        name: outcome
        for name, outcome in row["checks"].items()
        if name in check_names() and outcome["limit"] is not None and outcome["margin"] is not None
    }


def _closeness(outcome: Row) -> tuple[bool, float]:
    """Return the sort key by which the page, the table and the terminal call a check closest."""
    samples = outcome.get("margin_samples")
    return samples is None, _relative_margin(outcome) if samples is None else samples


def _relative_margin(outcome: Row) -> float:
    """Return a margin as a share of its limit; of a limit of 0, all or nothing."""
    margin: float = outcome["margin"]
    return margin / (abs(outcome["limit"]) or margin or 1.0)


def _margin(outcome: Row) -> str:
    """Write a distance to the limit: in samples, where the check counts them."""
    if (count := outcome.get("margin_samples")) is not None:
        return f"{abs(count):,} {outcome['counted']}{'' if abs(count) == 1 else 's'}"
    return short_number(abs(outcome["margin"]))


def _smallest_file(report: dict[str, Any]) -> Highlight | None:
    passed = [row for row in report["variants"] if row["passed"]]
    if not passed:
        return None
    row = min(passed, key=lambda row: row["bytes"])
    size = f"{row['size_kb']:.1f} KiB, {row['share'] or 0:.0%} of {report['baseline']}"
    return Highlight("Smallest that passes", row["variant"], size)


def _largest_drop(report: dict[str, Any]) -> Highlight | None:
    rows = [row for row in report["variants"] if row["drop"] is not None]
    if not rows:
        return None
    row = max(rows, key=lambda row: row["drop"])
    note = "no variant is worse than the source model"
    if row["drop"] > 0:
        note = ", ".join(part for part in (row["variant"], _drop_interval(row)) if part)
    return Highlight(f"Largest drop of {report['metric']['name']}", f"{row['drop']:.3g}", note)


def _drop_interval(row: Row) -> str:
    if not row.get("interval"):
        return ""
    low, high = row["interval"]["drop"]
    return f"{confidence_text([row])} between {low:.3g} and {high:.3g}"


def _worst_class(rows: list[Row]) -> Highlight | None:
    classes = [(row["worst_class"], row["variant"]) for row in rows if row["worst_class"]]
    if not classes:
        return None
    worst, variant = max(classes, key=lambda item: item[0]["drop"])
    note = f"{variant}: {worst['source']:.3g} to {worst['variant']:.3g}, {worst['samples']} samples"
    return Highlight("Class that lost most", str(worst["class"]), note)


def _smallest_margin(rows: list[Row]) -> Highlight | None:
    """Find the closest limit of all variants, by the measure of `closest_limit`."""
    passed = [
        (f"{row['variant']}.{name}", outcome)
        for row in rows
        for name, outcome in _limited_checks(row).items()
        if outcome["passed"]
    ]
    if not passed:
        return None
    name, outcome = min(passed, key=lambda check: (*_closeness(check[1]), check[0]))
    if outcome["limit"] and outcome.get("margin_samples") is None:
        name += f", {_relative_margin(outcome):.0%} of its limit"
    return Highlight("Smallest margin", _margin(outcome), name)


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
