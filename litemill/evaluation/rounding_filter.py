"""Answers without what depends on the processor.

XNNPACK chooses its kernels by the maker and the instructions of the processor, and each adds in an
order of its own: answers differ in their last bits from machine to machine. Measured beside an
error of the same size, as a float32 file has, that is all there is to see, and what validate
records would be another on each machine. LiteRT's own kernels do not choose so (the same answers
on every processor that was tried, docs/reproducibility.md). So an answer that differs from theirs
by no more than rounding counts as theirs.
"""

from __future__ import annotations

from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]

# Of the size of a value. Rounding was seen to make 2^-24 to 2^-20 of it; one step of an int16
# output makes 2^-15 of the largest value, of an int8 output 2^-8.
NOISE = 2.0**-16
SAMPLES = 64  # that tell how large a value usually is
VALUES = 1 << 22  # that are looked at for that, at most, whatever the size of a sample


def typical_magnitude(reference: Array) -> Array:
    """Give how large each value of an output usually is: the median over its first samples.

    A value is the sum of many others. Where it happens to be near zero, its rounding is that of
    those; and values of one sample may have units of their own, as boxes and scores do.

    Args:
        reference: what the source model answers, [samples, ...].

    Returns:
        [1, ...] of the same type; NaN and infinity count as 0.
    """
    count = max(1, min(SAMPLES, VALUES // max(1, reference[:1].size)))
    size: Array = np.median(np.abs(_finite(reference[:count])), axis=0, keepdims=True)
    return size


def ignore_rounding(answer: Array, base: Array, reference: Array, size: Array) -> Array:
    """Give `answer`, with the vectors of `base` where the two differ by rounding alone.

    Vectors along the last axis are taken or left as a whole, so that their top class is one that
    some kernels have answered.

    Args:
        answer: what some kernels answer, [samples, ...].
        base: what kernels answer that do not depend on the processor, of the same shape.
        reference: what the source model answers, of the same shape.
        size: how large values usually are, as `usual` tells.

    Returns:
        An array of the same shape; `answer` itself where values are integers. NaN and infinity are
        the same as themselves alone.
    """
    if answer.dtype.kind != "f":
        return answer
    with np.errstate(invalid="ignore"):
        noise = NOISE * np.maximum(np.abs(_finite(reference)), size)
        same = (answer == base) | (np.abs(answer - base) <= noise)
    if same.ndim > 1:
        same = same.all(axis=-1, keepdims=True)
    return np.where(same, base, answer)


def _finite(values: Array) -> Array:
    return np.where(np.isfinite(values), values, 0)
