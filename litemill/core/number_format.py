"""Numbers by their first digits, never with an exponent."""

from __future__ import annotations

import math

SIGNIFICANT = 3


def significant_format(value: float) -> str:
    """Return the format that shows three digits at least: 0.0124, 1.24, 124, 12,436.

    Args:
        value: finite; what is to be shown.
    """
    order = math.floor(math.log10(abs(value))) if value else SIGNIFICANT
    return f",.{max(0, SIGNIFICANT - 1 - order)}f"
