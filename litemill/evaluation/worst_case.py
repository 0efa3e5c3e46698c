"""Judge a variant by its worst: of its kernels, and of the metric's confidence interval."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from litemill.evaluation.outcome import Outcome

Measured = dict[str, Any]
# A key of limits, and of a metric that was replaced by the worse end of its interval.
USE_CONFIDENCE_BOUND = "use_confidence_bound"


def worst_over_kernels(check: Callable[[Measured], Outcome], measured: Measured) -> Outcome:
    """Apply a check to every set of kernels; return the worst outcome, the default's in a tie.

    A set that ran fewer samples only counts where the default kernels pass on these samples, and
    it is worse than they are there: or else it is the samples that are worse, not the kernels.
    """
    worst = check(measured)
    for kernels, results in (measured.get("kernels") or {}).items():
        if results["error"]:
            continue  # the check `runs` reports it
        outcome = check({**measured, **results})
        if results.get("default"):
            default = check({**measured, **results["default"]})
            if not default.passed or not _is_worse(outcome, default):
                continue
        if _is_worse(outcome, worst):
            worst = replace(outcome.at(f"at kernels {kernels!r}"), kernels=kernels)
    return worst


def worst_of_interval(measured: Measured) -> Measured:
    """Replace the metric by the worse end of its interval, under every set of kernels."""
    kernels = {
        name: worst_of_interval(results)
        for name, results in (measured.get("kernels") or {}).items()
    }
    worst: Measured = {**measured, "kernels": kernels} if kernels else dict(measured)
    if measured.get("default"):
        worst["default"] = worst_of_interval(measured["default"])
    metric = measured.get("metric")
    if metric and metric.get("interval"):
        ends = metric["interval"]
        worst["metric"] = {
            **metric,
            "drop": ends["drop"][1],
            "variant": ends["variant"][1 if metric["goal"] == "minimize" else 0],
            "counts": None,
            USE_CONFIDENCE_BOUND: True,
        }
    return worst


def _is_worse(outcome: Outcome, other: Outcome) -> bool:
    if outcome.passed != other.passed:
        return other.passed
    if outcome.margin is None or other.margin is None:
        return False
    return outcome.margin < other.margin
