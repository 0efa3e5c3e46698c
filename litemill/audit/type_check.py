"""Is a .tflite file what it is said to be? What can be told without its source."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

from litemill.conversion.verification import (
    EXPECTED,
    LEAST,
    WEIGHTED,
    arithmetic_of,
    float_operators,
)

if TYPE_CHECKING:
    from litemill.config.schema.variant import Optimization
    from litemill.tflite.description import Description


def type_mismatches(described: Description, claimed: Optimization | None) -> list[str]:
    """Tell in one line each what a file is not; nothing where it is as claimed.

    Args:
        described: what it is.
        claimed: what it is said to be; None claims nothing.
    """
    told = []
    if described.unset_variables:
        names = ", ".join(described.unset_variables[:3])
        told.append(f"the weights are gone: nothing sets the variables {names}")
    if claimed is not None and not _keeps(described, claimed):
        word = EXPECTED[claimed]
        told.append(
            f"{word} was claimed, the file is {arithmetic_of(described)} ({_why(described)})"
        )
    return told


def _keeps(described: Description, claimed: Optimization) -> bool:
    found = arithmetic_of(described)
    # Optimizations of weights leave small ones as they are, which may be all of them.
    spared = claimed in LEAST and not any(
        one.operator in WEIGHTED and one.operand == 1 and prod(one.shape) >= LEAST[claimed]
        for one in described.constants
    )
    return found == EXPECTED[claimed] or (found == "float32" and spared)


def _why(described: Description) -> str:
    if arithmetic_of(described) == "mixed":
        names = sorted({one.name for one in float_operators(described)})
        return f"{', '.join(names)} compute in float"
    parts = [f"{share.elements:,} {dtype}" for dtype, share in described.weights.items()]
    return f"constants: {', '.join(parts) or 'none'}"
