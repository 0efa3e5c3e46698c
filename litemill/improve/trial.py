"""One way to make a variant, made, measured and judged."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from litemill.evaluation.checks import run_checks

if TYPE_CHECKING:
    from collections.abc import Mapping

    from litemill.config.schema.variant import Variant
    from litemill.evaluation.outcome import Outcome
    from litemill.sweep.executor import PointResult

KIB = 1024


@dataclass(frozen=True)
class Trial:
    """What was tried, in words, and what came of it."""

    what: str
    found: PointResult
    outcomes: dict[str, Outcome]  # by check; empty where there is no file

    @property
    def variant(self) -> Variant:
        """The options."""
        return self.found.point.variant

    @property
    def measured(self) -> dict[str, Any]:
        """The measurement; empty where there is none."""
        return self.found.measured or {}

    @property
    def made(self) -> bool:
        """Whether there is a file that runs."""
        return self.found.file is not None and not self.found.error

    @property
    def passed(self) -> bool:
        """Whether all limits are met."""
        return self.made and not self._failed

    @property
    def bytes(self) -> int:
        """The file's size."""
        return int(self.found.file["bytes"]) if self.found.file else 0

    @property
    def digest(self) -> str | None:
        """The file's SHA-256."""
        return self.found.file["sha256"] if self.found.file else None

    def cost(self) -> tuple[float, ...]:
        """Give what orders trials: files that pass by size, then the others by what they lack."""
        if self.passed:
            return (0.0, float(self.bytes))
        if not self.made:
            return (2.0,)
        lacks = [_lack(outcome) for outcome in self._failed.values()]
        return (1.0, max(lacks), sum(lacks), float(self.bytes))

    def verdict(self) -> str:
        """Tell the worst check, or why there is no file."""
        if not self.made:
            return f"failed: {self.found.error}"
        if not self._failed:
            return "passes"
        name = max(self._failed, key=lambda one: _lack(self._failed[one]))
        more = len(self._failed) - 1
        return f"{name} {self._failed[name].told}" + (f" (and {more} more)" if more else "")

    def numbers(self) -> str:
        """Tell the size, the metric and its drop."""
        if not self.made:
            return ""
        told = f"{self.bytes / KIB:.1f} KiB"
        if metric := self.measured.get("metric"):
            told += f", {metric['name']} {_told(metric['variant'])}, drop {_told(metric['drop'])}"
        return told

    @property
    def _failed(self) -> dict[str, Outcome]:
        return {name: outcome for name, outcome in self.outcomes.items() if not outcome.passed}


def judge_trial(what: str, found: PointResult, limits: Mapping[str, Any]) -> Trial:
    """Judge as `report` does."""
    if found.file is None or found.measured is None:
        return Trial(what, found, {})
    measured = {**found.measured, "bytes": found.file["bytes"]}
    return Trial(what, found, run_checks(measured, limits))


def _told(value: float | None) -> str:
    """Show a number; None is one that is NaN or infinite."""
    return "none" if value is None else f"{value:.4g}"


def _lack(outcome: Outcome) -> float:
    """Give by what share of its limit a check fails."""
    if outcome.margin is None or outcome.limit is None:
        return math.inf
    return -outcome.margin / (abs(outcome.limit) or 1.0)
