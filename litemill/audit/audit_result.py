"""What an audit has found."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from litemill.audit.tensor_matching import TensorMatching
    from litemill.audit.weights import Comparison
    from litemill.evaluation.tolerance import Tolerance


class Verdict(enum.Enum):
    """What an audit comes to; the value is the command's exit status."""

    faithful = 0
    not_faithful = 1
    could_not_tell = 2


@dataclass
class AuditResult:
    """Filled in step by step; what a step did not come to stays empty."""

    source: str
    file: str
    claimed: str | None
    kind: str | None = None  # as `litemill.conversion.verification.kind` tells it
    samples: int = 0
    faults: list[str] = field(default_factory=list)  # what makes it not faithful
    doubts: list[str] = field(default_factory=list)  # what keeps anybody from telling
    notes: list[str] = field(default_factory=list)
    inputs: TensorMatching | None = None
    outputs: TensorMatching | None = None
    measures: dict[str, dict[str, Any]] = field(default_factory=dict)  # by the source's output
    least: Tolerance | None = None  # that they were held against
    weights: Comparison | None = None

    @property
    def verdict(self) -> Verdict:
        """A fault is one whatever else could not be told."""
        if self.faults:
            return Verdict.not_faithful
        return Verdict.could_not_tell if self.doubts else Verdict.faithful
