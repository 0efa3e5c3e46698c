"""The worst that was measured of a variant: of its kernels, and of the metric's interval."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from litemill.evaluation.outcome import Outcome

Measured = dict[str, Any]
USE_CONFIDENCE_BOUND = (
    "use_confidence_bound"  # marks a metric that is taken for the end of its interval
)


def worst_over_kernels(ask: Callable[[Measured], Outcome], measured: Measured) -> Outcome:
    """Ask of every set of kernels, and give the worst outcome; the default's where none is.

    A set that answered fewer samples only counts where the default kernels pass on these samples,
    and it is worse than they are there: or else it is the samples that are worse, not the kernels.
    """
    worst = ask(measured)
    for kernels, found in (measured.get("kernels") or {}).items():
        if found["error"]:
            continue  # `runs` says it all
        outcome = ask({**measured, **found})
        if found.get("default"):
            beside = ask({**measured, **found["default"]})
            if not beside.passed or not _worse(outcome, beside):
                continue
        if _worse(outcome, worst):
            told, semicolon, rest = outcome.told.rpartition(";")
            told = f"{told} at kernels {kernels!r}{semicolon}{rest}"
            worst = replace(outcome, kernels=kernels, told=told)
    return worst


def worst_of_interval(measured: Measured) -> Measured:
    """Take the metric for the worse end of its interval, under every set of kernels."""
    metric = measured.get("metric")
    kernels = {
        name: worst_of_interval(one) for name, one in (measured.get("kernels") or {}).items()
    }
    ended: Measured = {**measured, "kernels": kernels} if kernels else dict(measured)
    if measured.get("default"):
        ended["default"] = worst_of_interval(measured["default"])
    if metric and metric.get("interval"):
        ends = metric["interval"]
        variant = ends["variant"][1 if metric["goal"] == "minimize" else 0]
        worse = {
            "drop": ends["drop"][1],
            "variant": variant,
            "counts": None,
            USE_CONFIDENCE_BOUND: True,
        }
        ended["metric"] = {**metric, **worse}
    return ended


def _worse(one: Outcome, other: Outcome) -> bool:
    if one.passed != other.passed:
        return other.passed
    if one.margin is None or other.margin is None:
        return False
    return one.margin < other.margin
