"""What is handed to whoever computes a point, and what comes back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from stages.schema.variant import Route, Variant

MEASURED = ("error", "metric", "outputs", "top1_agreement")  # what a table is made of
# What neither a check nor a choice of layers needs, of what was measured in depth.
BULKY = (
    *("confusion", "histograms", "inputs", "operators", "outputs_detail", "sequence"),
    *("variant", "weights"),
)


@dataclass(frozen=True)
class Task:
    """A point to compute."""

    point: str
    variant: Variant
    # Whether it is measured as a variant is, with all kernels and layer by layer: to be judged.
    deep: bool = False

    @property
    def alone(self) -> bool:
        """Whether it gets a process of its own, as the stage has one.

        A Keras model is traced anew, and Keras numbers by process what has no name. No file was
        seen to depend on it; a promise of the same bytes should not depend on luck either.
        """
        asked = self.variant
        return asked.route is Route.keras or asked.batch is not None or asked.unroll


@dataclass(frozen=True)
class Outcome:
    """What became of a point: a file and its measurement, or an error."""

    file: dict[str, Any] | None = None  # {"sha256", "bytes", "kind"}
    # Of `MEASURED`, or all but `BULKY`; None where it is known already.
    measured: dict[str, Any] | None = None
    error: str | None = None
    # Whether the same inputs give the same error: what the converter refuses, it refuses again; a
    # crash may have been the machine's.
    lasting: bool = False
    full: bool = False  # the disk is, and so no other point can be computed either
