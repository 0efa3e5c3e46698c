"""Bound means over samples by the paired bootstrap, with the same numbers on every machine.

Resamples draw samples with replacement; source model and variant are judged on the same draws, so
that the difference of both is far surer than either (Efron and Tibshirani, An Introduction to the
Bootstrap, 1993, chapters 13 and 16; Koehn, Statistical Significance Tests for Machine Translation
Evaluation, EMNLP 2004). More samples than `GROUPS` are drawn in as many random groups, whose sums
are all that is kept (Wolter, Introduction to Variance Estimation, 2007, chapter 2). An end of an
interval is then itself uncertain by some 5 % of its distance from the mean: 2 % for the number of
groups, 1 / sqrt(2 * 1023), and 4 % for the number of resamples.

Draws are the raw output of PCG64, which numpy promises to keep (NEP 19), unlike the methods of its
generators.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]

CONFIDENCE = 0.95
RESAMPLES = 1000
GROUPS = 1024
SEED = 0
_BLOCK = 100  # resamples at a time


class BootstrapGroups:
    """Sums over random groups of samples: every sample a group of its own up to `GROUPS` of them.

    Sample i goes into group i modulo `GROUPS`. Samples have to come in random order, as those of
    a split do.
    """

    def __init__(self) -> None:
        """Start with no samples."""
        self._sums = np.zeros((2, GROUPS))
        self._samples = 0

    def add(self, source: Array, variant: Array) -> None:
        """Add the next samples' scores, float64 [samples] each."""
        group = (self._samples + np.arange(len(source))) % GROUPS
        self._sums += [np.bincount(group, each, minlength=GROUPS) for each in (source, variant)]
        self._samples += len(source)

    def intervals(self) -> list[list[float]]:
        """Return [low, high] of the mean of source, of variant, and of source minus variant."""
        count = min(self._samples, GROUPS)
        if count == 0:
            return [[math.nan, math.nan]] * 3
        sizes = np.bincount(np.arange(self._samples) % GROUPS, minlength=GROUPS)[:count]
        # Both scores as one complex number: looked up once, added in the same order.
        pairs = self._sums[0] + 1j * self._sums[1]
        means = np.empty(RESAMPLES, np.complex128)
        rows = _draws(count)
        for start in range(0, RESAMPLES, _BLOCK):
            block = rows[start : start + _BLOCK]
            drawn = np.take(sizes, block, mode="clip").sum(axis=1)
            means[start : start + _BLOCK] = np.take(pairs, block, mode="clip").sum(axis=1) / drawn
        source, variant = means.real, means.imag
        return [_central_range(means) for means in (source, variant, source - variant)]


def _central_range(means: Array) -> list[float]:
    """Return the ends of what is left without the outermost means on both sides."""
    outside = round(RESAMPLES * (1 - CONFIDENCE) / 2)
    means = np.sort(means)
    return [float(means[outside]), float(means[-1 - outside])]


@lru_cache(maxsize=2)
def _draws(count: int) -> Array:
    """Draw which of `count` groups each resample holds: int64 [RESAMPLES, count].

    Cached, because all sets of kernels are judged on the same draws.
    """
    raw = np.random.PCG64(SEED).random_raw((RESAMPLES * count + 1) // 2)
    halves = raw.astype("<u8", copy=False).view("<u4")[: RESAMPLES * count]  # the lower half first
    # Multiplied and shifted, 32 bits give a number below `count` with a bias below 2^-22 of it.
    drawn: Array = np.multiply(halves, np.uint64(count), dtype=np.uint64)
    drawn >>= np.uint64(32)
    return drawn.reshape(RESAMPLES, count).view(np.int64)
