"""Rules for limits: known checks, and numbers in the place of limits."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from litemill.core.errors import ConfigError, LitemillError, nearest
from litemill.evaluation.latency_results import PERCENTILES
from litemill.evaluation.worst_case import USE_CONFIDENCE_BOUND

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from litemill.config.schema.validate import Metric

# The least and the greatest limit that some files pass and others do not, and words for them.
_BEYOND_0, _BELOW_1 = math.nextafter(0, 1), math.nextafter(1, 0)
USEFUL = {
    "snr_db": (-100, 1000, "decibels from -100 to 1000"),
    "cosine_similarity": (math.nextafter(-1, 0), 1, "more than -1 and at most 1"),
    "max_abs_error": (0, math.inf, "at least 0"),
    "mean_abs_error": (0, math.inf, "at least 0"),
    "top1_agreement": (_BEYOND_0, 1, "a share, more than 0 and at most 1"),
    "kernel_disagreement": (0, _BELOW_1, "a share from 0 to below 1"),
    "size_bytes": (100, math.inf, "at least 100, which no file is below"),
}
# Scores from 0 to 1, and limits of a metric that is their mean.
SHARES = tuple(
    f"litemill.metrics.{name}" for name in ("top1", "top_k", "binary", "label_f1", "image_iou")
)
OF_SHARES = {
    "metric_min": (_BEYOND_0, 1, "a share, more than 0 and at most 1"),
    "metric_drop": (-1, _BELOW_1, "a difference of shares, below 1"),
    "metric_drop_relative": (-math.inf, _BELOW_1, "a share below 1"),
    "per_class_drop": (-1, _BELOW_1, "a difference of shares, below 1"),
}


def limit_errors(
    limits: dict[str, Any],
    place: Callable[[str], str],
    path: str,
    known: list[str],
    metric: Metric | None = None,
) -> Iterator[LitemillError]:
    """List the errors of the limits at `path`.

    Only checks in `known` may have one; what is useful depends on the task's metric.
    """
    for name, limit in limits.items():
        here = place(f"{path}.{name}")
        if name == USE_CONFIDENCE_BOUND:
            if not isinstance(limit, bool):
                yield ConfigError(here, f"found {limit!r}", "expected true or false")
        elif name not in known:
            yield ConfigError(here, "unknown check", nearest(name, [*known, USE_CONFIDENCE_BOUND]))
        elif name == "latency_ms":
            yield from latency_errors(limit, here)
        elif limit is not None and not _is_number(limit):
            yield ConfigError(here, f"found {limit!r}", "expected a number, or null for no limit")
        elif limit is not None and (expected := _useless(name, limit, metric)):
            yield ConfigError(here, f"found {limit:g}", f"{expected}, or null for no limit")


def _useless(name: str, limit: float, metric: Metric | None) -> str:
    """Return what to expect of a limit that every file passes, or none; empty for a useful one."""
    low, high, expected = USEFUL.get(name, (-math.inf, math.inf, ""))
    if metric and metric.score.get("_target_") in SHARES and name in OF_SHARES:
        low, high, expected = OF_SHARES[name]
    return "" if low <= limit <= high else f"expected {expected}"


def latency_errors(limit: Any, place: str) -> Iterator[LitemillError]:
    """List the errors of a limit by machine and percentile: `{pixel-7: {p50: 5, threads: 4}}`."""
    expected = "expected machines with limits in ms, such as {pixel-7: {p50: 5}}, or null"
    if limit is None:
        return
    if not isinstance(limit, dict) or not all(isinstance(one, dict) for one in limit.values()):
        yield ConfigError(place, f"found {limit!r}", expected)
        return
    keys = [*PERCENTILES, "threads"]
    for machine, percentiles in limit.items():
        for name, value in percentiles.items():
            if name not in keys:
                yield ConfigError(f"{place}.{machine}", f"no {name!r}", nearest(name, keys))
            elif not _is_number(value) or value <= 0:
                yield ConfigError(f"{place}.{machine}.{name}", f"found {value!r}", expected)
        if not set(PERCENTILES) & set(percentiles):
            yield ConfigError(f"{place}.{machine}", "no percentile", expected)
    if not limit:
        yield ConfigError(place, "found no machine", expected)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
