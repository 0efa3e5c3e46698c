"""How many samples a slow set of kernels answers: by the work, not the machine."""

from __future__ import annotations

BILLION = 10**9
# Fewer could not tell 2 % of changed answers, the default of `kernel_disagreement`, from one.
FEWEST = 50


def budgeted_samples(
    available: int, *, most: int | None, budget: float | None, multiply_adds: int
) -> int:
    """Return how many of the samples are answered.

    Args:
        available: how many there are.
        most: an upper limit; None is all.
        budget: billions of multiply-adds in all; None is any number of them.
        multiply_adds: of one sample.
    """
    count = available if most is None else min(available, most)
    if budget is None or multiply_adds == 0:
        return count
    return min(count, max(FEWEST, int(budget * BILLION) // multiply_adds))
