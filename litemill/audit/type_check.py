"""Is a .tflite file what it is claimed to be? What can be told without its source."""

from __future__ import annotations

from typing import TYPE_CHECKING

from litemill.conversion.arithmetic import arithmetic_of, float_operators
from litemill.conversion.verification import (
    EXPECTED,
    has_no_large_weights,
    uninitialised_variables,
)

if TYPE_CHECKING:
    from litemill.config.schema.variant import Optimization
    from litemill.tflite.description import Description


def type_mismatches(file: Description, claimed: Optimization | None) -> list[str]:
    """Describe in a line each what a file is not.

    Args:
        file: what it is.
        claimed: what it is claimed to be; None claims nothing.
    """
    lines = uninitialised_variables(file)
    if claimed is not None and not _is(file, claimed):
        lines.append(f"claimed {EXPECTED[claimed]}, got {arithmetic_of(file)} ({_evidence(file)})")
    return lines


def _is(file: Description, claimed: Optimization) -> bool:
    arithmetic = arithmetic_of(file)
    # Optimizations of weights leave small ones as they are, which may be all of them.
    small = arithmetic == "float32" and has_no_large_weights(file, claimed)
    return small or arithmetic == EXPECTED[claimed]


def _evidence(file: Description) -> str:
    if arithmetic_of(file) == "mixed":
        names = sorted({operator.name for operator in float_operators(file)})
        return f"{', '.join(names)} compute in float"
    parts = [f"{share.elements:,} {dtype}" for dtype, share in file.weights.items()]
    return f"constants: {', '.join(parts) or 'none'}"
