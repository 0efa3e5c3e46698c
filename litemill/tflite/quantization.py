"""Convert real numbers to what a .tflite file stores, and back: real = scale * (stored - zero)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from litemill.core.errors import InterpreterError

if TYPE_CHECKING:
    from litemill.tflite.description import Tensor

    Array = np.ndarray[Any, np.dtype[Any]]


def quantize(values: Array, tensor: Tensor, *, place: object = "input") -> Array:
    """Convert real numbers to the type of `tensor`, quantized if it is.

    stored = clamp(round(value / scale) + zero_point), the quotient in float32 and ties away from
    zero, as `AffineQuantize` in LiteRT's kernels/internal/reference/quantize.h does.

    Raises:
        InterpreterError: NaN, or numbers that the type cannot hold.
    """
    dtype = np.dtype(tensor.dtype)
    if tensor.scale is None:
        return _cast(values, dtype, place)
    zero, limits = tensor.zero_point or 0, np.iinfo(dtype)
    quotient = np.asarray(values, np.float32) / np.float32(tensor.scale)
    if np.isnan(np.min(quotient, initial=0.0)):
        raise InterpreterError(place, "NaN", "expected numbers")
    # Between whole limits, so that rounding cannot leave them.
    np.clip(quotient, limits.min - zero, limits.max - zero, out=quotient)
    # Twice the exact fraction, cut off, is the step away from zero: -1, 0 or 1.
    rounded = np.trunc(quotient)
    quotient -= rounded
    quotient += quotient
    rounded += np.trunc(quotient, out=quotient)
    rounded += zero
    stored: Array = rounded.astype(dtype)
    return stored


def dequantize(values: Array, tensor: Tensor) -> Array:
    """Convert stored numbers to float32; return them as they are if not quantized.

    scale * (stored - zero_point), as `Dequantize` in LiteRT's
    kernels/internal/reference/dequantize.h does: whole numbers of 16 bits are exact in float32, so
    the product is rounded once there as here.
    """
    if tensor.scale is None:
        return values
    shifted = values.astype(np.float32)
    shifted -= np.float32(tensor.zero_point or 0)
    shifted *= np.float32(tensor.scale)
    return shifted


def _cast(values: Array, dtype: np.dtype[Any], place: object) -> Array:
    values = np.asarray(values)
    if values.dtype == dtype:
        return np.ascontiguousarray(values)
    cast = values.astype(dtype)
    if dtype.kind in "iub" and not np.array_equal(cast, values):
        raise InterpreterError(place, f"{values.dtype} values", f"expected whole {dtype} numbers")
    return cast
