"""Options of the stages `export` and `validate`: how a model is called, how it is measured."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import Any

# What can run a file: LiteRT's defaults (XNNPACK where it can), its optimized kernels without a
# delegate, and its plain reference loops.
KERNELS = ("default", "no_delegate", "reference")


class Goal(enum.Enum):
    """Which way a metric gets better."""

    maximize = enum.auto()
    minimize = enum.auto()

    def drop(self, source: float, variant: float) -> float:
        """Return how much worse the variant's metric is; below 0 where it is better."""
        return source - variant if self is Goal.maximize else variant - source


@dataclass
class Metric:
    """The task's metric: the mean over samples of what `score` gives for each."""

    name: str = "top1"
    score: dict[str, Any] = field(default_factory=lambda: {"_target_": "litemill.metrics.top1"})
    goal: Goal = Goal.maximize
    output: str | None = None  # which output it is of; null is the only one


@dataclass
class Export:
    """How the SavedModel is written."""

    signature: str = "serving_default"
    batch_size: int = 64  # samples at a time when the reference outputs are computed
    # Further signatures of an imported SavedModel, which variants ask for.
    others: list[str] = field(default_factory=list)


@dataclass
class Measuring:
    """How a variant is measured; limits are not here, so that changing one runs no inference."""

    batch_size: int = 64
    threads: int = 1  # of the interpreter
    # Sets of kernels that run each variant; the gate judges the worst of them.
    kernels: list[str] = field(default_factory=lambda: list(KERNELS))
    reference_samples: int | None = 500  # that the slow reference kernels answer; null is all
    # Billions of multiply-adds that the reference kernels take for a variant, by which they answer
    # fewer samples of a large model, though at least 50; null is any number of them.
    reference_budget: float | None = 100.0
    layer_samples: int = 32  # on which layers are compared with the float file's; 0 is none
    timeout_seconds: float = 3600.0  # that a file may take; then the run is ended, and failed
    # Whether to measure variants of a source model that is no better than chance on the samples.
    accept_chance: bool = False


@dataclass
class Validate(Measuring):
    """All that the stage `validate` depends on."""

    task: str = "none"  # from the data set
    metric: Metric | None = None  # null where the data set has no targets
