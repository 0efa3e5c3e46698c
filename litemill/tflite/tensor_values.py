"""Read the values of a .tflite file's constant tensors, as real numbers.

Whole numbers are dequantized by their own scales (per tensor, per channel or per block), 4- and
2-bit ones unpacked.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from litemill.tflite.model_reader import ModelReader

    Array = np.ndarray[Any, np.dtype[Any]]

PLAIN = {"float32": np.float32, "float64": np.float64, "float16": np.float16}
WHOLE = ("int8", "uint8", "int16", "int32", "int64")
PACKED = {"int4": 4, "uint4": 4, "int2": 2}  # bits of a value, the lowest first
# The distance between neighbouring numbers, as a share of the number.
SPACING = {"float16": 2.0**-10, "bfloat16": 2.0**-7}
TINY = 2.0**-24  # the distance between float16 numbers around 0


@dataclass(frozen=True)
class TensorValues:
    """Real numbers and how exactly they are stored."""

    real: Array  # float32
    # The distance between neighbouring numbers of the type, of the values' shape or one that
    # broadcasts to it; 0 for float32. And which values stand at an end of the type's range.
    step: Array
    clipped: Array


def read_values(reader: ModelReader, tensor: Any, tensors: list[Any]) -> TensorValues | None:
    """Read a constant tensor's values; None where it holds no real numbers.

    `tensors` are those of its subgraph: one of them may hold its scales.

    Raises:
        ValueError, IndexError: the file is damaged.
    """
    dtype, raw = reader.dtype(tensor), reader.data(tensor.Buffer())
    if raw is None or tensor.Sparsity() is not None:
        return None
    shape = reader.numbers(tensor, "Shape")
    if dtype in {*PLAIN, "bfloat16"}:
        real = _plain(raw, dtype).astype(np.float32).reshape(shape)
        spacing = SPACING.get(dtype, 0.0)
        step = np.abs(real) * spacing + TINY if spacing else np.zeros(1)
        return TensorValues(real, step, np.zeros(1, bool))
    if dtype not in WHOLE and dtype not in PACKED:
        return None
    scale, zero = _scale(reader, tensor, tensors, shape)
    if scale is None:
        return None
    whole, low, high = _whole(raw, dtype, prod(shape))
    whole = whole.reshape(shape)
    # Symmetric ranges leave the lowest number out.
    clipped = (whole <= low + 1) | (whole >= high)
    return TensorValues(((whole - zero) * scale).astype(np.float32), scale, clipped)


def _scale(
    reader: ModelReader, tensor: Any, tensors: list[Any], shape: list[int]
) -> tuple[Array | None, Array | int]:
    """Return scale and zero point in shapes that broadcast to `shape`."""
    quantization = tensor.Quantization()
    if quantization is None:
        return None, 0
    if quantization.DetailsType() == reader.schema.QuantizationDetails.BlockwiseQuantization:
        return _block_scales(reader, quantization, tensors, shape), 0
    count = quantization.ScaleLength()
    if not count:
        return None, 0
    along = [1] * len(shape)
    if count > 1:
        along[quantization.QuantizedDimension()] = count
    zeros = quantization.ZeroPointLength()
    zero = quantization.ZeroPointAsNumpy() if zeros else np.zeros(1)
    scale = quantization.ScaleAsNumpy().astype(np.float64)
    return scale.reshape(along), zero.reshape(along if zeros == count else [1] * len(shape))


def _block_scales(
    reader: ModelReader, quantization: Any, tensors: list[Any], shape: list[int]
) -> Array:
    table = quantization.Details()
    details = reader.schema.BlockwiseQuantization()
    details.Init(table.Bytes, table.Pos)
    tensor = tensors[details.Scales()]
    raw = reader.data(tensor.Buffer())
    if raw is None:
        raise ValueError("blocks without scales")
    # A block is a run of values along the last axis.
    scales = _plain(raw, reader.dtype(tensor)).astype(np.float64)
    rows = scales.reshape(*shape[:-1], -1)
    return np.repeat(rows, shape[-1] // rows.shape[-1], axis=-1)


def _plain(raw: Array, dtype: str) -> Array:
    data = np.ascontiguousarray(raw)
    if dtype == "bfloat16":  # the upper half of a float32
        return (data.view(np.uint16).astype(np.uint32) << 16).view(np.float32)
    return data.view(PLAIN[dtype])


def _whole(raw: Array, dtype: str, count: int) -> tuple[Array, int, int]:
    """Unpack stored whole numbers; return them with the ends of their type's range."""
    if dtype in WHOLE:
        values = np.ascontiguousarray(raw).view(dtype)
        limits = np.iinfo(values.dtype)
        return values.astype(np.float64), limits.min, limits.max
    bits = PACKED[dtype]
    parts = [(raw >> shift) & ((1 << bits) - 1) for shift in range(0, 8, bits)]
    values = np.stack(parts, axis=-1).ravel()[:count].astype(np.float64)
    if dtype.startswith("u"):
        return values, 0, (1 << bits) - 1
    half = 1 << (bits - 1)
    return np.where(values >= half, values - 2 * half, values), -half, half - 1
