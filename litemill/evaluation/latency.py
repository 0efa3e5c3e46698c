"""Judging latencies: what machines measured against what their limits are."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from litemill.evaluation.outcome import Outcome, at_most

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


def slowest_outcome(
    results: Mapping[str, dict[str, Any]], limits: Mapping[str, Mapping[str, float]]
) -> Outcome:
    """Give the outcome that decides.

    Args:
        results: of one variant by machine, as `litemill.evaluation.latency_results.of` gives them.
        limits: by machine: milliseconds by percentile, and `threads`, where another number than
            the first one measured is meant.

    Returns:
        The first one that nobody measured, or else the one with the smallest margin by its limit.
    """
    outcomes = [
        outcome
        for machine, asked in sorted(limits.items())
        for outcome in _outcomes(machine, asked, results.get(machine))
    ]
    unknown = [one for one in outcomes if one.found is None]
    return (unknown or sorted(outcomes, key=lambda one: (one.margin or 0) / (one.limit or 1)))[0]


def _outcomes(
    machine: str, asked: Mapping[str, float], result: dict[str, Any] | None
) -> Iterator[Outcome]:
    place, threads = f"machine {machine!r}", asked.get("threads")
    runs = [one for one in (result or {}).get("threads", []) if threads in (None, one["threads"])]
    if not result or not result["current"]:
        found = "a result for other bytes" if result else "no result"
        yield _unknown(f"found {found} of {place}", machine)
    elif not runs:
        yield _unknown(f"found no result of {place} with {threads} threads", machine)
    else:
        for name, limit in asked.items():
            if name != "threads":
                one = at_most(runs[0]["latency_ms"][name], limit, f" ms {name}")
                yield replace(one, told=one.told.replace(";", f" on {place};", 1))


def _unknown(found: str, machine: str) -> Outcome:
    told = f"{found}; expected one for these bytes: run `litemill benchmark` there, and commit"
    return Outcome(passed=False, found=None, limit=None, told=f"{told} measured/{machine}.json")
