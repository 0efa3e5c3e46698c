"""A histogram of errors whose range nobody knows beforehand, batch by batch.

Bins are as wide as a power of two and begin at multiples of their width. When an error lies outside
of the range, the range doubles and bins merge in pairs, which is exact: the result is that of all
errors at once, however they were cut into batches.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]

HELD = 1 << 15  # bins on each side of zero while counting
BINS = 32  # bins on each side of zero that are reported
CORE = 0.99  # share of the errors that the reported bins hold at least


class Histogram:
    """Counts of signed errors."""

    def __init__(self) -> None:
        """Count nothing yet."""
        self._counts = np.zeros(2 * HELD, np.int64)
        self._power: int | None = None  # the range is ± 2 ** power
        self._zeros = 0  # that came before any other error

    def add(self, error: Array) -> None:
        """Count finite errors, float32 or float64 [elements]; `error` is left as it is."""
        if error.size == 0:
            return
        largest = max(float(error.max()), -float(error.min()))
        if largest == 0.0:
            self._count_zeros(error.size)
            return
        self._widen(math.frexp(largest)[1])
        assert self._power is not None
        # A power of two scales without rounding, so that no error changes its bin.
        index = np.floor(np.ldexp(error, HELD.bit_length() - 1 - self._power)).astype(np.int32)
        index += HELD
        self._counts += np.bincount(index, minlength=2 * HELD)

    def binned(self) -> dict[str, Any] | None:
        """Return "edges", "counts", and how many lie "below" and "above" them; None without error.

        The edges hold `CORE` of the errors at least, so that one outlier does not hide the rest.
        """
        if self._power is None:
            return None
        counts, power, below, above = self._counts, self._power, 0, 0
        total = int(counts.sum())
        while len(counts) > 2 * BINS:
            cut = len(counts) // 4
            outside = int(counts[:cut].sum()), int(counts[-cut:].sum())
            if below + above + sum(outside) > (1 - CORE) * total:
                break
            counts, power = counts[cut:-cut], power - 1
            below, above = below + outside[0], above + outside[1]
        counts = counts.reshape(2 * BINS, -1).sum(axis=1)
        width = math.ldexp(1.0, power) / BINS
        edges = [width * i for i in range(-BINS, BINS + 1)]
        return {"edges": edges, "counts": counts.tolist(), "below": below, "above": above}

    def _count_zeros(self, count: int) -> None:
        if self._power is None:
            self._zeros += count
        else:
            self._counts[HELD] += count

    def _widen(self, power: int) -> None:
        if self._power is None:
            self._power = power
            self._counts[HELD] = self._zeros
        while self._power < power:
            merged = self._counts.reshape(HELD, 2).sum(axis=1)
            self._counts[:] = 0
            self._counts[HELD // 2 : HELD // 2 * 3] = merged
            self._power += 1
