"""Judge latencies: what machines measured against the limits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from litemill.evaluation.outcome import Outcome, at_most

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


def slowest_outcome(
    results: Mapping[str, dict[str, Any]], limits: Mapping[str, Mapping[str, float]]
) -> Outcome:
    """Return the outcome that decides.

    Args:
        results: of one variant by machine, from `latency_results.latencies_of`.
        limits: by machine: milliseconds by percentile, and `threads`, where another number than
            the first one measured is meant.

    Returns:
        The first one that nobody measured, or else the one with the smallest margin by its limit.
    """
    outcomes = [
        outcome
        for machine, limits_there in sorted(limits.items())
        for outcome in _outcomes(machine, limits_there, results.get(machine))
    ]
    unmeasured = [outcome for outcome in outcomes if outcome.found is None]
    return (unmeasured or sorted(outcomes, key=_relative_margin))[0]


def _relative_margin(outcome: Outcome) -> float:
    return (outcome.margin or 0) / (outcome.limit or 1)


def _outcomes(
    machine: str, limits: Mapping[str, float], result: dict[str, Any] | None
) -> Iterator[Outcome]:
    place, threads = f"machine {machine!r}", limits.get("threads")
    runs = [run for run in (result or {}).get("threads", []) if threads in (None, run["threads"])]
    if not result or not result["current"]:
        what = "a result for other bytes" if result else "no result"
        yield _unmeasured(f"found {what} of {place}", machine)
    elif not runs:
        yield _unmeasured(f"found no result of {place} with {threads} threads", machine)
    else:
        for percentile, limit in limits.items():
            if percentile != "threads":
                outcome = at_most(runs[0]["latency_ms"][percentile], limit, f" ms {percentile}")
                yield outcome.at(f"on {place}")


def _unmeasured(observation: str, machine: str) -> Outcome:
    expectation = (
        "expected one for these bytes: run `litemill benchmark` there, and commit"
        f" measured/{machine}.json"
    )
    return Outcome(
        passed=False, found=None, limit=None, observation=observation, expectation=expectation
    )
