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

# Of the largest value that the source model answers to the sample. Rounding was seen to make 2^-24
# to 2^-20 of it; one step of an int16 output makes 2^-15, of an int8 output 2^-8.
NOISE = 2.0**-16


def settled(answer: Array, base: Array, reference: Array) -> Array:
    """Give `answer`, with the values of `base` where the two differ by rounding alone.

    Args:
        answer: what some kernels answer, [samples, ...].
        base: what kernels answer that do not depend on the processor, of the same shape.
        reference: what the source model answers, which tells how large values are.

    Returns:
        An array of the same shape; `answer` itself where shapes differ or values are integers, and
        its values where NaN or infinity is among the three.
    """
    if not (answer.shape == base.shape == reference.shape) or answer.dtype.kind != "f":
        return answer
    with np.errstate(invalid="ignore"):
        largest = np.abs(reference).reshape(len(reference), -1).max(axis=1, initial=0.0)
        noise = (NOISE * largest).reshape(-1, *[1] * (answer.ndim - 1))
        return np.where(np.abs(answer - base) <= noise, base, answer)
