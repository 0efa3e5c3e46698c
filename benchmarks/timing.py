"""What the benchmarks print: the machine, seconds and ratios."""

from __future__ import annotations

import os
import platform
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence


def machine() -> str:
    """Describe the machine in one line: processor, cores, load."""
    load = os.getloadavg()[0]
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"{processor()}, {cores} cores, load {load:.1f}, Python {platform.python_version()}"


def processor() -> str:
    """Name the processor."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def table(seconds: Mapping[str, Sequence[float]], pairs: Mapping[str, str]) -> Iterator[str]:
    """Yield the lines of a table: seconds of each name, and the ratio of each pair.

    Args:
        seconds: by name, as often as it was measured, in the order of measuring.
        pairs: what is compared with what; the ratio is that of runs of the same turn.
    """
    yield f"{'seconds':<28}{'min':>9}{'median':>9}{'max':>9}{'runs':>7}"
    for name, values in seconds.items():
        yield _row(name, values)
    yield ""
    yield f"{'ratio':<28}{'min':>9}{'median':>9}{'max':>9}{'runs':>7}"
    for name, other in pairs.items():
        turns = zip(seconds[name], seconds[other], strict=True)
        yield _row(f"{name} / {other}", [one / two for one, two in turns])


def _row(name: str, values: Sequence[float]) -> str:
    shown = "".join(f"{value:9.3g}" for value in (min(values), median(values), max(values)))
    return f"{name:<28}{shown}{len(values):>7}"
