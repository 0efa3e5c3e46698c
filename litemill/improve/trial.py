"""A trial: one way to make a variant, made, measured and judged."""

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
    """A change, in words, and its result."""

    label: str
    result: PointResult
    outcomes: dict[str, Outcome]  # by check; empty where there is no file

    @property
    def variant(self) -> Variant:
        """The options."""
        return self.result.point.variant

    @property
    def measured(self) -> dict[str, Any]:
        """The measurement; empty where there is none."""
        return self.result.measured or {}

    @property
    def made(self) -> bool:
        """Whether there is a file that runs."""
        return self.result.file is not None and not self.result.error

    @property
    def passed(self) -> bool:
        """Whether all limits are met."""
        return self.made and not self._failed

    @property
    def bytes(self) -> int:
        """The file's size."""
        return self.result.bytes

    def cost(self) -> tuple[float, ...]:
        """Return the sort key of trials: files that pass by size, then others by what they lack."""
        if self.passed:
            return (0.0, float(self.bytes))
        if not self.made:
            return (2.0,)
        shortfalls = [self._shortfall(check) for check in self._failed]
        return (1.0, max(shortfalls), sum(shortfalls), float(self.bytes))

    def verdict(self) -> str:
        """Name the worst check, or say why there is no file."""
        if not self.made:
            return f"failed: {self.result.error}"
        if not self._failed:
            return "passes"
        name = max(self._failed, key=self._shortfall)
        others = len(self._failed) - 1
        return f"{name} {self._failed[name].message}" + (f" (and {others} more)" if others else "")

    def numbers(self) -> str:
        """Format the size, the metric and its drop."""
        if not self.made:
            return ""
        text = f"{self.bytes / KIB:.1f} KiB"
        if metric := self.measured.get("metric"):
            values = _format(metric["variant"]), _format(metric["drop"])
            text += f", {metric['name']} {values[0]}, drop {values[1]}"
        return text

    @property
    def _failed(self) -> dict[str, Outcome]:
        return {name: outcome for name, outcome in self.outcomes.items() if not outcome.passed}

    def _shortfall(self, check: str) -> float:
        """Return by what share of its limit a check fails; lost channels, by their share of all.

        A limit of 0 has no shares; what may not be at all is a share itself, or counts as one.
        """
        outcome = self._failed[check]
        if outcome.found is None or outcome.limit is None:
            return math.inf
        whole = abs(outcome.limit) or 1.0
        if check == "lost_channels":
            outputs = self.measured["channels"]
            whole = outputs[outcome.output or next(iter(outputs))]["count"]
        return abs(outcome.found - outcome.limit) / whole


def judge_trial(label: str, result: PointResult, limits: Mapping[str, Any]) -> Trial:
    """Judge as the stage report does."""
    if result.file is None or result.measured is None:
        return Trial(label, result, {})
    measured = {**result.measured, "bytes": result.file["bytes"]}
    return Trial(label, result, run_checks(measured, limits))


def _format(value: float | None) -> str:
    """Format a number; None stands for NaN or infinity."""
    return "none" if value is None else f"{value:.4g}"
