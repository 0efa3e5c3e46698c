"""Remove from outputs what depends on the processor.

XNNPACK chooses its kernels by the maker and the instructions of the processor, and each adds in an
order of its own: outputs differ in their last bits from machine to machine. Measured beside an
error of the same size, as a float32 file has, that is all there is to see, and what validate
records would be another on each machine. LiteRT's own kernels do not choose so (the same answers
on every processor that was tried, docs/reproducibility.md). So an output that differs from theirs
by no more than rounding counts as theirs.
"""

from __future__ import annotations

from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]

# Of the size of a value. Rounding was seen to make 2^-24 to 2^-20 of it; one step of an int16
# output makes 2^-15 of the largest value, of an int8 output 2^-8.
NOISE = 2.0**-16
SAMPLES = 64  # from which the typical magnitude of a value is taken
VALUES = 1 << 22  # read for that, at most, whatever the size of a sample


def typical_magnitude(reference: Array) -> Array:
    """Return how large each value of an output usually is: the median over its first samples.

    A value is the sum of many others. Where it happens to be near zero, its rounding is that of
    those; and values of one sample may have units of their own, as boxes and scores do.

    Args:
        reference: the source model's output, [samples, ...].

    Returns:
        [1, ...] of the same type; NaN and infinity count as 0.
    """
    count = max(1, min(SAMPLES, VALUES // max(1, reference[:1].size)))
    magnitude: Array = np.median(np.abs(_finite(reference[:count])), axis=0, keepdims=True)
    return magnitude


def ignore_rounding(output: Array, portable: Array, reference: Array, magnitude: Array) -> Array:
    """Return `output`, with the vectors of `portable` where the two differ by rounding alone.

    Vectors along the last axis are taken or left as a whole, so that their top class is one that
    some kernels have put out.

    Args:
        output: of some kernels, [samples, ...].
        portable: the output of kernels that do not depend on the processor, of the same shape.
        reference: the source model's output, of the same shape.
        magnitude: how large values usually are, from `typical_magnitude`.

    Returns:
        An array of the same shape; `output` itself where values are integers. NaN and infinity are
        the same as themselves alone.
    """
    if output.dtype.kind != "f":
        return output
    with np.errstate(invalid="ignore"):
        noise = NOISE * np.maximum(np.abs(_finite(reference)), magnitude)
        same = (output == portable) | (np.abs(output - portable) <= noise)
    if same.ndim > 1:
        same = same.all(axis=-1, keepdims=True)
    return np.where(same, portable, output)


def _finite(values: Array) -> Array:
    return np.where(np.isfinite(values), values, 0)
