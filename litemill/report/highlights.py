"""Where a release stands: margins, what decides about each variant, what stands out of all."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from litemill.core.number_format import significant_format
from litemill.evaluation.checks import check_names

if TYPE_CHECKING:
    from collections.abc import Callable

Row = dict[str, Any]


def closest_limit(row: Row) -> tuple[str, str] | None:
    """Give the check that decides about a variant, and its margin.

    That is one that failed, or the one whose margin is the smallest share of its limit. None where
    no check has a limit.
    """
    if bad := [item for item in row["checks"].items() if not item[1]["passed"]]:
        name, outcome = bad[0]
        return f"{name} failed", "" if outcome["margin"] is None else f"by {_margin(outcome)}"
    if not (held := _held(row)):
        return None
    name = min(held, key=lambda name: (_share(held[name]), name))
    return name, f"passes by {_margin(held[name])}"


def common_limit(rows: list[Row], check: str) -> float | None:
    """Give the limit that every variant that runs is held to; None where they are not the same."""
    limits = {row["checks"].get(check, {}).get("limit") for row in rows if not row["error"]}
    return limits.pop() if len(limits) == 1 else None


def kernel_disagreement_text(run: Row) -> str:
    """Say how many answers flip with the kernels; of samples, where each has one answer."""
    several = run["answers"] != run["samples"]
    return f"{run['flips']:,} of {run['answers']:,}{' answers' if several else ''}"


def _held(row: Row) -> dict[str, Row]:
    """Give the checks that hold a number to a limit that somebody chose: `finite` has its own."""
    return {
        name: outcome
        for name, outcome in row["checks"].items()
        if name in check_names() and outcome["limit"] is not None and outcome["margin"] is not None
    }


def _share(outcome: Row) -> float:
    """Give a margin as a share of its limit; of a limit of 0, all or nothing."""
    margin: float = outcome["margin"]
    return margin / (abs(outcome["limit"]) or margin or 1.0)


def _margin(outcome: Row) -> str:
    """Say how far a check is from its limit: in samples, where it counts them."""
    if (count := outcome.get("margin_samples")) is not None:
        return f"{abs(count):,} {outcome['counted']}{'' if abs(count) == 1 else 's'}"
    return f"{abs(outcome['margin']):.3g}"


def highlights(report: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Give what stands out: (question, answer, more about it)."""
    rows = report["variants"]
    told = [_smallest(report), *_lost(report), _tightest(rows), _flips(rows)]
    return [one for one in told if one]


def latencies(report: dict[str, Any]) -> list[tuple[str, Callable[[Row], str]]]:
    """Give a column a machine that was measured: its title, and what it says of a variant."""
    return [
        (f"{name} p50 ms", partial(_latency, machine=name)) for name in report.get("machines") or {}
    ]


def _latency(row: Row, machine: str) -> str:
    if not (found := row["latency"].get(machine)):
        return "absent"
    p50 = found["threads"][0]["latency_ms"]["p50"]
    return format(p50, significant_format(p50)) if found["current"] else "stale"


def _smallest(report: dict[str, Any]) -> tuple[str, str, str] | None:
    passed = [row for row in report["variants"] if row["passed"]]
    if not passed:
        return None
    row = min(passed, key=lambda row: row["bytes"])
    size = f"{row['size_kb']:.1f} KiB, {row['share'] or 0:.0%} of {report['baseline']}"
    return "Smallest that passes", row["variant"], size


def _lost(report: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Tell the variant, and the class, that lost most."""
    rows = [row for row in report["variants"] if row["drop"] is not None]
    if not rows:
        return []
    row = max(rows, key=lambda row: row["drop"])
    name = report["metric"]["name"]
    between = interval(row, "drop")
    lost = f"{row['variant']}{', ' if between else ''}{between}"
    if row["drop"] <= 0:
        lost = "no variant is worse than the source model"
    told = [(f"Largest drop of {name}", f"{row['drop']:.3g}", lost)]
    classes = [(row["worst_class"], row["variant"]) for row in rows if row["worst_class"]]
    if classes:
        worst, variant = max(classes, key=lambda item: item[0]["drop"])
        small = f"{variant}: {worst['source']:.3g} to {worst['variant']:.3g},"
        small += f" {worst['samples']} samples"
        told.append(("Class that lost most", str(worst["class"]), small))
    return told


def confidence_text(rows: list[Row]) -> str:
    """Say of how many hundredths the intervals are: `95 %`; empty where there are none."""
    return next((f"{one['confidence'] * 100:g} %" for one in rows if one.get("confidence")), "")


def interval(row: Row, key: str) -> str:
    """Say between what a metric (`variant`, `source`) or its `drop` lies, if it is known."""
    if not row.get("interval"):
        return ""
    low, high = row["interval"][key]
    return f"{confidence_text([row])} between {low:.3g} and {high:.3g}"


def _tightest(rows: list[Row]) -> tuple[str, str, str] | None:
    """Tell the check that passes by the fewest samples, or else by the smallest share."""
    passed = [
        (f"{row['variant']}.{name}", outcome)
        for row in rows
        for name, outcome in _held(row).items()
        if outcome["passed"]
    ]
    if not passed:
        return None
    counted = [one for one in passed if one[1].get("margin_samples") is not None]
    if counted:
        name, outcome = min(counted, key=lambda one: one[1]["margin_samples"])
    else:
        name, outcome = min(passed, key=lambda one: _share(one[1]))
        name += f", {_share(outcome):.0%} of its limit" if outcome["limit"] else ""
    return "Tightest pass", _margin(outcome), name


def _flips(rows: list[Row]) -> tuple[str, str, str] | None:
    """Tell how many answers depend on the kernels."""
    runs = [
        (run, f"{row['variant']}, {name} kernels")
        for row in rows
        for name, run in row.get("kernels", {}).items()
        if run["flips"] is not None and name != "default"
    ]
    if not runs:
        return None
    run, where = max(runs, key=lambda item: item[0]["flips"] / (item[0]["answers"] or 1))
    more = where if run["flips"] else "whichever kernels run a variant"
    return "Answers that flip with the kernels", kernel_disagreement_text(run), more
