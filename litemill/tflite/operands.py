"""The numbers in a .tflite file: the constants that its operators read, as real values."""

from __future__ import annotations

import struct
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from litemill.core.errors import InterpreterError
from litemill.tflite.bounded_flatbuffer import Tables, text
from litemill.tflite.tensor_values import ConstantReader, TensorValues

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
# How litert-quantizer ends the name of a Hadamard matrix, by which it rotates activations before a
# layer, and the layer's weights with them, so that no value stands out.
ROTATION = "_hadamard_matrix"
SPREAD = 3.0  # steps that the rounding of many weights adds up to, turned back: 10 deviations
MALFORMED = (struct.error, IndexError, KeyError, ValueError, TypeError, AttributeError)


@dataclass(frozen=True)
class Operand:
    """A constant that an operator reads."""

    operator: str
    operand: int  # as which of its inputs
    position: tuple[int, int]  # subgraph, number of the operator
    tensor: tuple[int, int]  # subgraph, number of the tensor
    name: str  # of the tensor
    dtype: str  # as stored
    values: TensorValues

    @property
    def real(self) -> Array:
        """The values as float32."""
        return self.values.real

    @property
    def is_bias(self) -> bool:
        """Tell whether it is added to what the weights of the same operator give."""
        return BIAS.get(self.operator) == self.operand


def operands(content: bytes, place: object = "model") -> list[Operand]:
    """Give the real-valued constants of a .tflite file, in the order of its operators.

    A constant that several operators read comes once for each, one that is cast before it is used
    comes where it is used, and rotated weights are turned back.

    Args:
        content: a file that `litemill.tflite.flatbuffer.describe` has checked.
        place: what errors call it.

    Raises:
        InterpreterError: the file is damaged.
    """
    tables = Tables(content)
    try:
        return list(_read(tables))
    except MALFORMED as error:
        told = f"damaged weights at {tables.where} ({error})"
        raise InterpreterError(place, told, "expected a whole .tflite file") from None


def _read(tables: Tables) -> Iterator[Operand]:
    from ai_edge_litert import schema_py_generated as schema

    model = schema.Model.GetRootAsModel(tables.content, 0)
    codes = _words(schema.BuiltinOperator)
    names = [
        codes[max(code.BuiltinCode(), code.DeprecatedBuiltinCode())]
        for code in tables.each(model, "OperatorCodes")
    ]
    types = {number: word.lower() for number, word in _words(schema.TensorType).items()}
    stored = ConstantReader(schema, model, tables, types)
    for number, subgraph in enumerate(list(tables.each(model, "Subgraphs"))):
        tensors = list(tables.each(subgraph, "Tensors"))
        reader = _Subgraph(stored, tensors, {}, {})
        for position, operator in enumerate(tables.each(subgraph, "Operators")):
            tables.where = f"subgraph {number}, operator {position}"
            inputs = tables.indices(operator, "Inputs", len(tensors), optional=True)
            outputs = tables.indices(operator, "Outputs", len(tensors), optional=True)
            name = names[operator.OpcodeIndex()]
            yield from reader.operator(name, (number, position), inputs, outputs)


@dataclass
class _Subgraph:
    stored: ConstantReader
    tensors: list[Any]
    cast: dict[int, int]  # a tensor that is a constant, cast: that constant
    turned: dict[int, Array]  # a tensor that is an activation, rotated: by what

    def operator(
        self, name: str, position: tuple[int, int], inputs: list[int], outputs: list[int]
    ) -> Iterator[Operand]:
        if name == "DEQUANTIZE" and self.stored.data(self.tensors[inputs[0]]) is not None:
            self.cast[outputs[0]] = inputs[0]
            return
        matrix = self.turned.get(inputs[0]) if inputs else None
        if matrix is not None and name == "RESHAPE":
            self.turned[outputs[0]] = matrix
        for operand, tensor in enumerate(inputs):
            found = self._operand(tensor, name, operand, position) if tensor >= 0 else None
            if found is None:
                continue
            if found.name.endswith(ROTATION):
                self.turned[outputs[0]] = found.real
            elif matrix is not None and name == "FULLY_CONNECTED" and operand == WEIGHTS:
                yield _unrotated(found, matrix)
            else:
                yield found

    def _operand(
        self, number: int, name: str, operand: int, position: tuple[int, int]
    ) -> Operand | None:
        number = self.cast.get(number, number)
        tensor = self.tensors[number]
        values = self.stored.values(tensor, self.tensors)
        dtype = self.stored.types[tensor.Type()]
        if values is None:
            return None
        place = (position[0], number)
        return Operand(name, operand, position, place, text(tensor.Name()), dtype, values)


def _unrotated(weights: Operand, matrix: Array) -> Operand:
    """Turn back weights [out, in] that were rotated with their input, in runs of the matrix' size.

    The matrix M is orthogonal: W x = (W M^T) (M x), and so W = (W M^T) M.
    """
    size, shape = len(matrix), weights.real.shape
    if weights.real.size % size:
        return weights
    real = (weights.real.reshape(-1, size) @ matrix).reshape(shape)
    step = np.broadcast_to(weights.values.step, shape).max(axis=-1, keepdims=True) * SPREAD
    return replace(weights, values=TensorValues(real, step, np.zeros(1, bool)))


def _words(enumeration: type) -> dict[int, str]:
    return {number: word for word, number in vars(enumeration).items() if isinstance(number, int)}
