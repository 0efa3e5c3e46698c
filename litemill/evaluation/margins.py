"""Count how many samples, or answers, more may go wrong before a check fails."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

NOISE = 1e-6  # of a sample, or of a share that has been rounded to six digits


def samples_until_drop(metric: Mapping[str, Any], limit: float) -> int | None:
    """Count how many more samples may go wrong at a drop of at most `limit`.

    None where the metric has no counts of samples that score 1 with both models, one, or neither.
    """
    counts = metric.get("counts")
    if not counts:
        return None
    drop = counts["source_only"] - counts["variant_only"]
    drop = -drop if metric["goal"] == "minimize" else drop
    return _whole(limit * sum(counts.values()) - drop)


def samples_above_minimum(counts: Mapping[str, int] | None, limit: float) -> int | None:
    """Count the samples that score 1 beyond a share of `limit`."""
    if not counts:
        return None
    return _whole(counts["both"] + counts["variant_only"] - limit * sum(counts.values()))


def samples_above_agreement(counts: Mapping[str, int] | None, limit: float) -> int | None:
    """Count the answers that agree beyond a share of `limit`; `counts` are `same` and `of`."""
    return _whole(counts["same"] - limit * counts["of"]) if counts else None


def samples_of_share(share: float, of: int) -> int:
    """Return a share of `of` samples in whole samples."""
    return _whole(share * of)


def floor_to_verdict(samples: int | None, *, passed: bool) -> int | None:
    """Keep a margin in samples on the verdict's side: rounding may have moved it by one."""
    if samples is None:
        return None
    return max(samples, 0) if passed else min(samples, -1)


def unit_name(of: int, samples: int | None) -> str:
    """Name what is counted: a sample, or an answer where a sample has several of them."""
    return "sample" if samples in (None, of) else "answer"


def format_margin(samples: int | None, unit: str = "sample") -> str:
    """Return the end of a check's line: ` (passes by 1 sample)`; `unit` is what is counted."""
    if samples is None:
        return ""
    word = "passes" if samples >= 0 else "fails"
    return f" ({word} by {abs(samples):,} {unit}{'' if abs(samples) == 1 else 's'})"


def _whole(number: float) -> int:
    return math.floor(number + NOISE * max(1.0, abs(number)))
