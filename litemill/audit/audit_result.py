"""The result of an audit."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from litemill.audit.tensor_matching import TensorMatching
    from litemill.audit.weights import WeightComparison
    from litemill.core.errors import LitemillError
    from litemill.evaluation.tolerance import Tolerance


class Verdict(enum.Enum):
    """What an audit comes to; the value is the command's exit status."""

    faithful = 0
    not_faithful = 1
    could_not_tell = 2


@dataclass
class AuditResult:
    """Filled in step by step; what a step did not come to stays empty.

    Attributes:
        source: the model that the file is compared with.
        file: the .tflite file.
        claimed: what the file is claimed to be.
        kind: what it is, by `litemill.conversion.arithmetic.arithmetic_of`.
        samples: how many the outputs were compared on.
        faults: why it is not faithful.
        doubts: why nobody can tell.
        notes: what else to know.
        inputs, outputs: the file's for each of the source's.
        measures: of each output, by the source's name.
        limits: which the measures have to reach.
        weights: the comparison of weights.
    """

    source: str
    file: str
    claimed: str | None
    kind: str | None = None
    samples: int = 0
    faults: list[LitemillError] = field(default_factory=list)
    doubts: list[LitemillError] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    inputs: TensorMatching | None = None
    outputs: TensorMatching | None = None
    measures: dict[str, dict[str, Any]] = field(default_factory=dict)
    limits: Tolerance | None = None
    weights: WeightComparison | None = None

    @property
    def verdict(self) -> Verdict:
        """A fault decides, whatever else could not be told."""
        if self.faults:
            return Verdict.not_faithful
        return Verdict.could_not_tell if self.doubts else Verdict.faithful
