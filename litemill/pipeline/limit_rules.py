"""Rules for limits: known checks, and numbers in the place of limits."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from litemill.core.errors import ConfigError, LitemillError, nearest
from litemill.evaluation.latency_results import PERCENTILES
from litemill.evaluation.worst_case import USE_CONFIDENCE_BOUND

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def limit_errors(
    limits: dict[str, Any], place: Callable[[str], str], path: str, known: list[str]
) -> Iterator[LitemillError]:
    """List the errors of the limits at `path`; `known` are the names of the checks."""
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
