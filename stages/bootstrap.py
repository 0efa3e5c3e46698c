"""How sure a mean over samples is: the paired bootstrap, with the same numbers on every machine.

Resamples draw samples with replacement; source model and variant are judged on the same draws, so
that the difference of both is far surer than either (Efron and Tibshirani, An Introduction to the
Bootstrap, 1993, chapters 13 and 16; Koehn, Statistical Significance Tests for Machine Translation
Evaluation, EMNLP 2004). More samples than `GROUPS` are drawn in as many random groups, whose sums
are all that is kept (Wolter, Introduction to Variance Estimation, 2007, chapter 2): the width of an
interval is then itself uncertain by 2 %, whatever the number of samples.

Draws are the raw output of PCG64, which numpy promises to keep (NEP 19), unlike the methods of its
generators.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]

CONFIDENCE = 0.95
RESAMPLES = 2000
GROUPS = 1024
SEED = 0
_BLOCK = 100  # resamples at a time


class Groups:
    """Sums over random groups of samples: every sample a group of its own up to `GROUPS` of them.

    Sample i goes into group i modulo `GROUPS`. Samples have to come in random order, as those of
    a split do.
    """

    def __init__(self, columns: int) -> None:
        """Hold this many sums a group."""
        self._sums = np.zeros((columns, GROUPS))
        self._samples = 0

    def add(self, scores: list[Array]) -> None:
        """Add the next samples' scores, float64 [samples], one array a column."""
        count = len(scores[0])
        group = (self._samples + np.arange(count)) % GROUPS
        for sums, score in zip(self._sums, scores, strict=True):
            sums += np.bincount(group, score, minlength=GROUPS)
        self._samples += count

    def intervals(self) -> list[list[float]]:
        """Give the interval of each column's mean, [low, high]; of no samples [nan, nan]."""
        count = min(self._samples, GROUPS)
        if count == 0:
            return [[float("nan")] * 2 for _ in self._sums]
        sizes = np.bincount(np.arange(self._samples) % GROUPS, minlength=GROUPS)[:count]
        means = np.empty((len(self._sums), RESAMPLES))
        for start in range(0, RESAMPLES, _BLOCK):
            rows = _draws(count)[start : start + _BLOCK]
            drawn = sizes[rows].sum(axis=1)
            for mean, sums in zip(means, self._sums, strict=True):
                mean[start : start + _BLOCK] = sums[rows].sum(axis=1) / drawn
        means.sort(axis=1)
        outside = round(RESAMPLES * (1 - CONFIDENCE) / 2)
        return [[float(mean[outside]), float(mean[-1 - outside])] for mean in means]


@lru_cache(maxsize=2)
def _draws(count: int) -> Array:
    """Give which of `count` groups each resample draws: int64 [RESAMPLES, count]."""
    raw = np.random.PCG64(SEED).random_raw((RESAMPLES * count + 1) // 2)
    halves = np.stack([raw & np.uint64(0xFFFFFFFF), raw >> np.uint64(32)], axis=1).ravel()
    # Multiplied and shifted, 32 bits give a number below `count` with a bias below 2^-22 of it.
    drawn: Array = (halves[: RESAMPLES * count] * np.uint64(count)) >> np.uint64(32)
    return drawn.reshape(RESAMPLES, count).astype(np.int64)
