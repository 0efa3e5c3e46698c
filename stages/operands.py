"""The numbers in a .tflite file: the constants that its operators read, as real values.

Whole numbers are dequantized by their own scales (per tensor, per channel or per block), 4- and
2-bit ones unpacked, and a float16 constant that is cast before it is used counts as used.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from stages.errors import InterpreterError
from stages.tables import Tables, text

if TYPE_CHECKING:
    from collections.abc import Iterator

    Array = np.ndarray[Any, np.dtype[Any]]

# Which input of an operator is its bias, by the kernels' own documentation.
BIAS = {
    "CONV_2D": 2,
    "DEPTHWISE_CONV_2D": 2,
    "FULLY_CONNECTED": 2,
    "CONV_3D": 2,
    "TRANSPOSE_CONV": 3,
    "CONV_3D_TRANSPOSE": 3,
}
WEIGHTS = 1  # which input of these operators their weights are
PLAIN = {"float32": np.float32, "float64": np.float64, "float16": np.float16}
WHOLE = {"int8": np.int8, "uint8": np.uint8, "int16": np.int16, "int32": np.int32} | {
    "int64": np.int64
}
PACKED = {"int4": 4, "uint4": 4, "int2": 2}  # bits of a value, the lowest first
# The distance between neighbouring numbers, as a share of the number.
SPACING = {"float16": 2.0**-10, "bfloat16": 2.0**-7}
TINY = 2.0**-24  # the distance between float16 numbers around 0


@dataclass(frozen=True)
class Operand:
    """A constant that an operator reads."""

    operator: str
    operand: int  # as which of its inputs
    position: tuple[int, int]  # subgraph, number of the operator
    name: str  # of the tensor
    dtype: str  # as stored
    values: Array  # float32
    # How far a value may be off by rounding alone, of the values' shape or one for all; and where
    # it was cut off at an end of the type's range. float32 is exact.
    step: Array
    clipped: Array

    @property
    def is_bias(self) -> bool:
        """Tell whether it is added to what the weights of the same operator give."""
        return BIAS.get(self.operator) == self.operand


def operands(content: bytes, place: object = "model") -> list[Operand]:
    """Give the real-valued constants of a .tflite file, in the order of its operators.

    A constant that several operators read comes once for each.

    Args:
        content: a file that `stages.flatbuffer.describe` has checked.
        place: what errors call it.

    Raises:
        InterpreterError: the file is damaged.
    """
    reader = _Reader(content)
    try:
        return list(reader.read())
    except (struct.error, IndexError, KeyError, ValueError, TypeError, AttributeError) as error:
        told = f"damaged weights at {reader.tables.where} ({error})"
        raise InterpreterError(place, told, "expected a whole .tflite file") from None


class _Reader:
    def __init__(self, content: bytes) -> None:
        from ai_edge_litert import schema_py_generated as schema

        self.schema = schema
        self.tables = Tables(content)
        self.content = content
        self.model = schema.Model.GetRootAsModel(content, 0)
        self.types = _words(schema.TensorType)
        codes = _words(schema.BuiltinOperator)
        self.operators = [
            codes[max(code.BuiltinCode(), code.DeprecatedBuiltinCode())].upper()
            for code in self.tables.each(self.model, "OperatorCodes")
        ]

    def read(self) -> Iterator[Operand]:
        for number, subgraph in enumerate(list(self.tables.each(self.model, "Subgraphs"))):
            tensors = list(self.tables.each(subgraph, "Tensors"))
            cast: dict[int, int] = {}  # a tensor that is a constant, cast: that constant
            for position, operator in enumerate(self.tables.each(subgraph, "Operators")):
                self.tables.where = f"subgraph {number}, operator {position}"
                name = self.operators[operator.OpcodeIndex()]
                inputs = self.tables.indices(operator, "Inputs", len(tensors), optional=True)
                if name == "DEQUANTIZE" and self._data(tensors[inputs[0]]) is not None:
                    cast[self.tables.numbers(operator, "Outputs")[0]] = inputs[0]
                    continue
                for operand, tensor in enumerate(inputs):
                    if tensor < 0:
                        continue
                    stored = tensors[cast.get(tensor, tensor)]
                    real = self._real(stored, tensors)
                    if real is not None:
                        place, dtype = (number, position), self.types[stored.Type()]
                        yield Operand(name, operand, place, text(stored.Name()), dtype, *real)

    def _data(self, tensor: Any) -> Array | None:
        buffer = self.model.Buffers(tensor.Buffer())
        if buffer.Offset() > 1:  # outside of the flatbuffer, as models above 2 GB have it
            return np.frombuffer(self.content, np.uint8, int(buffer.Size()), int(buffer.Offset()))
        return np.asarray(buffer.DataAsNumpy()) if buffer.DataLength() else None

    def _real(self, tensor: Any, tensors: list[Any]) -> tuple[Array, Array, Array] | None:
        """Give values, steps and what is clipped; None for what holds no real numbers."""
        dtype, raw = self.types[tensor.Type()], self._data(tensor)
        if raw is None or tensor.Sparsity() is not None:
            return None
        shape = self.tables.numbers(tensor, "Shape")
        nowhere = np.zeros(1, bool)
        if dtype in {*PLAIN, "bfloat16"}:
            values = _plain(raw, dtype).astype(np.float32).reshape(shape)
            spacing = SPACING.get(dtype, 0.0)
            step = np.abs(values) * spacing + TINY if spacing else np.zeros(1)
            return values, step, nowhere
        if dtype not in WHOLE and dtype not in PACKED:
            return None
        scale, zero = self._scale(tensor, tensors, shape)
        if scale is None:
            return None
        stored, low, high = _whole(raw, dtype, prod(shape))
        stored = stored.reshape(shape)
        values = ((stored - zero) * scale).astype(np.float32)
        # Symmetric ranges leave the lowest number out.
        return values, scale, (stored <= low + 1) | (stored >= high)

    def _scale(
        self, tensor: Any, tensors: list[Any], shape: list[int]
    ) -> tuple[Array | None, Array | int]:
        """Give scale and zero point in shapes that broadcast to `shape`."""
        quantization = tensor.Quantization()
        if quantization is None:
            return None, 0
        if quantization.DetailsType() == self.schema.QuantizationDetails.BlockwiseQuantization:
            return self._blocks(quantization, tensors, shape), 0
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

    def _blocks(self, quantization: Any, tensors: list[Any], shape: list[int]) -> Array:
        table = quantization.Details()
        details = self.schema.BlockwiseQuantization()
        details.Init(table.Bytes, table.Pos)
        of = tensors[details.Scales()]
        raw = self._data(of)
        if raw is None:
            raise ValueError("blocks without scales")
        scales = _plain(raw, self.types[of.Type()]).astype(np.float64)
        # A block is a run of values along the last axis.
        rows = scales.reshape(*shape[:-1], -1)
        return np.repeat(rows, shape[-1] // rows.shape[-1], axis=-1)


def _plain(raw: Array, dtype: str) -> Array:
    data = np.ascontiguousarray(raw)
    if dtype == "bfloat16":  # the upper half of a float32
        return (data.view(np.uint16).astype(np.uint32) << 16).view(np.float32)
    return data.view(PLAIN[dtype])


def _whole(raw: Array, dtype: str, count: int) -> tuple[Array, int, int]:
    """Give stored whole numbers, unpacked, with the ends of their type's range."""
    if dtype in WHOLE:
        limits = np.iinfo(WHOLE[dtype])
        return (
            np.ascontiguousarray(raw).view(WHOLE[dtype]).astype(np.float64),
            limits.min,
            limits.max,
        )
    bits = PACKED[dtype]
    parts = [(raw >> shift) & ((1 << bits) - 1) for shift in range(0, 8, bits)]
    values = np.stack(parts, axis=-1).ravel()[:count].astype(np.float64)
    if dtype.startswith("u"):
        return values, 0, (1 << bits) - 1
    half = 1 << (bits - 1)
    return np.where(values >= half, values - 2 * half, values), -half, half - 1


def _words(enumeration: type) -> dict[int, str]:
    return {n: word.lower() for word, n in vars(enumeration).items() if isinstance(n, int)}
