"""The rules that limits keep: known checks, and numbers in the place of limits."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from litemill.core.errors import ConfigError, LitemillError, nearest
from litemill.evaluation import checks
from litemill.evaluation.worst_case import USE_CONFIDENCE_BOUND

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PERCENTILES = (
    "p50",
    "p90",
    "p99",
    "min",
)  # of what litemill/benchmark/device_benchmark.py measures


def limit_errors(
    limits: dict[str, Any], place: Callable[[str], str], path: str
) -> Iterator[LitemillError]:
    """Tell what is wrong with the limits at `path`."""
    for name, limit in limits.items():
        here = place(f"{path}.{name}")
        if name == USE_CONFIDENCE_BOUND:
            if not isinstance(limit, bool):
                yield ConfigError(here, f"found {limit!r}", "expected true or false")
        elif name not in checks.check_names():
            yield ConfigError(
                here, "unknown check", nearest(name, [*checks.check_names(), USE_CONFIDENCE_BOUND])
            )
        elif name == "latency_ms":
            yield from _wrong_latency(limit, here)
        elif limit is not None and not _number(limit):
            yield ConfigError(here, f"found {limit!r}", "expected a number, or null for no limit")


def _wrong_latency(limit: Any, place: str) -> Iterator[LitemillError]:
    """Machines, and for each what its percentiles may be: `{pixel-7: {p50: 5, threads: 4}}`."""
    told = "expected machines with limits in ms, such as {pixel-7: {p50: 5}}, or null"
    if limit is None:
        return
    if not isinstance(limit, dict) or not all(isinstance(one, dict) for one in limit.values()):
        yield ConfigError(place, f"found {limit!r}", told)
        return
    for machine, asked in limit.items():
        for name, value in asked.items():
            if name not in (*PERCENTILES, "threads"):
                yield ConfigError(
                    f"{place}.{machine}", f"no {name!r}", nearest(name, [*PERCENTILES, "threads"])
                )
            elif not _number(value) or value <= 0:
                yield ConfigError(f"{place}.{machine}.{name}", f"found {value!r}", told)
        if not set(PERCENTILES) & set(asked):
            yield ConfigError(f"{place}.{machine}", "no percentile", told)
    if not limit:
        yield ConfigError(place, "found no machine", told)


def _number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
